# SPDX-License-Identifier: Apache-2.0
"""Logits, gradients and losses: Tessera and PyTorch in f32, each beside PyTorch in float64, on the same weights and batches.

Among the millions of ReLU inputs of a residual network some are so close to zero that rounding turns the decision, in one f32 run and not
in the other; then gradients are off by a thousandth in that run alone. So tensors are judged by their median error over batches,
which such turns hardly touch, and the gradient as a whole by its root mean square, in which they count."""

import contextlib
import math
import statistics

import torch
from decisions import Decisions
from torch.nn import functional

STEPS = 20
PASSES = 15  # batches for logits and gradients
LOGITS_BOUND, GRADIENT_BOUND = 1e-5, 1e-4  # norm-wise, of models whose errors have a bound of their own
RATIO_BOUND = 2.0                          # of our distance from float64 to PyTorch's, elsewhere


def forward_backward(case, weights, batch, dtype):
    """(logits, {parameter: gradient of the sum of losses}) in float64."""
    model = case.made(weights, dtype)
    inputs, targets = batch
    logits = model(inputs.to(dtype))
    functional.cross_entropy(logits, targets, reduction="sum").backward()
    return logits.detach().double(), {name: parameter.grad.double() for name, parameter in model.named_parameters()}


def losses(case, weights, batches, dtype):
    model = case.made(weights, dtype)
    optimizer = case.make_optimizer(model.parameters())
    curve = []
    for inputs, targets in batches:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs.to(dtype)), targets)
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve


def distance(values, reference):
    return float(torch.linalg.vector_norm(values.double() - reference) / torch.linalg.vector_norm(reference))


class Errors:
    """Norm-wise relative distances of one tensor, over passes: ours and PyTorch's from float64, and from each other."""

    def __init__(self):
        self.rows = []

    def add(self, ours, f32, f64):
        self.rows.append((distance(ours, f64), distance(f32, f64), distance(ours, f32)))

    def median(self):
        return [statistics.median(column) for column in zip(*self.rows)]

    def largest(self):
        return [max(column) for column in zip(*self.rows)]

    def rms(self):
        return [math.sqrt(sum(value * value for value in column) / len(column)) for column in zip(*self.rows)]


def reference_passes(case, weights, batch):
    """PyTorch's in f32 and float64. Where errors have a bound of their own, f32 holds float64's decisions: if rounding turned one of PyTorch's, there would be nothing
    to compare with."""
    with Decisions() as taken:
        f64 = forward_backward(case, weights, batch, torch.float64)
    with Decisions(taken.taken) if case.bounded else contextlib.nullcontext() as held:
        f32 = forward_backward(case, weights, batch, torch.float32)
    if held and held.turned:
        print(f"{case.name}: {held.turned} of {held.count} decisions would turn in PyTorch's f32 run of a batch, which holds float64's")
    return f32, f64


def measure_passes(case, ours, weights, batches):
    """{tensor: Errors}, `logits` and `all gradients` (as one vector) among them."""
    errors = {}
    for step, batch in enumerate(batches[:PASSES]):
        runs = [ours.forward_backward(step), *reference_passes(case, weights, batch)]
        errors.setdefault("logits", Errors()).add(*(logits for logits, _ in runs))
        names = list(runs[2][1])
        whole = [torch.cat([gradients[name].double().flatten() for name in names]) for _, gradients in runs]
        errors.setdefault("all gradients", Errors()).add(*whole)
        for name in names:
            errors.setdefault(name, Errors()).add(*(gradients[name] for _, gradients in runs))
    return errors


def print_errors(errors):
    print(f"  {'':24} {'median over batches':^40}  {'largest':^32}")
    print(f"  {'norm-wise relative error':24} {'ours-f64':>10} {'torch-f64':>10} {'ratio':>6} {'ours-torch':>10}  {'ours-f64':>10} {'torch-f64':>10} {'ours-torch':>10}")
    for name, error in errors.items():
        ours, theirs, between = error.median()
        print(f"  {name:24} {ours:10.2e} {theirs:10.2e} {ours / theirs:6.2f} {between:10.2e}  " + " ".join(f"{value:10.2e}" for value in error.largest()))


def curve_errors(ours, f32, f64):
    rms = [math.sqrt(sum((value - exact) ** 2 for value, exact in zip(curve, f64)) / len(f64)) for curve in (ours, f32)]
    print(f"  {'step':>4} {'f64':>12} {'ours':>12} {'torch':>12} {'ours-f64':>10} {'torch-f64':>10}")
    for step, (exact, mine, theirs) in enumerate(zip(f64, ours, f32)):
        print(f"  {step:4} {exact:12.8f} {mine:12.8f} {theirs:12.8f} {mine - exact:10.1e} {theirs - exact:10.1e}")
    print(f"  losses of {len(f64)} steps: root mean square distance from float64: ours {rms[0]:.2e}, torch {rms[1]:.2e}, ratio {rms[0] / rms[1]:.2f}")
    return rms


def compare(case, ours):
    """Prints the tables; returns the acceptance lines as (text, value, bound)."""
    weights, batches = ours.weights(), ours.batches(STEPS)
    errors = measure_passes(case, ours, weights, batches)
    print(f"{case.name}: logits and gradients of {min(PASSES, STEPS)} batches of {case.accuracy_samples}")
    print_errors(errors)
    print(f"{case.name}: losses of {STEPS} steps")
    curve = curve_errors(ours.losses(STEPS), *(losses(case, weights, batches, dtype) for dtype in (torch.float32, torch.float64)))
    tensors = [name for name in errors if name not in ("logits", "all gradients")]
    if case.bounded:
        worst = max(tensors, key=lambda name: errors[name].largest()[2])
        return [("logits against PyTorch", errors["logits"].largest()[2], LOGITS_BOUND),
                (f"every gradient against PyTorch (worst: {worst})", errors[worst].largest()[2], GRADIENT_BOUND)]

    def ratio(error):
        return error[0] / error[1]

    worst = max(tensors, key=lambda name: ratio(errors[name].median()))
    return [("logits, distance from float64 over PyTorch's", ratio(errors["logits"].median()), RATIO_BOUND),
            ("the whole gradient, distance from float64 over PyTorch's", ratio(errors["all gradients"].rms()), RATIO_BOUND),
            (f"every gradient, distance from float64 over PyTorch's (worst: {worst})", ratio(errors[worst].median()), RATIO_BOUND),
            (f"losses of {STEPS} steps, distance from float64 over PyTorch's", ratio(curve), RATIO_BOUND)]
