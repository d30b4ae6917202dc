# SPDX-License-Identifier: Apache-2.0
"""Logits, in training and evaluation, and gradients of the image classifiers: Tessera and PyTorch in f32, each beside PyTorch in float64.

A tensor passes if it is within its bound of PyTorch's, or no further from float64 than twice PyTorch's own f32 run: behind a hundred
batch norms of a few pixels each, f32 itself is further off than any bound.

Among millions of ReLU inputs, and of windows of max-pools, rounding turns the decision of some, in one run and not in the other, and each moves all
gradients before it by a thousandth: which run has more of them is chance. So runs are compared that hold the same decisions (decisions.py), and differ by
rounding alone: ours with PyTorch's in float64 and in f32 that hold ours, PyTorch's f32 with one in float64 that holds its own. A tensor of all batches
together is one vector, whose norm is meant: where a gradient happens to be a sixteenth of what it is in other batches, rounding of its terms is sixteen
times as much of it, and which of two f32 runs that hits harder is chance. That the decisions are right is judged apart: a value on the other side of its
edge must be no further from it than twice the largest error of PyTorch's f32 in the same tensor.

What is bounded besides is the size of an error that would still pass, in the tensor where it is largest. Left out of it are gradients that cancel, of
less than a millionth of the whole; how many times larger its terms are (cancellation.py) is printed beside the tensor that is named. With open gates no
ReLU behind a batch norm is near a decision: two kinds of weights, on which different formulas fail."""

import contextlib

import torch
from accuracy import GRADIENT_BOUND, LOGITS_BOUND, RATIO_BOUND
from cancellation import Terms
from decisions import Decisions
from models import architectures

PASSES = 5
# Of the whole gradient's norm; what is smaller is zero but for rounding (a bias before a batch norm), and is measured by the whole.
NEGLIGIBLE = 1e-10
CANCELLED = 1e-6  # likewise: what is smaller is a sum whose terms cancel, of which f32 has a few bits
NOTICED = 3e-3  # of an error, relative to its tensor: a wrong formula is further off


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


class Turned:
    """Decisions that rounding turned."""

    def __init__(self):
        self.ours, self.torch, self.count, self.farthest = 0, 0, 0, 0.0

    def add(self, held, theirs, beside):
        """A batch's: float64 that holds our decisions, that holds PyTorch's f32's, and f32 that holds ours."""
        self.ours, self.torch, self.count = self.ours + held.turned, self.torch + theirs.turned, self.count + held.count
        for tensor, (_, distance) in held.missed.items():
            self.farthest = max(self.farthest, distance / (RATIO_BOUND * max(beside.errors[tensor], 1e-300)))


def measure(case, ours, weights):
    """({tensor: squared norms over all batches, of our distance from float64, of PyTorch's, of ours from PyTorch's, of the tensor}, Turned, {gradient: how many
    times larger its terms are in the first batch})."""
    squares, turned, models = {}, Turned(), [case.build_empty().to(dtype) for dtype in (torch.float32, torch.float64)]
    terms = Terms(models[1])
    for step, batch in enumerate(ours.batches(PASSES)):
        with Decisions() as taken:
            f32 = passes_of(models[0], weights, batch)
        with Decisions(taken.taken) as theirs, terms if step == 0 else contextlib.nullcontext():
            f64 = passes_of(models[1], weights, batch)
        with Decisions(ours.decisions(step)) as held:
            f64_of_ours = passes_of(models[1], weights, batch)
        assert held.is_over(), "ours decides more often than PyTorch's"
        with Decisions(held.taken, held.missed) as beside:
            f32_of_ours = passes_of(models[0], weights, batch)
        mine = passes_of_ours(ours, step)
        assert mine.keys() == f64.keys(), mine.keys() ^ f64.keys()
        turned.add(held, theirs, beside)
        pairs = (mine, f64_of_ours), (f32, f64), (mine, f32_of_ours)
        for name, tensor in f64.items():
            norms = [*(distance(run[name], reference[name]) for run, reference in pairs), float(torch.linalg.vector_norm(tensor))]
            squares[name] = [square + norm**2 for square, norm in zip(squares.get(name, [0.0] * 4), norms)]
        if step == 0:
            amplified = {name: norm / (squares[name][-1]**0.5 or 1.0) for name, norm in terms.norms.items()}
    return squares, turned, amplified


