# SPDX-License-Identifier: Apache-2.0
"""A GPT-2 recipe beside a twin: transformers' model, started at our weights, trained by PyTorch's AdamW on our batches, both without dropout, and then the perplexity of
both over all windows of the validation shards. Exit status 1 where they differ by more than --within.

Run it with an environment as scripts/compare_transformers makes it:
  python tests/pytorch/gpt2_twin.py --build build/release --recipe recipes/language/gpt2/gpt2_wikitext2.yaml --data DIR"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import yaml
from adamw import adamw
from ours import Ours
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel

HEADER_BYTES = 1024
SAVE_EVERY_STEPS = 50


def train_ours(arguments, folder):
    """Perplexity after so many steps, by the program itself."""
    settings = {"data.root": arguments.data.resolve(), "model.dropout": 0, "train.epochs": "null", "train.steps": arguments.steps, "evaluate.every_steps": "null",
                "checkpoint.every_steps": SAVE_EVERY_STEPS, "checkpoint.keep_best": "null"}
    command = [arguments.build / "launcher/tessera", "train", arguments.recipe, "--out", folder / "run"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    subprocess.run(command, check=True)
    return json.loads((folder / "run/summary.json").read_text())["evaluation"]["perplexity"]


def start(arguments, recipe):
    """The twin with our first weights, and our batches."""
    blocks = {key: recipe[key] for key in ("run", "model", "task", "optimizer", "schedule")}
    blocks["model"] = {**recipe["model"], "dropout": 0}
    samples = recipe["batch"]["global_samples"]
    blocks |= {"batch": {"global_samples": samples, "micro_samples": samples}, "train": {"steps": arguments.steps}}
    sizes = blocks["model"]
    twin = GPT2LMHeadModel(GPT2Config(vocab_size=sizes["vocabulary"], n_positions=sizes["context"], n_layer=sizes["layers"], n_head=sizes["heads"], n_embd=sizes["width"],
                                      resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))
    with Ours(arguments.build / "tests/pytorch/pytorch_driver", blocks, {**recipe["data"], "root": str(arguments.data.resolve())}, None) as ours:
        missing, unexpected = twin.load_state_dict(load_file(ours.weights_file()), strict=False)
        assert not unexpected and missing == ["lm_head.weight"], (missing, unexpected)  # tied
        return twin, ours.named_batches(arguments.steps)


def learning_rate(step, steps, peak, schedule):
    warmup, final = schedule["warmup_steps"], schedule["final_factor"]
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))))


def train(twin, batches, recipe, state):
    """`state` is the file that keeps where the twin stands."""
    rules, began, first = recipe["optimizer"], time.monotonic(), 0
    optimizer = adamw(twin, rules)
    if state.exists():
        saved = torch.load(state)
        first = saved["steps"]
        twin.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    for step in range(first, len(batches)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, len(batches), rules["learning_rate"], recipe["schedule"])
        loss = cross_entropy(twin(batches[step]["inputs"]).logits.flatten(0, 1), batches[step]["targets"].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), rules["clip_norm"])
        optimizer.step()
        if step % 20 == 0:
            left = (time.monotonic() - began) / (step + 1 - first) * (len(batches) - step - 1)
            print(f"twin: step {step + 1}/{len(batches)} loss {loss.item():.4f} ETA {left:.0f} s", flush=True)
        if (step + 1) % SAVE_EVERY_STEPS == 0 or step + 1 == len(batches):
            torch.save({"steps": step + 1, "model": twin.state_dict(), "optimizer": optimizer.state_dict()}, state.with_suffix(".new"))
            state.with_suffix(".new").rename(state)


@torch.no_grad()
def perplexity(twin, shards, context):
    total, count = 0.0, 0
    for shard in shards:
        tokens = torch.from_numpy(numpy.fromfile(shard, "<u2", offset=HEADER_BYTES).astype(numpy.int64))
        windows = (len(tokens) - 1) // context
        inputs, targets = tokens[: windows * context].view(windows, context), tokens[1 : windows * context + 1].view(windows, context)
        for part, wanted in zip(inputs.split(8), targets.split(8)):
            total += cross_entropy(twin(part).logits.flatten(0, 1), wanted.flatten(), reduction="sum").item()
            count += wanted.numel()
    return math.exp(total / count)


def compare(arguments, folder):
    """Exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = yaml.safe_load(arguments.recipe.read_text())
    twin, batches = start(arguments, recipe)
    train(twin, batches, recipe, folder / "twin.pt")
    theirs = perplexity(twin, sorted(arguments.data.glob(recipe["data"]["validation"])), recipe["data"]["context"])
    mine = train_ours(arguments, folder)
    print(f"perplexity after {arguments.steps} steps: ours {mine:.3f}, twin {theirs:.3f}, {100 * (mine / theirs - 1):+.2f} %")
    return abs(mine / theirs - 1) > arguments.within


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path, help="folder with the program and the driver")
    parser.add_argument("--recipe", required=True, type=pathlib.Path, help="of a gpt2 on token shards, with a cosine schedule")
    parser.add_argument("--data", required=True, type=pathlib.Path, help="folder of the shards")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--within", type=float, default=0.01)
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="where both runs keep their state, to be taken up by the same command (default: nowhere)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        return compare(arguments, arguments.keep or pathlib.Path(temporary))


if __name__ == "__main__":
    sys.exit(main())
