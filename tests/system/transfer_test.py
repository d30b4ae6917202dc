#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training from somebody's weights: tensors that are skipped start anew, what is frozen keeps its bits, on any number of ranks. Evaluating several checkpoints as
an ensemble, confusion matrices, and cross-validation by the script."""

import json
import math
import os
import pathlib
import sys
import zlib

import datasets
import harness
from harness import DATA, DONE, USAGE

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/cross_validate"
SMALL_IMAGES = {"size": [8, 8], "resize": 10, "workers": 0}
RESNET = {"kind": "cifar_resnet", "depth": 8, "width": 4, "classes": datasets.CLASSES}


def floats(tensor):
    return memoryview(tensor[2]).cast("f").tolist()


def log_mean_probabilities(rows):
    """Of one sample's scores by several models."""
    shares = []
    for row in rows:
        powers = [math.exp(score - max(row)) for score in row]
        shares.append([power / sum(powers) for power in powers])
    return [math.log(sum(column) / len(rows)) for column in zip(*shares)]


class TransferCase(harness.SystemCase):
    def exported(self, run):
        file = self.out(f"{run}.safetensors")
        outcome = self.run_tessera("checkpoint", "export", self.out(run), file)
        self.assertEqual(outcome.status, DONE, outcome)
        return file

    def tensors(self, run):
        return datasets.read_safetensors(self.exported(run))


class Transfer(TransferCase):
    def tuned(self, weights, changes=None, name="tuned.yaml"):
        """A head of seven classes on what a perceptron has learned."""
        base = {"model": {"classes": 7}, "init": {"weights": str(weights), "skip": ["^layers[.]2[.]"]},
                "optimizer": {"groups": [{"match": "layers.0.*", "frozen": True}, {"match": "layers.1.*", "learning_rate_factor": 0.1}]}}
        return self.recipe(harness.merged(base, changes or {}), name)

    def pretrained(self):
        self.train(self.recipe(name="pretrained.yaml"), "pretrained")
        return self.exported("pretrained")

    def test_frozen_prefix_and_new_head_on_any_number_of_ranks(self):
        weights = self.pretrained()
        recipe = self.tuned(weights)
        hashes = {self.train(recipe, f"tuned_{ranks}", ranks=ranks) for ranks in (None, 1, 2, 3)}
        self.assertEqual(len(hashes), 1, hashes)
        self.assertEqual(self.metrics("tuned_3"), self.metrics("tuned_None"))
        before, after = datasets.read_safetensors(weights), self.tensors("tuned_2")
        for name in ("layers.0.weight", "layers.0.bias"):
            self.assertEqual(after[name], before[name])
        self.assertNotEqual(after["layers.1.weight"], before["layers.1.weight"])
        self.assertEqual(after["layers.2.weight"][1], [7, 32])
        # The new head starts as that of a run without weights, not as anything of the file.
        start = self.tuned(weights, {"init": {"weights": None, "skip": []}, "train": {"steps": 1}, "optimizer": {"learning_rate": 1e-30}}, "start.yaml")
        same = self.tuned(weights, {"train": {"steps": 1}, "optimizer": {"learning_rate": 1e-30}}, "same.yaml")
        self.train(start, "start")
        self.train(same, "same")
        self.assertEqual(self.tensors("same")["layers.2.weight"], self.tensors("start")["layers.2.weight"])

    def test_a_frozen_run_resumes_on_other_ranks(self):
        recipe = self.tuned(self.pretrained())
        calm = self.train(recipe, "calm")
        short = self.tuned(self.out("pretrained.safetensors"), {"train": {"steps": 9}}, "short.yaml")
        self.train(short, "resumed", ranks=2)
        self.assertEqual(self.train(recipe, "resumed", ranks=3), calm)

    def test_statistics_of_a_frozen_prefix_move_unless_they_are_fixed(self):
        root = datasets.write_photos(self.folder / "photos")
        base = {"model": RESNET, "data": {"kind": "image_folder", "root": str(root), **SMALL_IMAGES}, "evaluate": {"split": "val"}, "train": {"steps": 4}}
        self.train(self.recipe(base, "base.yaml"), "base")
        base["init"] = {"weights": str(self.exported("base"))}
        before = self.tensors("base")
        for fixed in (False, True):
            with self.subTest(fixed=fixed):
                groups = [{"match": "bn1.*", "frozen": True, "fixed_statistics": fixed}, {"match": "conv1.*", "frozen": True},
                          {"match": "layer1.*", "frozen": True, "fixed_statistics": fixed}, {"match": "layer3.*.bn2.running_*", "fixed_statistics": fixed}]
                groups = groups if fixed else groups[:3]
                recipe = self.recipe(harness.merged(base, {"optimizer": {"groups": groups}}), f"fixed_{fixed}.yaml")
                self.assertEqual(len({self.train(recipe, f"fixed_{fixed}_{ranks}", ranks=ranks) for ranks in (None, 2, 3)}), 1)
                after = self.tensors(f"fixed_{fixed}_2")
                for name in ("conv1.weight", "bn1.weight", "layer1.0.bn1.bias"):
                    self.assertEqual(after[name], before[name], name)
                for name in ("bn1.running_mean", "layer1.0.bn2.running_var", "layer3.0.bn2.running_mean"):
                    (self.assertEqual if fixed else self.assertNotEqual)(after[name], before[name], name)
                for name in ("layer2.0.bn1.running_mean", "layer3.0.conv1.weight", "layer3.0.bn2.weight"):
                    self.assertNotEqual(after[name], before[name], name)

    def test_weights_that_do_not_fit(self):
        weights = self.pretrained()
        for name, changes, status, fragments in (
                ("another number of classes", {"init": {"skip": []}}, DATA,
                 [weights, "'layers.2.weight' has shape [5, 32] but the model needs [7, 32]", "4 of the model's 6 tensors", r"init.skip: ['^layers\.2\.']"]),
                ("another architecture", {"model": {"hidden": [48, 16]}}, DATA, ["'layers.1.weight' has shape [32, 48] but the model needs [16, 48]", "2 of the model's 4 tensors"]),
                ("a pattern that finds nothing", {"init": {"skip": ["^layers[.]2[.]", "hed"]}}, USAGE, ["doc.yaml:", "'hed' of init.skip[1] is found in no name"]),
                ("no pattern", {"init": {"skip": ["("]}}, USAGE, ["doc.yaml:", "'(' is no regular expression"]),
                ("all of it", {"init": {"skip": ["layers"]}}, DATA, ["no tensor of the file is part of the model"]),
                ("no statistics to fix", {"optimizer": {"groups": [{"match": "layers.0.*", "fixed_statistics": True}]}}, USAGE,
                 ["doc.yaml:", "'layers.0.*' of optimizer.groups[0] is to fix statistics, but matches none"])):
            with self.subTest(name):
                self.assert_refused(status, fragments, "train", self.tuned(weights, changes, "doc.yaml"), "--out", self.out("refused"))


