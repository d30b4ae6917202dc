#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Computes reference numbers of the image classifiers with torchvision and timm and writes them as architectures.json beside this script: the
number of parameters, a hash of all names and shapes and, of those small enough for a default test, logits in evaluation and training
and the whole gradient, in float64. As in make_golden.py inputs and weights come from a formula, and vectors are given by their
norm and signed sums; `f32_error` says how far PyTorch's own f32 run is from them. Run it by scripts/compare_pytorch --write-golden."""

import argparse
import json
import pathlib

import numpy as np
import torch

import architectures
import make_golden as golden

SAMPLES = 2


def hash_of_names(state):
    """FNV-1a of the lines "name [dims]", in the order of the names' bytes."""
    text = "".join(f"{name} {list(tensor.shape)}\n" for name, tensor in sorted(state.items(), key=lambda item: item[0].encode()))
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def vectors(model, weights, pixels, dtype):
    """{what: {tensor: float64 array}} of one batch."""
    architectures.load_weights(model, weights)
    model.to(dtype)
    inputs = golden.formula("inputs", (SAMPLES, 3, pixels, pixels), golden.INPUT_SCALE).to(dtype)
    with torch.no_grad():
        evaluated = model.eval()(inputs)
    model.zero_grad()
    logits, loss = architectures.losses_of(model.train()(inputs), golden.class_ids("targets", SAMPLES, evaluated.shape[1]))
    loss.backward()
    def array(tensor):
        return tensor.detach().double().numpy().ravel()
    return {"evaluation_logits": {"logits": array(evaluated)}, "training_logits": {"logits": array(logits)},
            "gradient": {name: array(parameter.grad) for name, parameter in model.named_parameters()}}


def summary(exact, f32):
    whole, whole32 = np.concatenate(list(exact.values())), np.concatenate(list(f32.values()))
    sketch = [sum(golden.signed_sum(name, number, values) for name, values in exact.items()) for number in range(golden.SKETCHES)]
    return {"norm": float(np.linalg.norm(whole)), "f32_error": golden.relative(whole32, whole), "sketch": sketch}


def case_of(architecture):
    with torch.device("meta"):
        shapes = architecture.build()
    case = {"name": architecture.name, "set": {f"model.{key}": value for key, value in architecture.model.items()},
            "parameters": sum(p.numel() for p in shapes.parameters()), "names_and_shapes": hash_of_names(architectures.state_of(shapes))}
    if architecture.golden_pixels == 0:
        return case
    model = architectures.build_empty(architecture)
    weights = architectures.formula_weights(model, architectures.OPEN_SCALE)
    f32, f64 = (vectors(model, weights, architecture.golden_pixels, dtype) for dtype in (torch.float32, torch.float64))
    return case | {"samples": SAMPLES, "pixels": architecture.golden_pixels} | {what: summary(f64[what], f32[what]) for what in f64}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent, help="folder (default: this one)")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    golden.write(out / "architectures.json", "image classifiers of torchvision and timm; made by make_architectures.py",
                 [case_of(architecture) for architecture in architectures.ARCHITECTURES])


if __name__ == "__main__":
    main()
