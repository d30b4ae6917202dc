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


def recipe_of(model, optimizer, samples, threads):
    """All but the data; one pass of the batch a step."""
    return {"run": {"threads": threads}, "model": model, "optimizer": optimizer, "train": {"steps": 1000000},
            "batch": {"global_samples": samples, "micro_samples": samples}}


def sgd(block, parameters, **more):
    """What a recipe's optimizer block says."""
    return torch.optim.SGD(parameters, block["learning_rate"], momentum=block["momentum"], weight_decay=block["weight_decay"], **more)


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
        architectures.load_weights(model, weights)
        return model.to(dtype).train()

    def make_optimizer(self, parameters, **more):
        return sgd(self.optimizer, parameters, **more)

    def recipe(self, samples, threads):
        return recipe_of(self.model, self.optimizer, samples, threads)

    def speed_recipe(self, samples, threads):
        return self.recipe(samples, threads)

    def formula_data(self, samples):
        return {"inputs": golden.formula("inputs", (samples, *self.image), golden.INPUT_SCALE),
                "targets": golden.class_ids("targets", samples, 10)}

    def speed_data(self, samples):
        return self.formula_data(samples)


SPEED_PIXELS = 224  # of image classifiers
SPEED_OPTIMIZER = {"kind": "sgd", "learning_rate": 0.001, "momentum": 0.9, "weight_decay": 1e-4}
SPEED_TARGETS = {"resnet50": 1.3, "densenet121": 1.3, "vgg16": 1.25, "resnext50_32x4d": 1.2, "mobilenet_v2": 1.5}  # PyTorch's step time over ours


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
        ends = architectures.ends_of_branches(self.architecture) if open_gates or self.architecture.small_branches else ()
        return architectures.formula_weights(self.build_empty(), self.architecture.open_scale if open_gates else None, ends)

    @property
    def has_norms(self):
        return any(name.endswith("running_mean") for name in architectures.state_of(self.build_empty()))

    @property
    def accuracy_samples(self):
        return self.architecture.samples

    def recipe(self, samples, threads):
        return recipe_of(self.architecture.model, {"kind": "sgd", "learning_rate": 0.1}, samples, threads)

    def formula_data(self, samples):
        return self.data_of(samples, self.architecture.pixels)

    def made(self, weights):
        model = self.build_empty()
        architectures.load_weights(model, weights)
        return model.train()

    def make_optimizer(self, parameters, **more):
        return sgd(SPEED_OPTIMIZER, parameters, **more)

    def speed_recipe(self, samples, threads):
        return recipe_of(self.architecture.model, SPEED_OPTIMIZER, samples, threads)

    def speed_data(self, samples):
        return self.data_of(samples, SPEED_PIXELS)

    @property
    def speed_samples(self):
        return 8

    @property
    def speed_target(self):
        return SPEED_TARGETS.get(self.name, 1.0)

    @staticmethod
    def data_of(samples, pixels):
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
