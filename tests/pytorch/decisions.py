# SPDX-License-Identifier: Apache-2.0
"""The decisions of a PyTorch model, which of its inputs a ReLU lets through and a max-pool takes: written down in one run, and held in another.

Where rounding turns one, all gradients before it change by far more than rounding itself. A f32 run that holds float64's decisions has rounding's error alone."""

import itertools

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


def channels_first(flat, shape):
    """Tessera's tensor, whose channels come last in memory, in the order of PyTorch's shape, with as many channels as it has."""
    batch, _, *pixels = shape
    return flat.view(batch, *pixels, -1).movedim(-1, 1)


def places_in_plane(in_window, shape, kernel, stride=None, padding=0):
    """A place in each window, row * width + column, as a place in the plane of `shape`, as PyTorch writes it."""
    _, width, down, right, above, before = (number for pair in (kernel, stride or kernel, padding)
                                            for number in (pair if isinstance(pair, tuple) else (pair, pair)))
    y = torch.arange(in_window.shape[2]).view(-1, 1) * down - above + in_window.long() // width
    x = torch.arange(in_window.shape[3]) * right - before + in_window.long() % width
    return y * shape[3] + x


class Decisions(TorchFunctionMode):
    """Within it every decision is written to `taken`, in the order in which they come. Where `held` is given (another run's `taken`, or Tessera's), its
    decisions count instead of the run's own, `turned` says how many of the run's own were others, of `count`, and `missed` where, and how far from their edges at
    most: {which tensor: (the tensor, distance)}. Where `missed` of another run is given, `errors` says how far this run's values of those tensors are from that one's
    at most: if both are right, a distance is near what rounding does."""

    def __init__(self, held=None, missed=None):
        super().__init__()
        self.taken, self.turned, self.count, self.tensors, self.missed, self.errors = [], 0, 0, 0, {}, {}
        self.held, self.watched = iter(held) if held else None, missed or {}

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        keywords, own = keywords or {}, getattr(self, f"of_{getattr(function, '__name__', '')}", None)
        return own(*arguments, **keywords) if own else function(*arguments, **keywords)

    def decide(self, own, from_tessera=lambda decision: decision):
        """The decision that counts."""
        decision = next(self.held) if self.held else own
        if decision.dtype == torch.uint8:
            decision = channels_first(decision, own.shape) if decision.dim() == 1 else decision
            if decision.shape[1] > own.shape[1]:  # one ReLU over what PyTorch takes one after the other
                decision, rest = decision.tensor_split([own.shape[1]], 1)
                self.held = itertools.chain([rest], self.held)
            decision = from_tessera(decision).to(own.dtype)
        self.taken.append(decision)
        self.count += own.numel()
        return decision

    def is_over(self):
        """Whether all held decisions were asked for."""
        return next(self.held, None) is None

    def compare(self, x, turned, distances):
        """`turned`: which decisions on `x` are not the run's own; `distances` of all from their edge."""
        number, self.tensors = int(turned.sum()), self.tensors + 1
        if number:
            self.turned += number
            self.missed[self.tensors] = x, float(distances()[turned].max())
        if self.tensors in self.watched:
            self.errors[self.tensors] = float((x.double() - self.watched[self.tensors][0].double()).abs().max())

    def clamped(self, x, least, most):
        own = (x > least).to(torch.int8) + (x >= most).to(torch.int8)
        region = self.decide(own)
        self.compare(x.detach(), region != own, lambda: torch.minimum((x - least).abs(), (x - most).abs()).detach())
        edges = torch.tensor([least, 0.0, most if most < float("inf") else 0.0], dtype=x.dtype)
        return x * (region == 1) + edges[region.long()]

    def of_relu(self, x, inplace=False):
        return self.clamped(x, 0.0, float("inf"))

    of_relu_ = of_relu

    def of_relu6(self, x, inplace=False):
        return self.clamped(x, 0.0, 6.0)

    def of_hardtanh(self, x, min_val=-1.0, max_val=1.0, inplace=False):
        return self.clamped(x, min_val, max_val)

    def of_max_pool2d(self, x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        assert not return_indices and dilation == 1
        own = functional.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)[1]
        places = self.decide(own, lambda decision: places_in_plane(decision, x.shape, kernel_size, stride, padding))
        taken = x.flatten(2).gather(2, places.flatten(2)).view(places.shape)
        self.compare(x.detach(), places != own, lambda: (x.flatten(2).gather(2, own.flatten(2)).view(own.shape) - taken).detach())
        return taken
