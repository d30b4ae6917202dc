#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tessera beside PyTorch on the same models, weights and batches, in one run: logits, gradients and the losses of 20 steps against
PyTorch in float64 and f32; step times in turns; the cost of the tape. Run it through scripts/compare_pytorch, which makes what it needs."""

import argparse
import pathlib
import sys
import tempfile

import torch
from safetensors.torch import save_file

import accuracy
import accuracy_of_architectures
import memory
import speed
from models import ARCHITECTURE_CASES, CASES, SPEED_TARGETS
from ours import Ours

PARTS = ("numbers", "speed", "memory", "tape")


def data_of(case, path, samples):
    """What Ours takes: tensors of a fixed formula, or the recipe's block for the given file or folder."""
    if path is None:
        return case.formula_data(samples)
    if path.is_dir():
        return {**case.folder_data, "root": str(path.resolve())}
    return {"kind": "tensors", "train": str(path.resolve())}


def compare_case(case, arguments, parts):
    """Acceptance lines and speed lines."""
    acceptance = []

    def start(samples):
        return Ours(arguments.driver, case.recipe(samples, arguments.threads), data_of(case, arguments.data, accuracy.STEPS * samples), arguments.weights)

    if "numbers" in parts:
        with start(arguments.batch or case.accuracy_samples) as ours:
            acceptance += [(case.name, *line) for line in accuracy.compare(case, ours)]
        print(flush=True)
    return acceptance, compare_steps(case, start, arguments)


def compare_steps(case, start, arguments):
    """Speed and memory of steps; speed lines. `start`: makes our side for so many samples, anew for either."""
    samples, parts, lines = arguments.batch or case.speed_samples, arguments.only.split(","), []
    if "speed" in parts:
        with start(samples) as ours:
            lines.append((case.name, *speed.compare(case, ours, samples, arguments)))
        print(flush=True)
    if "memory" in parts:
        with start(samples) as ours:
            memory.compare(case.name, ours, samples, arguments)
        print(flush=True)
    return lines


def compare_architecture_steps(case, arguments):
    def start(samples):
        return Ours(arguments.driver, case.speed_recipe(samples, arguments.threads), case.speed_data(speed.BATCHES * samples), None)

    return compare_steps(case, start, arguments)


def compare_architecture(case, arguments, open_gates):
    with tempfile.TemporaryDirectory(prefix="tessera_compare_") as scratch:
        weights, file = case.weights(open_gates), pathlib.Path(scratch) / "weights.safetensors"
        save_file(weights, file)
        samples = arguments.batch or case.accuracy_samples
        data = case.formula_data(accuracy_of_architectures.PASSES * samples)
        with Ours(arguments.driver, case.recipe(samples, arguments.threads), data, file) as ours:
            return [(case.name, *line) for line in accuracy_of_architectures.compare(case, ours, weights, file, open_gates)]


def print_results(acceptance, targets):
    for model, text, value, bound in acceptance:
        print(f"{'PASS' if value <= bound else 'FAIL'}  {model}: {text}: {value:.3g} (at most {bound:g})")
    for model, text, value, target in targets:
        print(f"{'PASS' if value >= target else 'MISS'}  {model}: {text}: {value:.2f} (target: at least {target:g})")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--tape-bench", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--model", choices=[*(case.name for case in CASES + ARCHITECTURE_CASES), "all", "architectures"], default="all",
                        help="all: those with a training of their own (default); architectures: one pass of each image classifier; or one of either")
    parser.add_argument("--only", default="numbers,speed,tape", help=f"comma-separated, of {', '.join(PARTS)} (default: all but memory)")
    parser.add_argument("--ways", default=",".join(speed.WAYS), help="of PyTorch that are timed, comma-separated (default: all)")
    parser.add_argument("--data", type=pathlib.Path, help="safetensors file with inputs and targets, or a folder (lenet5: idx files, resnet20: "
                        "CIFAR-10's binary files); needs --model; default: a fixed formula")
    parser.add_argument("--weights", type=pathlib.Path, help="safetensors file to begin with; needs --model; default: our initialiser")
    parser.add_argument("--batch", type=int, help="samples of a step (default: the model's own)")
    parser.add_argument("--gates", choices=["closed", "open", "both"], default="both", help="of image classifiers with batch norms: weights with which some ReLUs cut, "
                        "with which none does, or one after the other (default)")
    parser.add_argument("--threads", type=int, default=1, help="of both sides (default: 1)")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: processor time of the steps, for one thread on a busy machine (default: wall)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant in timings (default: 5)")
    arguments = parser.parse_args()
    unknown = set(arguments.only.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if arguments.model not in [case.name for case in CASES] and (arguments.data or arguments.weights):
        parser.error("--data and --weights belong to one of the trained models: give --model, too")
    return arguments


def main():
    arguments = parse()
    parts = arguments.only.split(",")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    print(f"PyTorch {torch.__version__}, {arguments.threads} thread(s)\n", flush=True)
    acceptance, targets = [], []
    for case in CASES:
        if arguments.model in (case.name, "all"):
            more_acceptance, more_targets = compare_case(case, arguments, parts)
            acceptance += more_acceptance
            targets += more_targets
    for case in ARCHITECTURE_CASES:
        if "numbers" in parts and arguments.model in (case.name, "architectures"):
            for open_gates in (False, True) if case.has_norms else (False,):
                if arguments.gates != ("closed" if open_gates else "open"):
                    acceptance += compare_architecture(case, arguments, open_gates)
        if arguments.model == case.name or (arguments.model == "architectures" and case.name in SPEED_TARGETS):
            targets += compare_architecture_steps(case, arguments)
    if "tape" in parts:
        torch.set_num_threads(1)
        targets.append(("tape", *speed.compare_tape(arguments.tape_bench, arguments.rounds)))
        print()
    print_results(acceptance, targets)
    return 0 if all(value <= bound for *_, value, bound in acceptance) else 1


if __name__ == "__main__":
    sys.exit(main())
