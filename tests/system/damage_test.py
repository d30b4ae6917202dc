#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that were cut short or lost a bit are not resumed: the run says why, takes the older sound one, and still ends with
the weights of a calm run. The checkpoint commands agree with the run about what is sound."""

import hashlib
import random
import re
import shutil

import datasets
import harness
from harness import DATA, DONE

NEWEST, OLDER = "step_00000008", "step_00000006"


def flip_bit(path):
    data = bytearray(path.read_bytes())
    place = random.Random(len(data)).randrange(len(data))
    data[place] ^= 1 << place % 8
    path.write_bytes(data)


DAMAGES = {
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "flipped bit": flip_bit,
    "missing": lambda path: path.unlink(),
}


class Damage(harness.SystemCase):
    def setUp(self):
        super().setUp()
        self.job_recipe = self.recipe({"train": {"steps": 12}, "checkpoint": {"every_steps": 2, "keep_last": 3}})
        self.calm_weights = self.train(self.job_recipe, "calm")
        self.train(self.job_recipe, "interrupted", "--set", "train.steps=8", ranks=2)

    def damaged_copy(self, file, damage, checkpoints=(NEWEST,)):
        shutil.rmtree(self.out("run"), ignore_errors=True)
        shutil.copytree(self.out("interrupted"), self.out("run"))
        for checkpoint in checkpoints:
            damage(self.out("run") / "checkpoints" / checkpoint / file)

    def resume(self, ranks):
        outcome = self.run_tessera("train", self.job_recipe, "--out", self.out("run"), ranks=ranks)
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertEqual(self.weights("run"), self.calm_weights)
        return outcome

    def test_the_older_sound_one_is_taken(self):
        files = ("manifest.pb", "manifest.txt", "part_00000.safetensors", "part_00001.safetensors")
        for number, (file, (name, damage)) in enumerate((file, item) for file in files for item in DAMAGES.items()):
            ranks = (None, 2, 3)[number % 3]
            with self.subTest(file=file, damage=name, ranks=ranks):
                self.damaged_copy(file, damage)
                outcome = self.resume(ranks)
                self.assertIn(f"{OLDER} (step 6)", outcome.out)
                warnings = outcome.lines_of_tessera()
                self.assertEqual(len(warnings), 1, outcome)
                self.assertIn("warning: skipped a checkpoint: ", warnings[0])
                self.assertIn(f"{NEWEST}/{file}" if file != "manifest.pb" or name != "missing" else NEWEST, warnings[0])

    def test_none_is_sound(self):
        """The run starts anew, says so, and keeps what it found until new checkpoints take its place."""
        for ranks in (None, 3):
            with self.subTest(ranks=ranks):
                self.damaged_copy("part_00001.safetensors", flip_bit, self.checkpoints("interrupted"))
                outcome = self.resume(ranks)
                self.assertEqual(outcome.err.count("warning: skipped a checkpoint: "), 3, outcome)
                self.assertIn("no sound checkpoint", outcome.out + outcome.err)

    def test_one_that_is_named_must_be_sound(self):
        self.damaged_copy("part_00000.safetensors", flip_bit)
        path = self.out("run") / "checkpoints" / NEWEST
        self.assert_refused(DATA, [f"{NEWEST}/part_00000.safetensors"], "train", self.job_recipe, "--out", self.out("other"), "--resume", path)
        self.assert_refused(DATA, [f"{NEWEST}/part_00000.safetensors"], "eval", self.job_recipe, "--checkpoint", path)

    def test_commands(self):
        self.damaged_copy("part_00000.safetensors", flip_bit)
        run, newest = self.out("run"), self.out("run") / "checkpoints" / NEWEST
        verified = self.run_tessera("checkpoint", "verify", run)
        self.assertEqual(verified.status, DATA, verified)
        self.assertEqual(len(re.findall(r": sound$", verified.out, re.M)), 2, verified)
        for words in (["verify", newest], ["hash", newest], ["export", newest, self.folder / "weights"]):
            self.assert_one_error(self.run_tessera("checkpoint", *words), DATA, f"{NEWEST}/part_00000.safetensors")
        self.assertFalse((self.folder / "weights").exists(), "weights of an unsound checkpoint were exported")


class Commands(harness.SystemCase):
    def setUp(self):
        super().setUp()
        self.job_recipe = self.recipe({"checkpoint": {"every_steps": 8}})
        self.train(self.job_recipe, "run", ranks=3)

    def checkpoint(self, *words):
        outcome = self.run_tessera("checkpoint", *words)
        self.assertEqual((outcome.status, outcome.err), (DONE, ""), outcome)
        return outcome.out

    def test_list_inspect_verify(self):
        listed = self.checkpoint("list", self.out("run")).splitlines()
        self.assertEqual([re.search(r"step (\d+)", line)[1] for line in listed], ["20", "16", "8"])
        text = self.checkpoint("inspect", self.out("run"))
        self.assertEqual(text, (self.out("run") / "checkpoints" / "step_00000020" / "manifest.txt").read_text())
        self.assertEqual(self.checkpoint("verify", self.out("run")).count(": sound"), 3)

    def test_hash_and_export(self):
        expected = self.weights("run")
        file = self.folder / "weights.safetensors"
        for folder in (self.out("run"), self.out("run") / "checkpoints" / "step_00000020"):
            self.assertEqual(self.checkpoint("hash", folder).split()[0], expected)
            self.assertEqual(self.checkpoint("export", folder, file).split()[0], expected)
            self.assertEqual(hashlib.sha256(file.read_bytes()).hexdigest(), expected)
        names = list(datasets.read_safetensors(file))
        self.assertEqual(names, sorted(f"layers.{layer}.{part}" for layer in range(3) for part in ("weight", "bias")))

    def test_export_starts_a_run_and_is_evaluated(self):
        file = self.folder / "weights.safetensors"
        self.checkpoint("export", self.out("run"), file)
        by_file = self.run_tessera("eval", self.job_recipe, "--weights", file, ranks=2).out
        by_run = self.run_tessera("eval", self.job_recipe, "--out", self.out("run")).out
        metrics = re.compile(r"loss \S+ accuracy \S+")
        self.assertEqual(metrics.search(by_file)[0], metrics.search(by_run)[0])
        recipe = self.recipe({"init": {"weights": str(file)}, "train": {"steps": 1}, "optimizer": {"learning_rate": 1e-30, "momentum": 0.0}})
        self.assertEqual(self.train(recipe, "second", ranks=2), self.weights("run"), "a step of no size changed the weights")

    def test_a_finished_run_trains_nothing(self):
        before = self.metrics("run"), self.checkpoints("run")
        outcome = self.run_tessera("train", self.job_recipe, "--out", self.out("run"), ranks=2)
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertIn("nothing left to train", outcome.out)
        self.assertIn(self.weights("run"), outcome.out)
        self.assertEqual((self.metrics("run"), self.checkpoints("run")), before)

    def test_starting_anew_keeps_the_old_checkpoints(self):
        before, expected = self.checkpoints("run"), self.weights("run")
        self.assertEqual(self.train(self.job_recipe, "run", "--resume", "none"), expected)
        self.assertEqual(sorted(path.name for path in (self.out("run") / "checkpoints.1").iterdir()), before)


if __name__ == "__main__":
    harness.main()
