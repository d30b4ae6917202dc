# SPDX-License-Identifier: Apache-2.0
"""The image classifiers that torchvision and timm have, too: the recipe's model block, the same model there, and weights by formula."""

import dataclasses
import math
import re
import typing

import timm
import torch
import torch.overrides
import torchvision.models as tv

from make_golden import formula


OPEN_SCALE = (0.375, 0.125)  # of batch norms, centre and spread, with which ReLUs behind them stay open
# ReLU6 closes on either side, and behind depthwise convolutions single pixels lie 13 deviations from the mean. A few gates that close would be all that the
# gradient of a norm's bias before a 1x1 convolution and a norm consists of: an f32 run's error in it would be that of these pixels, and so chance. Smaller
# than open gates need it is not: the smaller it is, the more of its digits f32 spends on the mean.
OPEN_SCALE_OF_RELU6 = (0.1875, 0.015625)


@dataclasses.dataclass
class Architecture:
    name: str
    model: dict                 # the recipe's block; dropout 0 on both sides
    build: typing.Callable      # the same in PyTorch
    golden_pixels: int = 0      # side of the images in the golden test's pass; 0: none, for models that take too much memory
    pixels: int = 96            # the same in scripts/compare_pytorch
    samples: int = 4
    open_scale: tuple = OPEN_SCALE  # of its batch norms in the comparison with open gates
    small_branches: bool = False    # there with closed gates, too: behind 150 norms of 36 pixels PyTorch's f32 is 2e-3 off in single gradients otherwise


def without_dropout(kind, **keys):
    return {"kind": kind, "dropout": 0, **keys}


def googlenet():
    return tv.googlenet(aux_logits=True, transform_input=False, init_weights=False, dropout=0.0, dropout_aux=0.0)


def tensorflow_mobilenet_v1(width):
    """What timm's registered variants do not reach: width, SAME padding and epsilon together."""
    return timm.models.efficientnet._gen_mobilenet_v1("mobilenetv1_100", width, pad_type="same", bn_eps=1e-3)


def mobilenet_v1_block(**keys):
    return {"kind": "mobilenet_v1", **keys}


ARCHITECTURES = [
    Architecture("alexnet", without_dropout("alexnet"), lambda: tv.alexnet(dropout=0.0), samples=2),
    *(Architecture(f"vgg{depth}", without_dropout("vgg", depth=depth), lambda depth=depth: getattr(tv, f"vgg{depth}")(init_weights=False, dropout=0.0),
                   pixels=64, samples=2) for depth in (11, 13, 16, 19)),
    *(Architecture(f"vgg{depth}_bn", without_dropout("vgg", depth=depth, batch_norm=True),
                   lambda depth=depth: getattr(tv, f"vgg{depth}_bn")(init_weights=False, dropout=0.0), pixels=64, samples=4) for depth in (11, 13, 16, 19)),
    Architecture("googlenet", without_dropout("googlenet", auxiliary_dropout=0), googlenet, golden_pixels=64),
    Architecture("xception", {"kind": "xception"}, lambda: timm.create_model("legacy_xception"), golden_pixels=71),
    Architecture("resnet18", {"kind": "resnet", "depth": 18}, tv.resnet18, golden_pixels=64),
    Architecture("resnet34", {"kind": "resnet", "depth": 34}, tv.resnet34),
    Architecture("resnet50", {"kind": "resnet", "depth": 50}, tv.resnet50, golden_pixels=64, pixels=224),
    Architecture("resnet101", {"kind": "resnet", "depth": 101}, tv.resnet101),
    Architecture("resnet152", {"kind": "resnet", "depth": 152}, tv.resnet152, small_branches=True),
    Architecture("resnext50_32x4d", {"kind": "resnet", "depth": 50, "groups": 32, "width_per_group": 4}, tv.resnext50_32x4d, golden_pixels=64),
    Architecture("resnext101_32x8d", {"kind": "resnet", "depth": 101, "groups": 32, "width_per_group": 8}, tv.resnext101_32x8d),
    Architecture("densenet121", {"kind": "densenet", "depth": 121}, tv.densenet121, golden_pixels=64),
    Architecture("densenet169", {"kind": "densenet", "depth": 169}, tv.densenet169),
    Architecture("densenet201", {"kind": "densenet", "depth": 201}, tv.densenet201),
    Architecture("squeezenet1_0", without_dropout("squeezenet", version="1.0"), lambda: tv.squeezenet1_0(dropout=0.0), golden_pixels=64),
    Architecture("squeezenet1_1", without_dropout("squeezenet", version="1.1"), lambda: tv.squeezenet1_1(dropout=0.0), golden_pixels=64),
    Architecture("hrnet_w18", {"kind": "hrnet", "width": 18}, lambda: timm.create_model("hrnet_w18"), golden_pixels=64, pixels=128),
    Architecture("mobilenet_v1", mobilenet_v1_block(), lambda: timm.create_model("mobilenetv1_100"), golden_pixels=64,
                 open_scale=OPEN_SCALE_OF_RELU6),
    Architecture("mobilenet_v1_025_same", mobilenet_v1_block(width=0.25, padding="same", batch_norm_epsilon=1e-3), lambda: tensorflow_mobilenet_v1(0.25),
                 golden_pixels=71, open_scale=OPEN_SCALE_OF_RELU6),
    Architecture("mobilenet_v2", without_dropout("mobilenet_v2"), lambda: tv.mobilenet_v2(dropout=0.0), golden_pixels=64, open_scale=OPEN_SCALE_OF_RELU6),
    Architecture("mobilenet_v2_075", without_dropout("mobilenet_v2", width=0.75), lambda: tv.mobilenet_v2(width_mult=0.75, dropout=0.0),
                 open_scale=OPEN_SCALE_OF_RELU6),
]


