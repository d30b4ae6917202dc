# SPDX-License-Identifier: Apache-2.0
"""A BERT recipe's first steps beside a twin: transformers' model, started at our weights, trained by PyTorch's AdamW on the batches that our side packed and masked.

Prints both losses of both, averaged over parts of the run; exit status 1 where those of the last part differ by more than --within. Dropout draws differ, so that losses do.
Run it with an environment as scripts/compare_transformers makes it:
  python tests/pytorch/bert_twin.py --driver build/release/tests/pytorch/pytorch_driver --recipe recipes/language/bert/bert_wikitext2_small.yaml --data DIR"""

import argparse
import pathlib
import sys

import torch
import yaml
from adamw import adamw
from ours import Ours
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForPreTraining

PARTS = 5


def blocks_of(path, steps, folder):
    """(the recipe with one quantum a step, its data), for so many steps."""
    recipe = yaml.safe_load(path.read_text())
    for key in ("schema", "checkpoint", "evaluate"):
        recipe.pop(key, None)
    recipe["batch"]["micro_samples"] = recipe["batch"]["global_samples"]
    recipe["train"] = {"steps": steps}
    return recipe, {**recipe.pop("data"), "root": str(folder.resolve())}


def reference(model):
    config = BertConfig(vocab_size=model.get("vocabulary", 30522), max_position_embeddings=model["context"], num_hidden_layers=model["layers"],
                        num_attention_heads=model["heads"], hidden_size=model["width"], intermediate_size=model.get("hidden", 0) or 4 * model["width"],
                        hidden_dropout_prob=model["dropout"], attention_probs_dropout_prob=model["dropout"])
    return BertForPreTraining(config).train()


def losses_of(model, batch):
    """(hidden tokens' mean, samples' mean, what is differentiated)"""
    seen = torch.arange(batch["inputs"].shape[1])[None] < batch["lengths"][:, None]
    hidden = model.bert(batch["inputs"], attention_mask=seen.long(), token_type_ids=batch["token_types"])
    places = batch["targets"] >= 0
    masked = cross_entropy(model.cls.predictions(hidden.last_hidden_state[places]), batch["targets"][places], reduction="sum")
    following = cross_entropy(model.cls.seq_relationship(hidden.pooler_output), batch["next_sentence"], reduction="none")
    count = places.sum()
    return masked.item() / count.item(), following.mean().item(), (masked + (places.sum(1) * following).sum()) / count


def train(model, recipe, batches, steps):
    rules, warmup = recipe["optimizer"], recipe["schedule"]["warmup_steps"]
    optimizer = adamw(model, rules)
    rows = []
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = rules["learning_rate"] * ((step + 1) / warmup if step < warmup else 1 - (step - warmup) / (steps - warmup))
        masked, following, loss = losses_of(model, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), rules["clip_norm"])
        optimizer.step()
        rows.append((masked, following))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", required=True)
    parser.add_argument("--recipe", required=True, type=pathlib.Path, help="of a bert with masked_text and a polynomial schedule")
    parser.add_argument("--data", required=True, type=pathlib.Path, help="folder of the shards")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--within", type=float, default=0.01)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    recipe, data = blocks_of(arguments.recipe, arguments.steps, arguments.data)
    with Ours(arguments.driver, recipe, data, None) as ours:
        model = reference(recipe["model"])
        missing, unexpected = model.load_state_dict(load_file(ours.weights_file()), strict=False)
        model.tie_weights()
        assert not unexpected and all(name.startswith("cls.predictions.decoder.") for name in missing), (missing, unexpected)
        batches = ours.named_batches(arguments.steps)
        mine = [(row[1], row[4]) for row in ours.metrics(arguments.steps)]
    theirs = train(model, recipe, batches, arguments.steps)
    worst = 0.0
    for part in range(PARTS):
        rows = range(arguments.steps * part // PARTS, arguments.steps * (part + 1) // PARTS)
        means = [[sum(losses[row][kind] for row in rows) / len(rows) for losses in (mine, theirs)] for kind in (0, 1)]
        worst = max(abs(own / other - 1) for own, other in means)
        print(f"steps {rows.start + 1:5} to {rows.stop:5}: hidden tokens {means[0][0]:.4f}, twin {means[0][1]:.4f}; next sentences {means[1][0]:.4f}, twin {means[1][1]:.4f}; "
              f"furthest apart {100 * worst:.2f} %")
    return worst > arguments.within


if __name__ == "__main__":
    sys.exit(main())
