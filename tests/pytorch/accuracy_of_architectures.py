# SPDX-License-Identifier: Apache-2.0
"""Logits, in training and evaluation, and gradients of the image classifiers: Tessera and PyTorch in f32, each beside PyTorch in float64.

A tensor passes if it is within its bound of PyTorch's, or no further from float64 than twice PyTorch's own f32 run: behind a hundred
batch norms of a few pixels each, f32 itself is further off than any bound. As in accuracy.py the median over batches is what counts."""

import architectures
import torch
from accuracy import GRADIENT_BOUND, LOGITS_BOUND, RATIO_BOUND, Errors

PASSES = 3
# Of the whole gradient's norm; what is smaller is zero but for rounding (a bias before a batch norm), and is measured by the whole.
NEGLIGIBLE = 1e-10


def passes_of(case, weights, batch, dtype):
    """{name: tensor in float64} of one batch: logits, evaluation logits, gradients of the sum of losses."""
    model = case.made(weights, dtype)
    inputs, targets = batch
    with torch.no_grad():
        tensors = {"logits in evaluation": model.eval()(inputs.to(dtype))}
    logits, loss = architectures.losses_of(model.train()(inputs.to(dtype)), targets)
    loss.backward()
    tensors["logits"] = logits.detach()
    tensors |= {name: parameter.grad for name, parameter in model.named_parameters()}
    return {name: tensor.double() for name, tensor in tensors.items()}


def passes_of_ours(ours, step):
    evaluation = ours.evaluation_logits(step)
    logits, gradients = ours.forward_backward(step)
    return {name: tensor.double() for name, tensor in ({"logits in evaluation": evaluation, "logits": logits} | gradients).items()}


def relative_to(scale, tensor, reference):
    return float(torch.linalg.vector_norm(tensor - reference)) / scale


def measure(case, ours, weights):
    """{tensor: Errors}"""
    errors = {}
    for step, batch in enumerate(ours.batches(PASSES)):
        mine, f32 = passes_of_ours(ours, step), passes_of(case, weights, batch, torch.float32)
        f64 = passes_of(case, weights, batch, torch.float64)
        assert mine.keys() == f64.keys(), mine.keys() ^ f64.keys()
        norms = {name: float(torch.linalg.vector_norm(tensor)) for name, tensor in f64.items()}
        whole = sum(norm**2 for name, norm in norms.items() if not name.startswith("logits"))**0.5
        for name, exact in f64.items():
            scale = norms[name] if norms[name] > NEGLIGIBLE * whole else whole
            row = (relative_to(scale, mine[name], exact), relative_to(scale, f32[name], exact), relative_to(scale, mine[name], f32[name]))
            errors.setdefault(name, Errors()).rows.append(row)
    return errors


def share_of_bound(error, bound):
    """At most 1 where the tensor passes."""
    mine, theirs, between = error.median()
    return min(between / bound, mine / max(RATIO_BOUND * theirs, 1e-30))


def compare(case, ours):
    """Prints what is worst; returns the acceptance lines as (text, value, bound)."""
    errors = measure(case, ours, case.weights())
    lines = []
    gradients = [name for name in errors if not name.startswith("logits")]
    worst = max(gradients, key=lambda name: share_of_bound(errors[name], GRADIENT_BOUND))
    for name, bound in (("logits", LOGITS_BOUND), ("logits in evaluation", LOGITS_BOUND), (worst, GRADIENT_BOUND)):
        mine, theirs, between = errors[name].median()
        text = name if name.startswith("logits") else f"worst of {len(gradients)} gradients: {name}"
        print(f"{case.name}: {text}: ours-f64 {mine:.1e}, torch-f64 {theirs:.1e}, ours-torch {between:.1e}", flush=True)
        lines.append((f"{text}: of {bound:g} from PyTorch, or of {RATIO_BOUND:g} times its distance from float64", share_of_bound(errors[name], bound), 1))
    return lines
