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

What is bounded besides is the size of an error that would still pass, in the tensor where it is largest. It is measured without the decisions that rounding
turns: of PyTorch's f32 run there is a second one that holds float64's decisions (decisions.py), ReLUs' and max-pools', whose distance from float64 is rounding's
alone. What the first one is further off is theirs; each model prints how many they are. Left out of it are gradients that cancel, of less than a
millionth of the whole; how many times larger its terms are (cancellation.py) is printed beside the tensor that is named."""

import contextlib

import torch
from accuracy import GRADIENT_BOUND, LOGITS_BOUND, RATIO_BOUND, Errors
from cancellation import Terms
from decisions import Decisions
from models import architectures

PASSES = 5
# Of the whole gradient's norm; what is smaller is zero but for rounding (a bias before a batch norm), and is measured by the whole.
NEGLIGIBLE = 1e-10
CANCELLED = 1e-6  # likewise: what is smaller is a sum whose terms cancel, of which f32 has a few bits
WHOLE = "whole gradient"
NOTICED = 3e-3  # of an error, relative to its tensor, in every batch: a wrong formula is further off


def passes_of(model, weights, batch):
    """{name: tensor} of one batch: logits, evaluation logits, gradients of the sum of losses."""
    architectures.load_weights(model, weights)  # running statistics, too
    dtype = next(model.parameters()).dtype
    inputs, targets = batch
    model.zero_grad()
    with torch.no_grad():
        tensors = {"logits in evaluation": model.eval()(inputs.to(dtype))}
    logits, loss = architectures.losses_of(model.train()(inputs.to(dtype)), targets)
    loss.backward()
    tensors["logits"] = logits.detach()
    return tensors | {name: parameter.grad for name, parameter in model.named_parameters()}


def passes_of_ours(ours, step):
    evaluation = ours.evaluation_logits(step)
    logits, gradients = ours.forward_backward(step)
    return {"logits in evaluation": evaluation, "logits": logits} | gradients


def distance(tensor, reference):
    return float(torch.linalg.vector_norm(tensor.double() - reference.double()))


def measure(case, ours, weights):
    """({tensor: Errors}, the turned decisions as a text, the tensors that cancel, {gradient: how many times larger its terms are}). Rows have a fourth distance: of PyTorch's f32 with
    float64's decisions from float64."""
    errors, cancelled, turned, count, models = {}, set(), 0, 0, [case.build_empty().to(dtype) for dtype in (torch.float32, torch.float64)]
    terms = Terms(models[1])
    for step, batch in enumerate(ours.batches(PASSES)):
        with Decisions() as taken, terms if step == 0 else contextlib.nullcontext():
            f64 = passes_of(models[1], weights, batch)
        with Decisions(taken) as held:
            rounded = passes_of(models[0], weights, batch)
        mine, f32 = passes_of_ours(ours, step), passes_of(models[0], weights, batch)
        assert mine.keys() == f64.keys(), mine.keys() ^ f64.keys()
        turned, count = turned + held.turned, count + held.count
        norms = {name: float(torch.linalg.vector_norm(tensor)) for name, tensor in f64.items()}
        whole = sum(norm**2 for name, norm in norms.items() if not name.startswith("logits"))**0.5
        scales = {name: norm if norm > NEGLIGIBLE * whole else whole for name, norm in norms.items()}
        if step == 0:
            amplified = {name: norm / scales[name] for name, norm in terms.norms.items()}
        cancelled |= {name for name, norm in norms.items() if norm < CANCELLED * whole}
        squares = [0.0] * 4
        for name, exact in f64.items():
            pairs = (mine, f64), (f32, f64), (mine, f32), (rounded, f64)
            distances = [distance(run[name], reference[name]) for run, reference in pairs]
            errors.setdefault(name, Errors()).rows.append([value / scales[name] for value in distances])
            if not name.startswith("logits"):
                squares = [square + value**2 for square, value in zip(squares, distances)]
        errors.setdefault(WHOLE, Errors()).rows.append([square**0.5 / whole for square in squares])
    return errors, f"{turned} of {count}", cancelled, amplified


def share_of_bound(distances, bound):
    """At most 1 where the tensor passes."""
    mine, theirs, between, _ = distances
    return min(between / bound, mine / max(RATIO_BOUND * theirs, 1e-30))


def best(error, bound):
    """The kinder statistic of a gradient's distances."""
    smallest = [min(column) for column in zip(*error.rows)]
    return min(smallest, error.rms(), key=lambda distances: share_of_bound(distances, bound))


def line_of(case, text, distances, bound):
    mine, theirs, between, _ = distances
    print(f"{case.name}: {text}: ours-f64 {mine:.1e}, torch-f64 {theirs:.1e}, ours-torch {between:.1e}", flush=True)
    return f"{text}: of {bound:g} from PyTorch, or of {RATIO_BOUND:g} times its distance from float64", share_of_bound(distances, bound), 1


def passing_error(distances, bound, decisions):
    """The largest error of a tensor that would pass, if PyTorch's f32 run is as far off as here: with the decisions that turned, or without."""
    return max(bound, RATIO_BOUND * distances[1 if decisions else 3])


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
    errors, turned, cancelled, amplified = measure(case, ours, check_files(ours, weights, file))
    whole, name = errors.pop(WHOLE).rms(), case.name + (" with open gates" if open_gates else "")
    print(f"{name}: whole gradient, root mean square over {PASSES} batches: ours-f64 {whole[0]:.1e}, torch-f64 {whole[1]:.1e}")
    tensors = judged(errors, open_gates)
    passing = [{key: passing_error(*tensor, decisions) for key, tensor in tensors.items() if key not in cancelled} for decisions in (True, False)]
    largest, weakest = (max(errors_of, key=errors_of.get) for errors_of in passing)
    print(f"{name}: {turned} decisions turn in PyTorch's f32; with them, an error of {passing[0][largest]:.1e} would pass in {largest}, without, "
          f"{passing[1][largest]:.1e}; in {weakest}, whose terms are {amplified.get(weakest, 1.0):.2g} times larger, {passing[1][weakest]:.1e}", flush=True)
    kind = name.removeprefix(case.name)
    lines = [line_of(case, key + kind, *tensors.pop(key)) for key in ("logits", "logits in evaluation")]
    worst = max(tensors, key=lambda key: share_of_bound(*tensors[key]))
    return [*lines, line_of(case, f"worst of {len(tensors)} gradients{kind}: {worst}", *tensors[worst]),
            (f"relative size of an error that would pass{kind} where no decision turns, in {weakest}", passing[1][weakest], NOTICED)]