def state_of(model):
    """Parameters and running statistics by name: what an exported file holds."""
    return {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")}


def build_empty(architecture):
    """Uninitialised: drawing numbers for 100 million weights takes longer than a pass."""
    with torch.device("meta"):
        model = architecture.build()
    model.to_empty(device="cpu")
    for name, buffer in model.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.zero_()
    return model


class EndsOfBranches(torch.overrides.TorchFunctionMode):
    """Notes the batch norms of a forward pass that no ReLU follows: what leaves them is added to something else. And those that a depthwise convolution follows:
    with an open gate between, the norm behind that takes their scale and shift away again, and their gradients are nothing but rounding."""

    def __init__(self, model):
        super().__init__()
        self.names = {id(parameter): name.rpartition(".")[0] for name, parameter in model.named_parameters()}
        self.outputs, self.last, self.behind_relu, self.noted = [], {}, {}, set()  # outputs are kept, so that their identities stay unique

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        kind, norm = getattr(function, "__name__", ""), None
        if kind in ("__iadd__", "add_"):
            if id(arguments[0]) in self.last:
                self.noted.add(self.last.pop(id(arguments[0])))
        elif kind in ("relu", "relu_", "relu6", "hardtanh"):
            norm = self.last.pop(id(arguments[0]), None)
        elif kind == "pad":
            norm = self.behind_relu.get(id(arguments[0]))
        elif kind == "conv2d" and arguments[1].shape[1] == 1 and id(arguments[0]) in self.behind_relu:
            self.noted.add(self.behind_relu[id(arguments[0])])
        out = function(*arguments, **(keywords or {}))
        if kind == "batch_norm":
            self.outputs.append(out)
            self.last[id(out)] = self.names[id(keywords["weight"])]
        if norm:
            self.outputs.append(out)
            self.behind_relu[id(out)] = norm
        return out

    @property
    def ends(self):
        return self.noted | set(self.last.values())


def ends_of_branches(architecture):
    """Names of the batch norms that end a branch, which is added to a shortcut or follows without a ReLU, or that lie before a depthwise convolution. A shortcut's
    own norm is none."""
    with torch.device("meta"):
        model = architecture.build().train()
        with EndsOfBranches(model) as mode:
            model(torch.empty(2, 3, 96, 96))
    return {name for name in mode.ends if not re.search(r"downsample|skip", name)}


def formula_weight(name, shape, norm, open_scale, end):
    """Of order one through any number of layers; `norm`: of a batch norm; `end`: of one at the end of a branch, which leaves open what it is added to."""
    if name.endswith("running_var"):
        return 1.0 + formula(name, shape, 0.5)
    if norm and name.endswith("weight"):
        if end:
            return 0.09375 + formula(name, shape, 0.03125)
        centre, spread = open_scale or (1.0, 0.125)
        return centre + formula(name, shape, spread)
    if norm and name.endswith("bias"):
        return (3.0 if open_scale and not end else 0.0) + formula(name, shape, 0.125)
    return formula(name, shape, math.sqrt(6.0 / math.prod(shape[1:])) if len(shape) > 1 else 0.125)


def formula_weights(model, open_scale=None, ends=()):
    """With an `open_scale` gates are open: what leaves a batch norm lies between 0 and 6, so that no ReLU behind one is near a decision, which rounding could
    turn. (fill_by_formula() of architectures_test.cpp.) `ends` (ends_of_branches()): the norms whose results are small and lie around 0. Otherwise sums over many
    branches behind open gates, HRNet's above all, have a mean fifty times their deviation, of which f32 knows too little."""
    state = state_of(model)
    def weight(name, shape):
        layer = name.rpartition(".")[0]
        return formula_weight(name, shape, layer + ".running_mean" in state, open_scale, layer in ends)
    return {name: weight(name, tuple(tensor.shape)) for name, tensor in state.items()}


def load_weights(model, weights):
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)


def losses_of(outputs, targets):
    """(logits, the sum of losses), with auxiliary heads at 0.3 (Szegedy 2015)."""
    def loss(logits):
        return torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    if isinstance(outputs, torch.Tensor):
        return outputs, loss(outputs)
    logits, *heads = outputs
    return logits, loss(logits) + 0.3 * sum(map(loss, heads))
