#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Data and weights that are missing, cut short, lie about themselves or hold numbers that are none are refused with one line;
what lies in the run folder stays."""

import math
import struct

import datasets
import harness
from harness import DATA, OTHER, USAGE

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def rewrite(path, change):
    path.write_bytes(change(path.read_bytes()))


def dims(*sizes):
    """Another header in front of the same values."""
    return lambda data: datasets.idx_bytes(sizes, data[4 + 4 * len(sizes):])


BAD_IDX = {
    "missing images": (IMAGES, None, ["there is neither", "data.root"]),
    "missing labels": (LABELS, None, ["there is neither", "data.root"]),
    "cut short": (IMAGES, lambda data: data[:-100], ["[240, 8, 8]"]),
    "bytes too many": (IMAGES, lambda data: data + b"x", []),
    "header only in part": (IMAGES, lambda data: data[:10], []),
    "empty": (LABELS, lambda data: b"", []),
    "more samples than there are": (IMAGES, dims(2 ** 31, 8, 8), []),
    "dims whose product overflows": (IMAGES, dims(2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1), []),
    "no samples": (IMAGES, lambda data: datasets.idx_bytes([0, 8, 8], b""), []),
    "another type": (IMAGES, lambda data: data[:2] + b"\x0d" + data[3:], []),
    "another number of dims": (LABELS, lambda data: data[:3] + b"\x03" + data[4:], []),
    "fewer labels than images": (LABELS, lambda data: datasets.idx_bytes([100], data[8:108]), ["240", "100"]),
    "label out of range": (LABELS, lambda data: data[:50] + b"\x09" + data[51:], ["label 9", "sample 42", "data.classes"]),
}

BAD_GZIP = {
    "cut short": lambda data: data[:-200],
    "without its end": lambda data: data[:-6],
    "flipped bit": lambda data: data[:500] + bytes([data[500] ^ 4]) + data[501:],
    "rubbish behind": lambda data: data + b"rubbish",
    "not gzip": lambda data: b"no gzip" * 40,
}

BAD_WEIGHTS = {
    "missing tensor": (lambda tensors: tensors.pop("layers.1.bias"), ["layers.1.bias"]),
    "extra tensor": (lambda tensors: tensors.update(extra=("F32", (1,), b"\0" * 4)), ["extra"]),
    "wrong shape": (lambda tensors: tensors.update({"layers.2.bias": ("F32", (4,), b"\0" * 16)}), ["layers.2.bias", "[4]", "[5]"]),
}


class BadData(harness.SystemCase):
    def refused(self, fragments, recipe, status=DATA):
        self.assert_refused(status, fragments, "train", recipe, "--out", self.out("run"))

    def test_idx(self):
        for name, (file, change, fragments) in BAD_IDX.items():
            with self.subTest(name):
                datasets.write_images(self.folder / "data")
                path = self.folder / "data" / file
                if change:
                    rewrite(path, change)
                else:
                    path.unlink()
                self.refused([path, *fragments], self.recipe())

    def test_gzip(self):
        datasets.write_images(self.folder / "data", compress=True)
        recipe = self.recipe()
        self.train(recipe, "sound")
        path = self.folder / "data" / (IMAGES + ".gz")
        sound = path.read_bytes()
        for name, change in BAD_GZIP.items():
            with self.subTest(name):
                path.write_bytes(change(sound))
                self.refused([path], recipe)

    def test_gzip_and_plain_are_one_data_set(self):
        recipe = self.recipe()
        plain = self.train(recipe, "plain")
        datasets.write_images(self.folder / "compressed", compress=True)
        self.assertEqual(self.train(recipe, "compressed_run", "--set", f"data.root={self.folder / 'compressed'}"), plain)

    def test_other_data_at_a_resume(self):
        recipe = self.recipe()
        self.train(recipe, "run", "--set", "train.steps=10")
        before = self.checkpoints("run")
        rewrite(self.folder / "data" / IMAGES, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
        self.refused(["training data", "--force"], recipe)
        self.assertEqual(self.checkpoints("run"), before)

    def test_weights(self):
        recipe = self.recipe()
        self.train(recipe, "first")
        exported, file = self.folder / "exported", self.folder / "weights"
        self.run_tessera("checkpoint", "export", self.out("first"), exported)
        for name, (change, fragments) in BAD_WEIGHTS.items():
            tensors = datasets.read_safetensors(exported)
            change(tensors)
            file.write_bytes(datasets.safetensors_bytes(tensors))
            with self.subTest(name):
                self.refused([file, *fragments], self.recipe({"init": {"weights": str(file)}}))
                self.assert_refused(DATA, [file, *fragments], "eval", recipe, "--weights", file)

    def test_damaged_weights(self):
        file = self.folder / "weights"
        recipe = self.recipe({"init": {"weights": str(file)}})
        for name, data in (("empty", b""), ("cut short", struct.pack("<Q", 100) + b"{}"), ("a huge header", struct.pack("<Q", 2 ** 62) + b"{}"),
                           ("no JSON", struct.pack("<Q", 8) + b"rubbish!"), ("a folder", None)):
            with self.subTest(name):
                file.unlink(missing_ok=True)
                file.mkdir() if data is None else file.write_bytes(data)
                self.refused([file], recipe)


class BadNumbers(harness.SystemCase):
    def tensors_recipe(self, **changes):
        data = {"kind": "tensors", "root": str(self.folder), "train": "train.safetensors", "test": "test.safetensors",
                "classes": datasets.CLASSES}
        datasets.write_tensors(self.folder / "test.safetensors", samples=30)
        return self.recipe(harness.merged({"data": data, "model": {"inputs": 12}}, changes))

    def test_data_that_is_not_finite(self):
        for value in (math.nan, math.inf):
            for ranks in (None, 2):
                with self.subTest(value=value, ranks=ranks):
                    datasets.write_tensors(self.folder / "train.safetensors", scales={60: value})
                    outcome = self.run_tessera("train", self.tensors_recipe(), "--out", self.out("run"), "--resume", "none", ranks=ranks)
                    self.assert_one_error(outcome, OTHER, "tensor 'inputs'", "not finite", ranks=ranks)
                    self.assertRegex(outcome.lines_of_tessera()[0], r"step \d+, quantum \d+")

    def test_rate_that_is_far_too_high(self):
        datasets.write_tensors(self.folder / "train.safetensors")
        optimizer = {"learning_rate": 1.0e30, "clip_norm": None}
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                outcome = self.run_tessera("train", self.tensors_recipe(optimizer=optimizer), "--out", self.out("run"), ranks=ranks)
                self.assert_one_error(outcome, OTHER, "not finite", "optimizer.learning_rate", ranks=ranks)
                self.assertRegex(outcome.lines_of_tessera()[0], r"step \d+")

    def test_the_last_sound_checkpoint_stays(self):
        """Training ends before the update, so that what was saved before is what a repaired run goes on from."""
        datasets.write_tensors(self.folder / "train.safetensors", scales={60: math.nan})
        recipe = self.tensors_recipe(checkpoint={"every_steps": 1})
        outcome = self.run_tessera("train", recipe, "--out", self.out("run"))
        self.assertEqual(outcome.status, OTHER, outcome)
        verified = self.run_tessera("checkpoint", "verify", self.out("run"))
        self.assertEqual(verified.status, harness.DONE, verified)

    def test_tensors(self):
        good = datasets.write_tensors(self.folder / "train.safetensors").read_bytes()
        recipe = self.tensors_recipe()
        path = self.folder / "train.safetensors"
        for name, change, fragments in (("cut short", lambda: good[:-7], []), ("missing", None, []),
                                        ("no targets", lambda: good.replace(b'"targets"', b'"targetz"'), ["targets"]),
                                        ("class out of range", lambda: good[:-8] + struct.pack("<q", 5), ["class 5", "sample 119"])):
            with self.subTest(name):
                path.write_bytes(change()) if change else path.unlink()
                self.assert_refused(DATA, [path, *fragments], "train", recipe, "--out", self.out("run"))

    def test_targets_that_are_no_classes(self):
        inputs = datasets.read_safetensors(datasets.write_tensors(self.folder / "train.safetensors"))
        inputs["targets"] = ("F32", (120,), b"\0" * 480)
        (self.folder / "train.safetensors").write_bytes(datasets.safetensors_bytes(inputs))
        outcome = self.run_tessera("train", self.tensors_recipe(), "--out", self.out("run"))
        self.assertIn(outcome.status, (USAGE, DATA))
        self.assert_one_error(outcome, outcome.status, "targets")


if __name__ == "__main__":
    harness.main()
