# SPDX-License-Identifier: Apache-2.0
"""Logits, in training and evaluation, and gradients of the image classifiers: Tessera and PyTorch in f32, each beside PyTorch in float64.

A tensor passes if it is within its bound of PyTorch's, or no further from float64 than twice PyTorch's own f32 run: behind a hundred
batch norms of a few pixels each, f32 itself is further off than any bound. Two kinds of weights share the work:

- Open gates: no ReLU behind a batch norm is near a decision, so that two right programs agree closely on every batch. Every tensor is judged by the
  root mean square over batches: what is wrong in every batch shows from the bound on, what is wrong in one of five from twice the bound, but for
  tensors before a max-pool, whose choices rounding turns, too.
- Closed and open ones: among millions of ReLU inputs some turn by rounding in every other batch, in one run and not in the other (see accuracy.py), and
  each moves all gradients before it by a thousandth. So a gradient is judged by the batch in which it is best, on either side, or where they turn in
  every batch by the root mean square; logits by the median. That finds what is wrong in every batch: a ReLU whose backward is, say.

Each model prints the size of an error that would still pass, in the tensor where it is largest, which is held to a bound, and in the one in the middle."""

import torch
from accuracy import GRADIENT_BOUND, LOGITS_BOUND, RATIO_BOUND, Errors
from models import architectures

PASSES = 5
# Of the whole gradient's norm; what is smaller is zero but for rounding (a bias before a batch norm), and is measured by the whole.
NEGLIGIBLE = 1e-10
WHOLE = "whole gradient"
# Of an error, relative to its tensor: a wrong formula is further off. Behind 100 layers with closed gates PyTorch's own f32 run is off by a twentieth in the
# first scales and shifts; what closed gates alone can show, a wrong ReLU, is off by its whole.
NOTICED, NOTICED_WITH_OPEN_GATES = 0.2, 0.05


def passes_of(model, weights, batch):
    """{name: tensor in float64} of one batch: logits, evaluation logits, gradients of the sum of losses."""
    architectures.load_weights(model, weights)  # running statistics, too
    dtype = next(model.parameters()).dtype
    inputs, targets = batch
    model.zero_grad()
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
    errors, models = {}, [case.build_empty().to(dtype) for dtype in (torch.float32, torch.float64)]
    for step, batch in enumerate(ours.batches(PASSES)):
        mine, f32, f64 = passes_of_ours(ours, step), *(passes_of(model, weights, batch) for model in models)
        assert mine.keys() == f64.keys(), mine.keys() ^ f64.keys()
        norms = {name: float(torch.linalg.vector_norm(tensor)) for name, tensor in f64.items()}
        whole = sum(norm**2 for name, norm in norms.items() if not name.startswith("logits"))**0.5
        for name, exact in f64.items():
            scale = norms[name] if norms[name] > NEGLIGIBLE * whole else whole
            row = (relative_to(scale, mine[name], exact), relative_to(scale, f32[name], exact), relative_to(scale, mine[name], f32[name]))
            errors.setdefault(name, Errors()).rows.append(row)
        gradients = [torch.cat([run[name].flatten() for name in f64 if not name.startswith("logits")]) for run in (mine, f32, f64)]
        errors.setdefault(WHOLE, Errors()).add(*gradients)
    return errors


def share_of_bound(distances, bound):
    """At most 1 where the tensor passes."""
    mine, theirs, between = distances
    return min(between / bound, mine / max(RATIO_BOUND * theirs, 1e-30))


def best(error, bound):
    """The kinder statistic of a gradient's distances."""
    smallest = [min(column) for column in zip(*error.rows)]
    return min(smallest, error.rms(), key=lambda distances: share_of_bound(distances, bound))


def line_of(case, text, distances, bound):
    mine, theirs, between = distances
    print(f"{case.name}: {text}: ours-f64 {mine:.1e}, torch-f64 {theirs:.1e}, ours-torch {between:.1e}", flush=True)
    return f"{text}: of {bound:g} from PyTorch, or of {RATIO_BOUND:g} times its distance from float64", share_of_bound(distances, bound), 1


def passing_error(distances, bound):
    """The largest error of a tensor that would pass, if PyTorch's f32 run is as far off as here."""
    return max(bound, RATIO_BOUND * distances[1])


def judged(errors, open_gates):
    """{tensor: (the distances that count, their bound)}"""
    def of(name, error):
        bound = LOGITS_BOUND if name.startswith("logits") else GRADIENT_BOUND
        if open_gates:
            return error.rms(), bound
        return (error.median() if name.startswith("logits") else best(error, bound)), bound
    return {name: of(name, error) for name, error in errors.items()}


def check_files(ours, weights, file):
    """A file that torchvision's or timm's side saved comes back byte by byte."""
    exported = ours.weights()
    assert exported.keys() == weights.keys() and all(torch.equal(exported[name], weights[name]) for name in weights), "an exported file is not what was imported"
    assert ours.weights_file().read_bytes() == file.read_bytes(), "an exported file is not, byte by byte, the one that was imported"
    return exported


def compare(case, ours, weights, file, open_gates):
    """Prints what is worst; returns the acceptance lines as (text, value, bound)."""
    errors = measure(case, ours, check_files(ours, weights, file))
    whole, kind = errors.pop(WHOLE).rms(), " with open gates" if open_gates else ""
    print(f"{case.name}{kind}: whole gradient, root mean square over {PASSES} batches: ours-f64 {whole[0]:.1e}, torch-f64 {whole[1]:.1e}", flush=True)
    tensors = judged(errors, open_gates)
    passing = sorted((passing_error(*tensor), name) for name, tensor in tensors.items())
    print(f"{case.name}{kind}: relative size of an error that would pass, in the middle one of {len(passing)} tensors: {passing[len(passing) // 2][0]:.1e}", flush=True)
    lines = [line_of(case, name + kind, *tensors.pop(name)) for name in ("logits", "logits in evaluation")]
    worst = max(tensors, key=lambda name: share_of_bound(*tensors[name]))
    return [*lines, line_of(case, f"worst of {len(tensors)} gradients{kind}: {worst}", *tensors[worst]),
            (f"relative size of an error that would pass{kind}, in {passing[-1][1]}", passing[-1][0], NOTICED_WITH_OPEN_GATES if open_gates else NOTICED)]
