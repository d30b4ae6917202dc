#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A step whose gradients outgrow the grid of the exact sum is run again, and leaves no trace of how or where it was run."""

import re
import signal

import datasets
import harness
from harness import STOPPED

SPIKE = 2.0 ** 24  # beyond the 16 bits of headroom, also after a few steps of a grid that falls by half each
FEATURES = 12


class Replay(harness.SystemCase):
    def data_spike(self):
        """Two samples of 120 are far larger than the others: the steps that draw them overflow."""
        datasets.write_tensors(self.folder / "train.safetensors", features=FEATURES, scales={17: SPIKE, 90: SPIKE})
        return self.tensors_recipe({"train": {"steps": 24}})

    def data_spike_of_two_quanta(self):
        """On two ranks each has one, and the owners of the sums find what is too large."""
        self.data_spike()
        return self.tensors_recipe({"train": {"steps": 24}, "batch": {"global_samples": 28, "micro_samples": 14}})

    def rate_spike(self):
        """The first update is a leap, so that the gradients of the second step are far larger than those of the first."""
        datasets.write_tensors(self.folder / "train.safetensors", features=FEATURES)
        return self.tensors_recipe({"train": {"steps": 8}, "model": {"hidden": [24, 16]},
                                    "optimizer": {"learning_rate": 2.0e5, "momentum": 0.0, "clip_norm": 1.0}})

    def tensors_recipe(self, changes):
        datasets.write_tensors(self.folder / "test.safetensors", samples=30, features=FEATURES)
        data = {"kind": "tensors", "root": str(self.folder), "train": "train.safetensors", "test": "test.safetensors",
                "classes": datasets.CLASSES}
        return self.recipe(harness.merged({"data": data, "model": {"inputs": FEATURES}}, changes))

    def replayed_steps(self, text):
        return [int(step) for step in re.findall(r"step (\d+) was replayed", text)]

    def calm(self, recipe, ranks=None):
        name = f"calm_{ranks}"
        outcome = self.run_tessera("train", recipe, "--out", self.out(name), ranks=ranks)
        self.assertEqual(outcome.status, harness.DONE, outcome)
        steps = self.replayed_steps(outcome.out)
        self.assertTrue(steps, f"no step was replayed\n{outcome}")
        return self.weights(name), steps, self.metrics(name)

    def test_same_on_any_number_of_ranks(self):
        for spike, several in ((self.data_spike, 3), (self.rate_spike, 3), (self.data_spike_of_two_quanta, 2)):
            with self.subTest(spike=spike.__name__):
                recipe = spike()
                first = self.calm(recipe)
                for ranks in (1, several):
                    self.assertEqual(self.calm(recipe, ranks), first)
                for ranks in (None, 1, several):
                    harness.shutil.rmtree(self.out(f"calm_{ranks}"))

    def test_resume_just_before_and_just_after(self):
        recipe = self.data_spike()
        weights, steps, rows = self.calm(recipe)
        for number, (stop, before, after) in enumerate(((steps[0] - 1, 2, 3), (steps[0], 3, 1), (steps[-1] - 1, 1, 4))):
            with self.subTest(stop=stop, ranks=(before, after)):
                out = f"run_{number}"
                self.train(recipe, out, "--set", f"train.steps={stop}", "--set", "evaluate.every_steps=null", ranks=before)
                self.assertEqual(self.train(recipe, out, ranks=after), weights)
                self.assertEqual([row for row in self.metrics(out, "train")], [row for row in rows if row["kind"] == "train"])

    def test_killed_and_stopped_after_a_replay(self):
        recipe = self.data_spike()
        weights, steps, rows = self.calm(recipe)
        slow = ("--set", "checkpoint.every_steps=1", "--set", "evaluate.every_steps=1")
        for number, (kill, status) in enumerate(((signal.SIGKILL, None), (signal.SIGUSR1, STOPPED))):
            with self.subTest(signal=kill):
                out = f"run_{number}"
                job = self.start("train", recipe, "--out", self.out(out), *slow, ranks=2)
                job.until(lambda: self.replayed_steps(job.out()), "a replay")
                for pid in job.ranks().values():
                    harness.send(pid, kill)
                outcome = job.wait()
                self.assertTrue(outcome.status == harness.DONE or outcome.status == (status or outcome.status), outcome)
                self.assertEqual(self.train(recipe, out, *slow, ranks=3), weights)
                self.assertEqual(self.metrics(out, "train"), [row for row in rows if row["kind"] == "train"])


if __name__ == "__main__":
    harness.main()