def relative(squares):
    """({tensor: our distance from float64, PyTorch's, ours from PyTorch's, each relative to the tensor}, the same of the whole gradient, the tensors that cancel)."""
    *whole, whole_norm = [sum(column) for column in zip(*(row for name, row in squares.items() if not name.startswith("logits")))]
    distances, cancelled = {}, set()
    for name, (*row, norm) in squares.items():
        scale = norm if norm > NEGLIGIBLE**2 * whole_norm else whole_norm
        distances[name] = [(square / scale)**0.5 for square in row]
        if norm < CANCELLED**2 * whole_norm:
            cancelled.add(name)
    return distances, [(square / whole_norm)**0.5 for square in whole], cancelled


def share_of_bound(distances, bound):
    """At most 1 where the tensor passes."""
    mine, theirs, between = distances
    return min(between / bound, mine / max(RATIO_BOUND * theirs, 1e-30))


def line_of(case, text, distances, bound):
    mine, theirs, between = distances
    print(f"{case.name}: {text}: ours-f64 {mine:.1e}, torch-f64 {theirs:.1e}, ours-torch {between:.1e}", flush=True)
    return f"{text}: of {bound:g} from PyTorch, or of {RATIO_BOUND:g} times its distance from float64", share_of_bound(distances, bound), 1


def passing_error(distances, bound):
    """The largest error of a tensor that would pass, if PyTorch's f32 run is as far off as here."""
    return max(bound, RATIO_BOUND * distances[1])


def check_files(ours, weights, file):
    """A file that torchvision's or timm's side saved comes back byte by byte."""
    exported = ours.weights()
    assert exported.keys() == weights.keys() and all(torch.equal(exported[name], weights[name]) for name in weights), "an exported file is not what was imported"
    assert ours.weights_file().read_bytes() == file.read_bytes(), "an exported file is not, byte by byte, the one that was imported"
    return exported


def compare(case, ours, weights, file, open_gates):
    """Prints what is worst; returns the acceptance lines as (text, value, bound)."""
    squares, turned, amplified = measure(case, ours, check_files(ours, weights, file))
    distances, whole, cancelled = relative(squares)
    kind = " with open gates" if open_gates else ""
    print(f"{case.name}{kind}: whole gradient of {PASSES} batches: ours-f64 {whole[0]:.1e}, torch-f64 {whole[1]:.1e}")
    tensors = {name: (row, LOGITS_BOUND if name.startswith("logits") else GRADIENT_BOUND) for name, row in distances.items()}
    passing = {name: passing_error(*tensor) for name, tensor in tensors.items() if name not in cancelled}
    weakest = max(passing, key=passing.get)
    print(f"{case.name}{kind}: of {turned.count} decisions rounding turns {turned.ours} in ours, {turned.torch} in PyTorch's f32; an error of {passing[weakest]:.1e} would pass "
          f"in {weakest}, whose terms are {amplified.get(weakest, 1.0):.2g} times larger", flush=True)
    lines = [line_of(case, key + kind, *tensors.pop(key)) for key in ("logits", "logits in evaluation")]
    worst = max(tensors, key=lambda key: share_of_bound(*tensors[key]))
    return [*lines, line_of(case, f"worst of {len(tensors)} gradients{kind}: {worst}", *tensors[worst]),
            (f"turned decisions{kind}: how far from their edges, of {RATIO_BOUND:g} times the largest error of PyTorch's f32 in the tensor", turned.farthest, 1),
            (f"relative size of an error that would pass{kind} in {weakest}", passing[weakest], NOTICED)]
