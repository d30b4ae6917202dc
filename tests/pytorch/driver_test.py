#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pytorch_driver without PyTorch: its batches, logits, gradients and losses are those of a softmax regression computed here."""

import array
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import datasets  # noqa: E402  (the folder beside this one)

FEATURES, BATCH, RATE = 12, 8, 0.25


def rows(entry, code="f"):
    dtype, shape, data = entry
    values = array.array(code, data)
    width = shape[1] if len(shape) > 1 else 1
    return [list(values[i:i + width]) for i in range(0, len(values), width)]


class Regression:
    """Logits, the mean loss and gradients of the sum of losses, in float64."""

    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias

    def run(self, inputs, targets):
        logits, loss, errors = [], 0.0, []
        for x, target in zip(inputs, targets):
            logits.append([b + sum(w * value for w, value in zip(row, x)) for row, b in zip(self.weight, self.bias)])
            total = sum(map(math.exp, logits[-1]))
            loss += math.log(total) - logits[-1][target]
            errors.append([math.exp(value) / total - (k == target) for k, value in enumerate(logits[-1])])
        dweight = [[sum(e[k] * x[f] for e, x in zip(errors, inputs)) for f in range(FEATURES)] for k in range(len(self.bias))]
        return logits, loss / len(inputs), dweight, [sum(e[k] for e in errors) for k in range(len(self.bias))]

    def update(self, dweight, dbias):
        rate = RATE / BATCH
        self.weight = [[w - rate * d for w, d in zip(*pair)] for pair in zip(self.weight, dweight)]
        self.bias = [b - rate * d for b, d in zip(self.bias, dbias)]


class DriverTest(unittest.TestCase):
    driver = ""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.out = self.folder / "out.safetensors"
        datasets.write_tensors(self.folder / "data.safetensors", features=FEATURES)
        self.recipe = {
            "schema": 1, "model": {"kind": "mlp", "inputs": FEATURES, "hidden": [], "classes": datasets.CLASSES},
            "data": {"kind": "tensors", "train": str(self.folder / "data.safetensors")},
            "batch": {"global_samples": BATCH, "micro_samples": BATCH}, "train": {"steps": 100},
            "optimizer": {"kind": "sgd", "learning_rate": RATE}}

    def run_driver(self, *commands):
        path = self.folder / "recipe.yaml"
        path.write_text(json.dumps(self.recipe))
        return subprocess.run([self.driver, path], input="".join(command + "\n" for command in commands), capture_output=True, text=True, timeout=120)

    def ask(self, command):
        done = self.run_driver(command)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        words = done.stdout.split()
        self.assertEqual(words[0], "ok")
        return [float(word) for word in words[1:]]

    def tensors(self, command):
        self.ask(f"{command} {self.out}")
        return datasets.read_safetensors(self.out)

    def assert_near(self, values, expected):
        for row, expected_row in zip(values, expected, strict=True):
            for value, wanted in zip(row, expected_row, strict=True):
                self.assertAlmostEqual(value, wanted, delta=1e-5)

    def model(self):
        weights = self.tensors("weights")
        return Regression(rows(weights["layers.0.weight"]), [row[0] for row in rows(weights["layers.0.bias"])])

    def batches(self, steps):
        tensors = self.tensors(f"batches {steps}")
        inputs, targets = rows(tensors["inputs"]), [row[0] for row in rows(tensors["targets"], "q")]
        return [(inputs[i:i + BATCH], targets[i:i + BATCH]) for i in range(0, steps * BATCH, BATCH)]

    def test_pass(self):
        model = self.model()
        for step, batch in enumerate(self.batches(2)):
            logits, _, dweight, dbias = model.run(*batch)
            tensors = self.tensors(f"pass {step}")
            self.assertEqual(set(tensors), {"logits", "gradient.layers.0.weight", "gradient.layers.0.bias"})
            self.assert_near(rows(tensors["logits"]), logits)
            self.assert_near(rows(tensors["gradient.layers.0.weight"]), dweight)
            self.assert_near(rows(tensors["gradient.layers.0.bias"]), [[value] for value in dbias])

    def test_decisions(self):
        self.recipe["model"]["hidden"] = [5]
        weights = self.tensors("weights")
        hidden = Regression(rows(weights["layers.0.weight"]), [row[0] for row in rows(weights["layers.0.bias"])])
        inputs, targets = self.batches(1)[0]
        let_through = bytes(value > 0.0 for row in hidden.run(inputs, [0] * len(targets))[0] for value in row)
        self.assertIn(0, let_through)
        self.assertIn(1, let_through)
        decisions = self.tensors("decisions 0")
        self.assertEqual({name: data for name, (_, _, data) in decisions.items()}, {"decision.00000": let_through, "decision.00001": let_through})

    def test_training(self):
        model, expected = self.model(), []
        for batch in self.batches(5):
            _, loss, dweight, dbias = model.run(*batch)
            expected.append([loss])
            model.update(dweight, dbias)
        self.assert_near([[loss] for loss in self.ask("train 5")], expected)
        self.assertGreater(expected[0][0], expected[-1][0])

    def test_times(self):
        times_ms = self.ask("time 3")
        self.assertEqual(len(times_ms), 3)
        self.assertGreater(min(times_ms), 0.0)

    def test_refuses(self):
        for commands, fragment in ((["jump 3 x"], "jump"), (["pass 3"], "pass 3"), (["train"], "train")):
            done = self.run_driver(*commands)
            self.assertEqual(done.returncode, 2)
            self.assertIn(fragment, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
        self.recipe["batch"]["micro_samples"] = BATCH // 2
        done = self.run_driver("train 1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("micro_samples", done.stderr)


if __name__ == "__main__":
    DriverTest.driver = sys.argv.pop(sys.argv.index("--driver") + 1)
    sys.argv.remove("--driver")
    unittest.main(verbosity=2)
