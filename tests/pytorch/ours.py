# SPDX-License-Identifier: Apache-2.0
"""Tessera's side: pytorch_driver with a recipe of its own, asked line by line."""

import json

from driver_process import DriverProcess
from safetensors.torch import load, save_file


class Ours(DriverProcess):
    def __init__(self, driver, blocks, data, weights):
        """`blocks`: the recipe without its data. `data`: tensors (a dict) or the recipe's block. `weights`: a file, or None."""
        super().__init__()
        if "kind" not in data:
            save_file(data, self.folder / "data.safetensors")
            data = {"kind": "tensors", "train": str(self.folder / "data.safetensors")}
        recipe = {"schema": 1, **blocks, "data": data, "init": {"weights": str(weights.resolve())} if weights else {}}
        (self.folder / "recipe.yaml").write_text(json.dumps(recipe))  # JSON is YAML
        self.start(driver, self.folder / "recipe.yaml")

    def tensors(self, *words):
        """The tensors of a command that writes a file."""
        return load(self.file(*words).read_bytes())

    def file(self, *words):
        path = self.folder / "answer.safetensors"
        self.ask(*words, path)
        return path

    def weights(self):
        return self.tensors("weights")

    def weights_file(self):
        return self.file("weights")

    def batches(self, steps):
        """[(inputs, targets)] of the first steps."""
        tensors = self.tensors("batches", steps)
        return list(zip(tensors["inputs"].chunk(steps), tensors["targets"].chunk(steps)))

    def named_batches(self, steps):
        """[{field: tensor}] of the first steps."""
        chunks = {name: tensor.chunk(steps) for name, tensor in self.tensors("batches", steps).items()}
        return [{name: parts[step] for name, parts in chunks.items()} for step in range(steps)]

    def outputs_and_gradients(self, step):
        """({output: tensor}, {parameter: gradient of the sum of losses}) of one step's batch."""
        tensors = self.tensors("pass", step)
        gradients = {name.removeprefix("gradient."): tensor for name, tensor in tensors.items() if name.startswith("gradient.")}
        return {name: tensor for name, tensor in tensors.items() if not name.startswith("gradient.")}, gradients

    def forward_backward(self, step):
        """(logits, {parameter: gradient of the sum of losses}) of one step's batch."""
        outputs, gradients = self.outputs_and_gradients(step)
        return outputs["logits"], gradients

    def evaluation_logits(self, step):
        return self.tensors("evaluate", step)["logits"]

    def decisions(self, step):
        """Of one step's batch, in evaluation and then in training: what decisions.py can hold."""
        return [decision for _, decision in sorted(self.tensors("decisions", step).items())]

    def losses(self, steps):
        return self.ask("train", steps)

    def metrics(self, steps):
        """[[metric]] of each step, in the order of the task's names."""
        numbers = self.ask("metrics", steps)
        width = len(numbers) // steps
        return [numbers[i:i + width] for i in range(0, len(numbers), width)]

    def step_times_ms(self, steps, clock="wall"):
        return self.ask("time" if clock == "wall" else "cpu_time", steps)
