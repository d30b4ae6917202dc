#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Computes reference numbers with PyTorch 2 and writes them as models.json and training.json beside this script. The tests
compare Tessera with them; nothing else needs PyTorch. scripts/compare_pytorch --write-golden makes an environment
with PyTorch and runs this script in it; or run it with any Python that has torch and numpy.

Inputs and weights come from an integer formula (formula() below, tests/golden/formula.h) that both sides compute, so the files
hold results only. All numbers are float64 results from f32 inputs and weights; `f32_error` says how far PyTorch's own f32 run
is from them. Large tensors are given by their two-norm, eight elements and sixteen random signed sums: the root mean square of the
sums' differences is an unbiased estimate of the two-norm of the tensors' difference (Alon, Matias, Szegedy, STOC 1996)."""

import argparse
import collections
import json
import pathlib

import numpy as np
import torch

ELEMENTS = 8
SKETCHES = 16
INPUT_SCALE = 2.0
WEIGHT_SCALE = 2.0  # logits of order one
SAFE_MARGIN = 1e-5
MODEL_SAMPLES = 8
STEPS = 20
BATCH_SAMPLES = 16
MLP_SIZES = [12, 16, 8, 5]


def words(name, count):
    """`count` 64-bit words: splitmix64 (Steele, Lea, Flood, OOPSLA 2014) of the name's FNV-1a hash plus the element's index."""
    hash_of_name = 0xCBF29CE484222325
    for byte in name.encode():
        hash_of_name = (hash_of_name ^ byte) * 0x100000001B3 % 2**64
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(hash_of_name)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def formula(name, shape, scale):
    """An f32 tensor, uniform in [-scale, scale)."""
    uniform = (words(name, int(np.prod(shape))) >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1.0
    return torch.from_numpy((uniform * scale).astype(np.float32).reshape(shape))


def class_ids(name, count, classes):
    return torch.from_numpy((words(name, count) % np.uint64(classes)).astype(np.int64))


def signed_sum(name, sketch, values):
    signs = 1.0 - 2.0 * (words(f"{name}#{sketch}", values.size) >> np.uint64(63)).astype(np.float64)
    return float(np.dot(signs, values))


def set_weights(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            weight = model.get_parameter(name.replace(".bias", ".weight"))
            fan_in = weight[0].numel()
            parameter.copy_(formula(name, tuple(parameter.shape), WEIGHT_SCALE / np.sqrt(float(fan_in))))


def lenet5(activation, pooling):
    act = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}[activation]
    pool = {"average": torch.nn.AvgPool2d, "max": torch.nn.MaxPool2d}[pooling]
    nn = torch.nn
    return nn.Sequential(collections.OrderedDict(
        conv1=nn.Conv2d(1, 6, 5, padding=2), act1=act(), pool1=pool(2), conv2=nn.Conv2d(6, 16, 5), act2=act(), pool2=pool(2),
        flatten=nn.Flatten(), fc1=nn.Linear(400, 120), act3=act(), fc2=nn.Linear(120, 84), act4=act(), fc3=nn.Linear(84, 10)))


class Mlp(torch.nn.Module):
    def __init__(self, sizes, activation):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.activation = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[activation]()

    def forward(self, x):
        x = x.flatten(1)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def relative(values, reference):
    return float(np.linalg.norm(np.asarray(values) - np.asarray(reference)) / np.linalg.norm(reference))


def smallest_margin(model, inputs):
    """How far the closest ReLU input is from zero and the closest two largest of a pooling window are from each other, in units of the
    mean magnitude. Where rounding can turn such a decision, gradients of two correct programs differ a lot."""
    margins = [float("inf")]

    def look(module, arguments, output):
        x = arguments[0].detach()
        closest = x.abs()
        if isinstance(module, torch.nn.MaxPool2d):
            windows = x.unfold(2, 2, 2).unfold(3, 2, 2).reshape(-1, 4).sort(dim=1).values
            closest = (windows[:, 3] - windows[:, 2])[windows[:, 3] > 0]  # windows of zeros get no gradient behind a ReLU
        margins.append(float(closest.min() / x.abs().mean()))

    handles = [module.register_forward_hook(look) for module in model.modules() if isinstance(module, (torch.nn.ReLU, torch.nn.MaxPool2d))]
    model(inputs)
    for handle in handles:
        handle.remove()
    return min(margins)


def safe_inputs(model, shape):
    """The first stream of inputs with which no decision is close."""
    for stream in (f"inputs {number}" for number in range(100)):
        if smallest_margin(model, formula(stream, shape, INPUT_SCALE).double()) > SAFE_MARGIN:
            return stream
    raise RuntimeError("no inputs without close decisions; use fewer samples")


def model_pass(model, stream, shape):
    """Logits, loss sum and gradients as float64 arrays."""
    dtype = next(model.parameters()).dtype
    inputs = formula(stream, shape, INPUT_SCALE).to(dtype)
    logits = model(inputs)
    loss = torch.nn.functional.cross_entropy(logits, class_ids("targets", shape[0], logits.shape[1]), reduction="sum")
    model.zero_grad()
    loss.backward()
    gradients = {name: p.grad.double().numpy().ravel() for name, p in model.named_parameters()}
    return logits.detach().double().numpy().ravel(), loss.item(), gradients


def model_case(name, recipe, model, shape):
    set_weights(model.double())
    stream = safe_inputs(model, shape)
    logits, loss, gradients = model_pass(model, stream, shape)
    logits32, loss32, gradients32 = model_pass(model.float(), stream, shape)
    case = {"name": name, "set": recipe, "inputs": stream, "input_shape": list(shape), "loss_sum": loss,
            "logits": logits.tolist(), "gradients": {}, "parameters": sum(p.numel() for p in model.parameters()),
            "f32_error": {"logits": float(abs(logits32 - logits).max()), "loss_sum": abs(loss32 - loss) / loss}}
    for tensor, values in gradients.items():
        case["gradients"][tensor] = {
            "norm": float(np.linalg.norm(values)), "f32_error": relative(gradients32[tensor], values),
            "elements": [float(values[j * values.size // ELEMENTS]) for j in range(ELEMENTS)],
            "sketch": [signed_sum(tensor, sketch, values) for sketch in range(SKETCHES)]}
    return case


def model_cases():
    cases = []
    for activation, pooling in (("tanh", "average"), ("relu", "max"), ("sigmoid", "average")):
        recipe = {"model.kind": "lenet5", "model.activation": activation, "model.pooling": pooling}
        cases.append(model_case(f"lenet5_{activation}_{pooling}", recipe, lenet5(activation, pooling), (MODEL_SAMPLES, 1, 28, 28)))
    for activation in ("relu", "tanh"):
        recipe = {"model.kind": "mlp", "model.activation": activation}
        cases.append(model_case(f"mlp_{activation}", recipe, Mlp([784, 512, 512, 10], activation), (MODEL_SAMPLES, 1, 28, 28)))
    return cases


def make_optimizer(recipe, parameters):
    rate = recipe["optimizer.learning_rate"]
    decay = recipe.get("optimizer.weight_decay", 0.0)
    if recipe["optimizer.kind"] == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=recipe.get("optimizer.momentum", 0.0), weight_decay=decay,
                               nesterov=recipe.get("optimizer.nesterov", False))
    betas = recipe.get("optimizer.beta1", 0.9), recipe.get("optimizer.beta2", 0.999)
    return torch.optim.AdamW(parameters, rate, betas=betas, weight_decay=decay)


def make_scheduler(recipe, optimizer):
    """Linear warm-up to the full rate at step warmup_steps - 1, then the constant rate or half a cosine over the other steps."""
    schedulers = torch.optim.lr_scheduler
    warmup = recipe.get("schedule.warmup_steps", 0)
    if recipe.get("schedule.kind") == "cosine":
        lowest = recipe["optimizer.learning_rate"] * recipe.get("schedule.final_factor", 0.0)
        after = schedulers.CosineAnnealingLR(optimizer, STEPS - warmup, eta_min=lowest)
    else:
        after = schedulers.LambdaLR(optimizer, lambda step: 1.0)
    if warmup == 0:
        return after
    rise = schedulers.LinearLR(optimizer, start_factor=1.0 / warmup, end_factor=1.0, total_iters=warmup - 1)
    return schedulers.SequentialLR(optimizer, [rise, after], milestones=[warmup])


def train(recipe, dtype):
    model = Mlp(MLP_SIZES, "tanh")
    set_weights(model)
    model.to(dtype)
    optimizer = make_optimizer(recipe, list(model.parameters()))
    scheduler = make_scheduler(recipe, optimizer)
    inputs = formula("inputs", (STEPS * BATCH_SAMPLES, MLP_SIZES[0]), INPUT_SCALE).to(dtype)
    targets = class_ids("targets", STEPS * BATCH_SAMPLES, MLP_SIZES[-1])
    result = {"learning_rates": [], "losses": [], "gradient_norms": []}
    for step in range(STEPS):
        batch = slice(step * BATCH_SAMPLES, (step + 1) * BATCH_SAMPLES)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs[batch]), targets[batch])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.get("optimizer.clip_norm", float("inf")))
        result["learning_rates"].append(optimizer.param_groups[0]["lr"])
        result["losses"].append(loss.item())
        result["gradient_norms"].append(norm.item())
        optimizer.step()
        scheduler.step()
    result["weights"] = {name: p.detach().double().numpy().ravel().tolist() for name, p in model.named_parameters()}
    return result


def training_case(name, recipe):
    case = {"name": name, "set": recipe} | train(recipe, torch.float64)
    f32 = train(recipe, torch.float32)
    case["f32_error"] = {"losses": max(abs(a / b - 1.0) for a, b in zip(f32["losses"], case["losses"])),
                         "weights": max(relative(f32["weights"][tensor], case["weights"][tensor]) for tensor in case["weights"])}
    return case


def training_cases():
    sgd = {"optimizer.kind": "sgd", "optimizer.learning_rate": 0.3}
    adamw = {"optimizer.kind": "adamw", "optimizer.learning_rate": 0.01, "optimizer.weight_decay": 0.01}
    momentum = {"optimizer.momentum": 0.9}
    clip = {"optimizer.clip_norm": 0.25}
    warmup = {"schedule.kind": "constant", "schedule.warmup_steps": 5}
    cosine = {"schedule.kind": "cosine", "schedule.warmup_steps": 5, "schedule.final_factor": 0.1}
    recipes = {
        "sgd": sgd,
        "sgd_clip": sgd | clip,
        "sgd_decay_cosine": sgd | {"optimizer.weight_decay": 0.05, "schedule.kind": "cosine"},
        "sgd_momentum": sgd | momentum,
        "sgd_momentum_decay_clip_warmup": sgd | momentum | {"optimizer.weight_decay": 0.05} | clip | warmup,
        "sgd_nesterov": sgd | momentum | {"optimizer.nesterov": True},
        "sgd_nesterov_decay_clip_cosine": sgd | momentum | {"optimizer.nesterov": True, "optimizer.weight_decay": 0.05} | clip | cosine,
        "adamw": adamw,
        "adamw_clip_warmup": adamw | clip | warmup,
        "adamw_decay_cosine": adamw | {"optimizer.weight_decay": 0.5} | cosine,
        "adamw_betas_decay_clip_cosine":
            adamw | {"optimizer.beta1": 0.8, "optimizer.beta2": 0.95, "optimizer.weight_decay": 0.5} | clip | cosine,
    }
    return [training_case(name, recipe) for name, recipe in recipes.items()]


def write(path, what, cases):
    """One line a value of a case, so that changes can be read."""
    def case_text(case):
        return "{" + ",\n  ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in case.items()) + "}"
    text = f'{{"about": {json.dumps(what)},\n "torch": "{torch.__version__}",\n "cases": [\n '
    path.write_text(text + ",\n ".join(case_text(case) for case in cases) + "]}\n")
    print(f"{path}: {len(cases)} cases, {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent, help="folder (default: this one)")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    write(out / "models.json", "one forward and backward pass; made by make_golden.py", model_cases())
    write(out / "training.json", f"{STEPS} steps of a perceptron {MLP_SIZES}; made by make_golden.py", training_cases())


if __name__ == "__main__":
    main()
