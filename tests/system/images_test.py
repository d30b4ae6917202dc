#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training on image files: class folders and tar shards of the same images give the same weights on any number of ranks, also with samples that are
skipped, mixed or balanced, and after a stop; bad shards and bad images are refused with one line that names them."""

import pathlib
import signal

import datasets
import harness
from harness import DATA, DONE, STOPPED, USAGE

AUGMENTED = {"size": [8, 8], "resize": 10, "workers": 2}


class Images(harness.SystemCase):
    def setUp(self):
        super().setUp()
        self.root = datasets.write_photos(self.folder / "photos")
        self.shards = datasets.shards_of_folders(self.root, self.folder / "shards")

    def images(self, kind, changes=None):
        data = {"kind": "image_folder", "root": str(self.root), **AUGMENTED}
        if kind == "webdataset":
            data = {"kind": kind, "root": str(self.shards), "train": "train-*.tar", "val": "val-{0..0}.tar", "classes": datasets.CLASSES, **AUGMENTED}
        base = {"data": data, "model": {"inputs": 192}, "evaluate": {"split": "val"}, "train": {"steps": 12}}
        return self.recipe(harness.merged(base, changes or {}), f"{kind}.yaml")

    def broken(self, name, change):
        """Another shard in place of train-1.tar, of which one image is changed."""
        files = sorted((self.root / "train").rglob("*.png"))[25:50]
        samples = [(f"{i:04}", file.read_bytes(), int(file.parent.name[-1])) for i, file in enumerate(files, 25)]
        return datasets.write_shard(self.shards / "train-1.tar", [(key, change(image) if key == name else image, label) for key, image, label in samples])

    def test_folders_and_shards_on_any_number_of_ranks(self):
        results = {self.train(self.images(kind), f"{kind}_{ranks}", ranks=ranks) for kind in ("image_folder", "webdataset") for ranks in (None, 2, 3)}
        self.assertEqual(len(results), 1, results)
        self.assertEqual(self.metrics("webdataset_3"), self.metrics("image_folder_None"))

    def test_balanced_and_mixed_on_any_number_of_ranks_and_after_a_stop(self):
        recipe = self.images("webdataset", {"data": {"balanced": True}, "task": {"mixup": 0.4, "cutmix": 1.0, "label_smoothing": 0.1}, "train": {"steps": 300}})
        calm = self.train(recipe, "calm")
        job = self.start("train", recipe, "--out", self.out("stopped"), ranks=2)
        job.until_all_ranks(2)
        job.until(lambda: (self.out("stopped") / "metrics.jsonl").exists() and len(self.metrics("stopped")) > 3, "a few steps")
        for pid in job.ranks().values():
            harness.send(pid, signal.SIGUSR1)
        self.assertIn(job.wait().status, (STOPPED, DONE))
        self.assertEqual(self.train(recipe, "stopped", ranks=3), calm)
        self.assertEqual(self.metrics("stopped"), self.metrics("calm"))

    def test_every_augmentation_with_an_average_after_a_kill(self):
        """The whole way of a photo, JPEG files of several kinds among them, into a model with batch norms; killed within an epoch."""
        golden = datasets.read_safetensors(pathlib.Path(__file__).resolve().parents[1] / "golden" / "images.safetensors")
        files = [bytes(data) for name, (_, _, data) in sorted(golden.items()) if name.startswith("file/") and name.endswith((".jpeg", "RGB.png"))]
        samples = [(f"{i:04}", files[i % len(files)], i * 7 % datasets.CLASSES) for i in range(60)]
        for number in range(3):
            datasets.write_shard(self.shards / f"train-{number}.tar", samples[20 * number:20 * number + 20])
        recipe = self.images("webdataset", {
            "data": {"size": [24, 24], "resize": 28, "interpolation": "bicubic", "color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
                     "rand_augment": {"operations": 2}, "erasing": {"probability": 0.5}},
            "model": {"kind": "cifar_resnet", "depth": 8, "classes": datasets.CLASSES}, "task": {"mixup": 0.2, "cutmix": 1.0}, "ema": {"decay": 0.9},
            "batch": {"global_samples": 16, "micro_samples": 4}, "train": {"steps": 40}, "checkpoint": {"every_steps": 2}})
        results = {self.train(recipe, f"calm_{ranks}", ranks=ranks) for ranks in (1, 2, 4)}
        self.assertEqual(len(results), 1, results)
        recomputed = self.train(recipe, "recomputed", "--set", "memory.recompute=block", "--set", "run.peak_gflops=1e4", ranks=2)
        self.assertEqual({recomputed}, results)
        self.assertTrue(0 < self.summary("recomputed")["mfu"] < 1)
        job = self.start("train", recipe, "--out", self.out("killed"), ranks=2)
        job.until_all_ranks(2)
        job.until(lambda: (self.out("killed") / "checkpoints" / "step_00000006").exists(), "a checkpoint within an epoch")
        harness.send(job.ranks()[1], signal.SIGKILL)
        self.assertNotEqual(job.wait().status, DONE)
        self.assertEqual(self.train(recipe, "killed", ranks=3), results.pop())
        self.assertEqual(self.metrics("killed"), self.metrics("calm_1"))
        for out in ("calm_1", "killed"):
            self.assertEqual(self.run_tessera("checkpoint", "export", self.out(out), self.out(f"{out}.safetensors"), "--ema").status, DONE)
        self.assertEqual(self.out("killed.safetensors").read_bytes(), self.out("calm_1.safetensors").read_bytes())

    def test_a_broken_image_stops_the_run_with_its_name(self):
        self.broken("0030", lambda image: image[:100])
        self.assert_refused(DATA, [self.shards / "train-1.tar", ":0030.png:"], "train", self.images("webdataset"), "--out", self.out("run"))

    def test_a_broken_image_is_skipped_named_and_counted(self):
        self.broken("0030", lambda image: image[:100])
        recipe = self.images("webdataset", {"data": {"on_error": "skip"}, "train": {"epochs": 3, "steps": None}})
        outcome = self.run_tessera("train", recipe, "--out", self.out("alone"))
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertEqual(len(outcome.lines_of_tessera()), 1, outcome)
        self.assertIn("train-1.tar:0030.png: ", outcome.lines_of_tessera()[0])
        self.assertEqual(self.train(recipe, "two", ranks=2), self.weights("alone"))
        for out in ("alone", "two"):
            self.assertIn(self.summary(out)["skipped_samples"], (2, 3))  # three epochs, but for what does not fill a batch
            self.assertEqual(self.summary(out)["skipped_samples"], sum(row.get("skipped_samples", 0) for row in self.metrics(out, "train")))
        self.assertEqual(self.metrics("alone"), self.metrics("two"))

    def test_skipped_samples_of_an_evaluation(self):
        (self.root / "val" / "class_4").mkdir(exist_ok=True)
        (self.root / "val" / "class_4" / "zz.png").write_bytes(b"no image")
        recipe = self.images("image_folder", {"data": {"on_error": "skip"}})
        self.train(recipe, "run", ranks=2)
        self.assertEqual(self.summary("run")["evaluation"]["skipped_samples"], 1)
        self.assertEqual(self.summary("run")["skipped_samples"], 0)

    def test_a_step_of_which_nothing_can_be_read_ends_the_run(self):
        for file in (self.root / "train").rglob("*.png"):
            file.write_bytes(b"no image")
        recipe = self.images("image_folder", {"data": {"on_error": "skip"}})
        for ranks in (None, 2):
            outcome = self.run_tessera("train", recipe, "--out", self.out("run"), ranks=ranks)
            self.assertEqual(outcome.status, DATA, outcome)
            self.assertEqual(len([line for line in outcome.lines_of_tessera() if "error: data.on_error: none of the step's samples counts" in line]), 1, outcome)

    def test_indexes_that_do_not_fit_are_made_anew(self):
        recipe = self.images("webdataset")
        calm = self.train(recipe, "calm")
        index = self.shards / "train-0.tar.index"
        index.write_bytes(index.read_bytes()[:-1])
        outcome = self.run_tessera("train", recipe, "--out", self.out("again"), ranks=2)
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertEqual(outcome.out.count("made the index of a shard anew"), 1, outcome)
        self.assertEqual(self.weights("again"), calm)

    def test_shards_that_are_not_sound(self):
        path = self.shards / "train-0.tar"
        sound = path.read_bytes()
        for name, data, fragments in (("cut short", sound[:3000], ["cut short"]), ("damaged header", b"x" + sound[1:], ["checksum"]), ("gone", None, ["train-0.tar"])):
            with self.subTest(name):
                path.write_bytes(data) if data else path.unlink()
                recipe = self.images("webdataset", {"data": {"train": "train-{0..2}.tar"}})
                self.assert_refused(DATA, [path, *fragments], "train", recipe, "--out", self.out("run"))

    def test_keys_that_do_not_fit(self):
        for changes, fragments in (({"batch": {"micro_samples": 1}, "task": {"mixup": 0.2}}, ["task.mixup", "batch.micro_samples"]),
                                   ({"evaluate": {"split": "test"}}, ["data.test"]),
                                   ({"data": {"holdout": {"folds": 3, "fold": 3}}}, ["data.holdout.fold"])):
            with self.subTest(str(changes)):
                self.assert_refused(USAGE, fragments, "train", self.images("webdataset", changes), "--out", self.out("run"))

    def test_folds(self):
        samples = []
        for fold in range(3):
            recipe = self.images("webdataset", {"data": {"holdout": {"folds": 3, "fold": fold}}})
            self.train(recipe, f"fold_{fold}")
            outcome = self.run_tessera("eval", recipe, "--out", self.out(f"fold_{fold}"), ranks=2)
            self.assertEqual(outcome.status, DONE, outcome)
            samples.append(int(next(line for line in outcome.out.splitlines() if "samples of val" in line).split()[0]))
        self.assertEqual(sum(samples), 60)
        self.assertLessEqual(max(samples) - min(samples), 1)


if __name__ == "__main__":
    harness.main()
