# SPDX-License-Identifier: Apache-2.0
"""The decisions of a PyTorch model, which of its inputs a ReLU lets through and a max-pool takes: written down in one run, and held in another.

Where rounding turns one, all gradients before it change by far more than rounding itself. A f32 run that holds float64's decisions has rounding's error alone."""

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class Decisions(TorchFunctionMode):
    """Within it every decision is written to `taken`, in the order in which they come. Where `held` is given (another run's), its decisions count instead of
    the run's own, and `turned` says how many of the run's own were others, of `count`."""

    def __init__(self, held=None):
        super().__init__()
        self.taken, self.turned, self.count = [], 0, 0
        self.held = iter(held.taken) if held else None

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        keywords, own = keywords or {}, getattr(self, f"of_{getattr(function, '__name__', '')}", None)
        return own(*arguments, **keywords) if own else function(*arguments, **keywords)

    def decide(self, own):
        """The decision that counts."""
        decision = next(self.held) if self.held else own
        self.taken.append(decision)
        self.turned += int((decision != own).sum())
        self.count += own.numel()
        return decision

    def clamped(self, x, least, most):
        region = self.decide((x > least).to(torch.int8) + (x >= most).to(torch.int8))
        edges = torch.tensor([least, 0.0, most if most < float("inf") else 0.0], dtype=x.dtype)
        return x * (region == 1) + edges[region.long()]

    def of_relu(self, x, inplace=False):
        return self.clamped(x, 0.0, float("inf"))

    of_relu_ = of_relu

    def of_relu6(self, x, inplace=False):
        return self.clamped(x, 0.0, 6.0)

    def of_hardtanh(self, x, min_val=-1.0, max_val=1.0, inplace=False):
        return self.clamped(x, min_val, max_val)

    def of_max_pool2d(self, x, *window, return_indices=False, **more):
        assert not return_indices
        places = self.decide(functional.max_pool2d(x, *window, return_indices=True, **more)[1])
        return x.flatten(2).gather(2, places.flatten(2)).view(places.shape)
