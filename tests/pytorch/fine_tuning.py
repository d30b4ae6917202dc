# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning beside transformers': the samples that Tessera makes of GLUE's files beside BertTokenizer's, and the first steps of a BERT on SST-2, started from random weights as transformers
saves them, beside PyTorch's in f32 and float64 on the same batches (no further from float64 than twice PyTorch's f32). Run it with an environment as scripts/compare_transformers makes it:
  python tests/pytorch/fine_tuning.py --driver build/release/tests/pytorch/pytorch_driver --glue DIR --vocabulary vocab.txt"""

import argparse
import csv
import pathlib
import sys
import tempfile

import torch
import yaml
from adamw import adamw
from ours import Ours
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

RECIPE = pathlib.Path(__file__).parents[2] / "recipes/language/bert/sst2.yaml"
SIZES = {"base": {}, "tiny": {"layers": 2, "heads": 2, "width": 128}}

# format: folder, file, whether it has a header, columns of target, text and pair
TABLES = {"sst2": ("SST-2", "train.tsv", True, 1, 0, None), "cola": ("CoLA", "train.tsv", False, 1, 0, None),
          "mrpc": ("MRPC", "msr_paraphrase_train.txt", True, 0, 3, 4), "stsb": ("STS-B", "sts-train.csv", False, 4, 5, 6)}


def table_block(name, arguments, context):
    return {"kind": "text_table", "format": name, "root": str(arguments.glue.resolve() / TABLES[name][0]), "tokenizer": str(arguments.vocabulary.resolve()), "context": context}


def wanted_samples(name, arguments, tokenizer, context):
    folder, file, header, target, text, pair = TABLES[name]
    with open(arguments.glue / folder / file, encoding="utf-8-sig", newline="") as table:
        rows = list(csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE))[header:]
    for row in rows:
        texts = (row[text],) if pair is None else (row[text], row[pair])
        encoded = tokenizer(*texts, truncation="longest_first", max_length=context)
        yield tuple(encoded["input_ids"]), tuple(encoded["token_type_ids"]), float(row[target])


def our_samples(name, arguments, tokenizer, context, count):
    """Those of the split that batches of 8 hold, in the order of training."""
    model = {"kind": "bert", "head": "scores", "layers": 1, "heads": 1, "width": 8, "context": context, "outputs": 1 if name == "stsb" else 2}
    recipe = {"model": model, "task": {"kind": "regression" if name == "stsb" else "classification"}, "batch": {"global_samples": 8, "micro_samples": 8},
              "train": {"steps": 1}, "optimizer": {"kind": "sgd", "learning_rate": 1}}
    with Ours(arguments.driver, recipe, {**table_block(name, arguments, context), "bucket_quanta": 16}, None) as ours:
        batches = ours.tensors("batches", count // 8)
    for ids, types, length, target in zip(*(batches[field].tolist() for field in ("inputs", "token_types", "lengths", "targets"))):
        assert not any(ids[length:]) and not any(types[length:]), "padding"
        yield tuple(ids[:length]), tuple(types[:length]), target


def compare_samples(name, arguments, tokenizer):
    passed = True
    for context in (128, 24):
        wanted = list(wanted_samples(name, arguments, tokenizer, context))
        left = {}
        for ids, types, target in wanted:
            key = (ids, types, round(target, 4))
            left[key] = left.get(key, 0) + 1
        others = 0
        for ids, types, target in our_samples(name, arguments, tokenizer, context, len(wanted)):
            key = (ids, types, round(target, 4))
            others += left.get(key, 0) == 0
            left[key] = left.get(key, 0) - 1
        truncated = sum(len(ids) == context for ids, _, _ in wanted)
        print(f"{name}, at most {context} tokens: {len(wanted) // 8 * 8} of {len(wanted)} samples, about {truncated} of them cut; not as transformers makes them: {others}")
        passed &= others == 0
    return passed


def reference(model):
    config = BertConfig(num_hidden_layers=model["layers"], num_attention_heads=model["heads"], hidden_size=model["width"], intermediate_size=4 * model["width"],
                        hidden_dropout_prob=0, attention_probs_dropout_prob=0, num_labels=model["outputs"])
    return BertForSequenceClassification(config).train()


def losses_of(model, batches, rules):
    optimizer = adamw(model, rules)
    losses = []
    for batch in batches:
        seen = torch.arange(batch["inputs"].shape[1])[None] < batch["lengths"][:, None]
        loss = cross_entropy(model(batch["inputs"], attention_mask=seen.long(), token_type_ids=batch["token_types"]).logits, batch["targets"])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), rules["clip_norm"])
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def compare_training(arguments, folder):
    recipe = yaml.safe_load(RECIPE.read_text())
    recipe = {key: recipe[key] for key in ("run", "model", "task", "optimizer")}
    recipe["model"] = {**recipe["model"], **SIZES[arguments.size], "dropout": 0}
    recipe.update(batch={"global_samples": arguments.samples, "micro_samples": arguments.samples}, train={"steps": arguments.steps})
    torch.manual_seed(1)
    model = reference(recipe["model"])
    model.save_pretrained(folder)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    with Ours(arguments.driver, recipe, table_block("sst2", arguments, arguments.context), folder / "model.safetensors") as ours:
        batches = ours.named_batches(arguments.steps)
        mine = torch.tensor(ours.losses(arguments.steps), dtype=torch.float64)
    single = losses_of(model, batches, recipe["optimizer"])
    double_model = reference(recipe["model"]).double()
    double_model.load_state_dict(state)
    double = losses_of(double_model, batches, recipe["optimizer"])
    ours_off, theirs_off = ((losses - double).abs().max().item() for losses in (mine, single))
    print(f"SST-2, BERT {arguments.size}, {arguments.samples} x {arguments.context}, {arguments.steps} steps from loss {double[0]:.4f} to {double[-1]:.4f}: "
          f"furthest from float64: ours {ours_off:.1e}, PyTorch {theirs_off:.1e}")
    return ours_off <= 2 * theirs_off


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", required=True)
    parser.add_argument("--glue", required=True, type=pathlib.Path, help="folder of SST-2, CoLA, MRPC and STS-B")
    parser.add_argument("--vocabulary", required=True, type=pathlib.Path, help="BERT's vocab.txt")
    parser.add_argument("--only", choices=["samples", "training"])
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--samples", type=int, default=8, help="of a step")
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    passed = True
    if arguments.only != "training":
        tokenizer = BertTokenizer(str(arguments.vocabulary))
        passed &= all([compare_samples(name, arguments, tokenizer) for name in TABLES])
    if arguments.only != "samples":
        with tempfile.TemporaryDirectory() as folder:
            passed &= compare_training(arguments, pathlib.Path(folder))
    print("PASS" if passed else "FAIL")
    return not passed


if __name__ == "__main__":
    sys.exit(main())
