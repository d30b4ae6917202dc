# SPDX-License-Identifier: Apache-2.0
"""The models of the comparison, in PyTorch, and the recipes that train the same in Tessera."""

import pathlib
import sys
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import architectures  # noqa: E402  (the folder beside this one)
import make_golden as golden  # noqa: E402


class Block(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.stride, self.padding = stride, (outside - inside) // 2

    def forward(self, x):
        h = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.padding:
            x = functional.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.padding, self.padding))
        return torch.relu(h + x)


class CifarResnet(nn.Module):
    """He, Zhang, Ren, Sun, CVPR 2016, section 4.2, with shortcuts of kind A."""

    def __init__(self, depth, width=16, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        stages = []
        for stage in range(3):
            inside, outside = max(width, width << stage >> 1), width << stage
            first = Block(inside, outside, 2 if stage else 1)
            stages.append(nn.Sequential(first, *(Block(outside, outside, 1) for _ in range((depth - 2) // 6 - 1))))
        self.layer1, self.layer2, self.layer3 = stages
        self.linear = nn.Linear(width * 4, classes)

    def forward(self, x):
        h = self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x))))))
        return self.linear(h.mean((2, 3)))


@dataclass
class Case:
    """A model with the recipe of its published training."""
    name: str
    model: dict          # the recipe's block
    optimizer: dict      # the recipe's block
    image: tuple         # of one sample
    folder_data: dict    # the recipe's data block for a folder of the public data set
    accuracy_samples: int
    speed_samples: int
    speed_target: float  # PyTorch's step time over ours
    bounded: bool        # errors have a bound of their own; otherwise they are measured by PyTorch's

    def build(self):
        return golden.lenet5("relu", "max") if self.name == "lenet5" else CifarResnet(20)

    def made(self, weights, dtype=torch.float32):
        """The model with the given weights, in training mode."""
        model = self.build()
        missing, unexpected = model.load_state_dict(weights, strict=False)
        assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)
        return model.to(dtype).train()

    def make_optimizer(self, parameters, **more):
        o = self.optimizer
        return torch.optim.SGD(parameters, o["learning_rate"], momentum=o["momentum"], weight_decay=o["weight_decay"], **more)

    def recipe(self, samples, threads):
        """All but the data; one pass of the batch a step."""
        return {"run": {"threads": threads}, "model": self.model, "optimizer": self.optimizer, "train": {"steps": 1000000},
                "batch": {"global_samples": samples, "micro_samples": samples}}

    def formula_data(self, samples):
        return {"inputs": golden.formula("inputs", (samples, *self.image), golden.INPUT_SCALE),
                "targets": golden.class_ids("targets", samples, 10)}


@dataclass
class ArchitectureCase:
    """An image classifier of torchvision or timm, one pass a batch: its training is a matter of the recipe's other blocks."""
    architecture: architectures.Architecture

    @property
    def name(self):
        return self.architecture.name

    def build_empty(self):
        return architectures.build_empty(self.architecture)

    def weights(self, open_gates):
        return architectures.formula_weights(self.build_empty(), open_gates)

    @property
    def has_norms(self):
        return any(name.endswith("running_mean") for name in architectures.state_of(self.build_empty()))

    @property
    def accuracy_samples(self):
        return self.architecture.samples

    def recipe(self, samples, threads):
        return {"run": {"threads": threads}, "model": self.architecture.model, "optimizer": {"kind": "sgd", "learning_rate": 0.1},
                "train": {"steps": 1000000}, "batch": {"global_samples": samples, "micro_samples": samples}}

    def formula_data(self, samples):
        pixels = self.architecture.pixels
        return {"inputs": golden.formula("inputs", (samples, 3, pixels, pixels), golden.INPUT_SCALE),
                "targets": golden.class_ids("targets", samples, 1000)}


CASES = [
    Case("lenet5", {"kind": "lenet5", "activation": "relu", "pooling": "max"},
         {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4}, (1, 28, 28),
         {"kind": "idx", "mean": 0.2860, "std": 0.3530}, 64, 64, 3.0, True),
    Case("resnet20", {"kind": "cifar_resnet", "depth": 20},
         {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-4}, (3, 32, 32),
         {"kind": "cifar10"}, 32, 128, 1.5, False),
]

ARCHITECTURE_CASES = [ArchitectureCase(architecture) for architecture in architectures.ARCHITECTURES]