class Ensembles(TransferCase):
    def setUp(self):
        super().setUp()
        self.recipes = [self.recipe({"run": {"seed": seed}}, f"seed_{seed}.yaml") for seed in (1, 2)]
        for seed, recipe in enumerate(self.recipes, 1):
            self.train(recipe, f"run_{seed}")

    def predictions(self, name, *more, ranks=None):
        file = self.out(f"{name}.predictions")
        outcome = self.run_tessera("eval", self.recipes[0], "--predictions", file, "--json", self.out(f"{name}.json"), *more, ranks=ranks)
        self.assertEqual(outcome.status, DONE, outcome)
        tensors = datasets.read_safetensors(file)
        scores = floats(tensors["outputs"])
        return [scores[i:i + datasets.CLASSES] for i in range(0, len(scores), datasets.CLASSES)], outcome.out.splitlines()[-1], json.loads(self.out(f"{name}.json").read_text())

    def test_probabilities_are_averaged_on_any_number_of_ranks(self):
        members = [self.out("run_1"), self.out("run_2") / "checkpoints" / self.checkpoints("run_2")[-1]]
        single = [self.predictions(f"single_{i}", "--checkpoint", member)[0] for i, member in enumerate(members)]
        flags = [word for member in members for word in ("--checkpoint", member)]
        results = [self.predictions(f"both_{ranks}", *flags, ranks=ranks) for ranks in (None, 2, 3)]
        self.assertEqual(results[0], results[1])
        self.assertEqual(results[0], results[2])
        scores, line, report = results[0]
        self.assertIn("70 samples of test, mean of 2 models' probabilities: loss ", line)
        for sample, row in enumerate(scores):
            for got, wanted in zip(row, log_mean_probabilities([one[sample] for one in single])):
                self.assertAlmostEqual(got, wanted, places=5)
        matrix = report["evaluation_classes"]["confusion"]
        self.assertEqual(sum(map(sum, matrix)), 70)
        self.assertAlmostEqual(report["evaluation"]["accuracy"], sum(matrix[i][i] for i in range(datasets.CLASSES)) / 70, places=12)
        files = [word for seed in (1, 2) for word in ("--weights", self.exported(f"run_{seed}"))]
        self.assertEqual(self.predictions("files", *files)[0], scores)

    def test_members_that_do_not_fit(self):
        other = self.recipe({"model": {"hidden": [16]}}, "other.yaml")
        self.train(other, "other")
        for status, fragments, members in ((DATA, ["other", "layers.0.weight", "[16, 64]", "[48, 64]"], ["run_1", "other"]), (USAGE, ["run_1", "given twice"], ["run_1", "run_1"]),
                                           (DATA, ["nothing"], ["run_1", "nothing"])):
            with self.subTest(str(members)):
                flags = [word for member in members for word in ("--checkpoint", self.out(member))]
                self.assert_refused(status, fragments, "eval", self.recipes[0], *flags)

    def test_confusion_matrices(self):
        for ranks in (None, 3):
            self.train(self.recipes[0], f"again_{ranks}", ranks=ranks)
            summary = self.summary(f"again_{ranks}")
            self.assertEqual(summary["evaluation_classes"], self.summary("run_1")["evaluation_classes"])
        classes = summary["evaluation_classes"]
        self.assertEqual(sum(classes["samples"]), 70)
        for i in range(datasets.CLASSES):
            self.assertEqual(sum(classes["confusion"][i]), classes["samples"][i])
            self.assertAlmostEqual(classes["recall"][i], classes["confusion"][i][i] / max(classes["samples"][i], 1), places=12)
        self.assertAlmostEqual(summary["evaluation"]["macro_f1"], sum(classes["f1"]) / datasets.CLASSES, places=12)
        events = b"".join(path.read_bytes() for path in (self.out("run_1") / "tensorboard").iterdir())
        self.assertIn(b"evaluation/confusion", events)
        self.assert_png(self.out("run_1") / "confusion.png")
        outcome = self.run_tessera("confusion", self.out("run_1") / "summary.json", self.out("run_2") / "summary.json", "--picture", self.out("sum.png"), "--title", "both")
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertIn("both: 140 samples, accuracy ", outcome.out)
        self.assertIn("macro average       140", outcome.out)
        self.assert_png(self.out("sum.png"))

    def assert_png(self, path):
        """Whole, and more than a blank sheet."""
        data = path.read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        at, pixels = 8, b""
        while at < len(data):
            length, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
            self.assertEqual(zlib.crc32(data[at + 4:at + 8 + length]), int.from_bytes(data[at + 8 + length:at + 12 + length], "big"))
            pixels += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
            at += 12 + length
        self.assertGreater(len(set(zlib.decompress(pixels))), 8)

    def test_no_matrix_of_many_classes(self):
        recipe = self.recipe({"evaluate": {"confusion_classes": 4}}, "many.yaml")
        self.train(recipe, "many", ranks=2)
        self.assertNotIn("evaluation_classes", self.summary("many"))
        self.assertFalse((self.out("many") / "confusion.png").exists())
        self.assertEqual(self.summary("many")["evaluation"], self.summary("run_1")["evaluation"])
        self.assert_refused(USAGE, ["evaluate.confusion_classes", "of 5 classes"], "eval", recipe, "--out", self.out("many"), "--confusion", self.out("none.png"))
        self.assert_refused(DATA, ["summary.json", 'no "evaluation_classes"'], "confusion", self.out("many") / "summary.json")

    def test_confusion_of_what_is_not_there(self):
        self.assert_refused(DATA, ["nothing.json"], "confusion", self.out("nothing.json"))
        self.assert_refused(USAGE, ["files", "--help"], "confusion")


