# SPDX-License-Identifier: Apache-2.0
"""How much of a weight's gradient cancels: it is a sum over the images' pixels, and often far smaller than its terms. Behind open gates, say, pixels hardly differ
beside what they have in common, which is of no effect in front of a batch norm. f32 knows the sum to a share of its terms, not of itself."""

import torch
from torch.overrides import TorchFunctionMode


class Terms(TorchFunctionMode):
    """Within it backward writes to `norms`, by the parameter's name, the norm of its gradient with every product under the sum replaced by its magnitude."""

    def __init__(self, model):
        super().__init__()
        self.names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.sums = {}

    @property
    def norms(self):
        return {name: float(torch.linalg.vector_norm(terms)) for name, terms in self.sums.items()}

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        keywords, measured = keywords or {}, getattr(self, f"terms_of_{getattr(function, '__name__', '')}", None)
        out = function(*arguments, **keywords)
        if measured and out.requires_grad:
            out.register_hook(lambda gradient: measured(gradient.abs(), *arguments, **keywords))
        return out

    def add(self, parameter, terms):
        if parameter is not None:
            name = self.names[id(parameter)]
            self.sums[name] = self.sums.get(name, 0.0) + terms

    def terms_of_conv2d(self, gradient, x, weight, bias=None, *geometry):
        self.add(weight, torch.nn.grad.conv2d_weight(x.detach().abs(), weight.shape, gradient, *geometry))
        self.add(bias, gradient.sum((0, 2, 3)))

    def terms_of_linear(self, gradient, x, weight, bias=None):
        self.add(weight, gradient.T @ x.detach().abs())
        self.add(bias, gradient.sum(0))

    def terms_of_batch_norm(self, gradient, x, running_mean, running_var, weight, bias, training, momentum, eps):
        """Where the input's mean is far larger than its deviation, what is normalised is a difference that cancels, too."""
        variance, mean = torch.var_mean(x.detach(), (0, 2, 3), correction=0, keepdim=True)
        self.add(weight, (gradient * (x.detach().abs() + mean.abs()) / (variance + eps).sqrt()).sum((0, 2, 3)))
        self.add(bias, gradient.sum((0, 2, 3)))