class CrossValidation(harness.SystemCase):
    def validate(self, *more):
        words = [sys.executable, "-B", SCRIPT, *more, "--tessera", harness.Settings.tessera, "--folds", "3", "--out", self.out("folds")]
        return self.run_words(list(map(str, words)))

    def images(self):
        root = datasets.write_photos(self.folder / "photos")
        os.rename(root / "val", root / "test")
        return self.recipe({"data": {"kind": "image_folder", "root": str(root), **SMALL_IMAGES}, "model": {"inputs": 192}, "evaluate": {"split": "val"}, "train": {"steps": 12}})

    def test_folds_their_sum_and_the_ensemble(self):
        recipe = self.images()
        outcome = self.validate(recipe, "--test", "--set", "train.steps=8")
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertIn("60 samples, accuracy", outcome.out)
        self.assertIn("20 samples of test, mean of 3 models' probabilities", outcome.out)
        self.assertNotIn("warning", outcome.err)
        results = json.loads((self.out("folds") / "cross_validation.json").read_text())
        self.assertEqual([len(results[key]) for key in ("folds", "test")], [3, 3])
        self.assertIn(f"accuracy on test, ensemble: {100 * results['test_ensemble']['accuracy']:.2f} %", outcome.out)
        for name in ("confusion.png", "test_confusion.png"):
            self.assertTrue((self.out("folds") / name).is_file())
        self.assertEqual({self.summary(f"folds/fold_{fold}")["steps"] for fold in range(3)}, {8})
        again = self.validate(recipe, "--test", "--set", "train.steps=8")
        self.assertEqual(again.out.count("nothing left to train"), 3, again)
        # Another fold's samples are not what a fold is judged by.
        outcome = self.run_tessera("eval", recipe, "--set", "data.holdout={folds: 3, fold: 1}", "--checkpoint", self.out("folds") / "fold_0")
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertIn("another data.holdout", outcome.err)

    def test_errors_are_one_line(self):
        recipe = self.images()
        outcome = self.validate(recipe, "--set", "data.folds=3")
        self.assertEqual(outcome.status, USAGE, outcome)
        self.assertEqual(len(outcome.err.splitlines()), 2, outcome)  # tessera's and the script's
        self.assertIn("ended with status 2", outcome.err)
        outcome = self.validate(recipe, "--launcher", "no-such-launcher")
        self.assertEqual(outcome.status, USAGE, outcome)
        self.assertIn("no-such-launcher", outcome.err)


if __name__ == "__main__":
    harness.main()
