#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The result of a run is a function of recipe and data alone: the same bits on any number of ranks, however the work is
dealt, prefetched and put into buckets."""

import harness
from harness import DONE

RANKS = (1, 2, 3, 4)
BATCHES = {4: (32, 8), 7: (28, 4), 64: (64, 1)}  # quanta: (global_samples, micro_samples)
LARGE_MLP = {"model": {"kind": "mlp", "inputs": 64, "hidden": [900, 700], "classes": 5, "dropout": 0.25}}  # pieces of gradients that ranks read from each other
LENET5 = {"model": {"kind": "lenet5", "image_size": 16, "classes": 5, "dropout": 0.25}, "train": {"steps": 8}}
SPLIT_ALIKE = ("data.workers=0", "data.workers=4", "data.prefetch_quanta=1", "sync.bucket_bytes=1MB", "sync.bucket_bytes=25MB",
               "sync.bucket_bytes=4KiB", "sync.bucket_bytes=64", "sync.dealing=contiguous", "sync.dealing=strided")


class Equality(harness.SystemCase):
    def compare_ranks(self, changes):
        for quanta, (global_samples, micro_samples) in BATCHES.items():
            batch = {"batch": {"global_samples": global_samples, "micro_samples": micro_samples}}
            recipe = self.recipe(harness.merged(changes, batch), f"q{quanta}.yaml")
            results = {ranks: self.train(recipe, f"q{quanta}_n{ranks}", ranks=ranks) for ranks in RANKS}
            results["alone"] = self.train(recipe, f"q{quanta}_alone")
            self.assertEqual(len(set(results.values())), 1, f"{quanta} quanta: {results}")
            rows = self.metrics(f"q{quanta}_alone")
            for ranks in RANKS:
                self.assertEqual(self.metrics(f"q{quanta}_n{ranks}"), rows, f"metrics of {quanta} quanta on {ranks} ranks")
            self.assert_clipped(rows)

    def assert_clipped(self, rows):
        norms = [row["gradient_norm"] for row in rows if row["kind"] == "train"]
        self.assertTrue(any(norm > harness.CLIP_NORM for norm in norms), "no step was clipped, so clipping was not tested")

    def test_mlp_on_any_number_of_ranks(self):
        self.compare_ranks({})

    def test_lenet5_on_any_number_of_ranks(self):
        self.compare_ranks(LENET5)

    def test_weighted_and_smoothed_loss_on_any_number_of_ranks(self):
        self.compare_ranks({"task": {"label_smoothing": 0.1, "class_weights": [0.3, 1, 2.7, 0.1, 1.3]}})

    def one_quantum_for_each_rank(self, model):
        for ranks in (2, 3):
            recipe = self.recipe(harness.merged(model, {"batch": {"global_samples": 14 * ranks, "micro_samples": 14}}), f"r{ranks}.yaml")
            self.assertEqual(self.train(recipe, f"alone_{ranks}"), self.train(recipe, f"each_{ranks}", ranks=ranks))
            self.assertEqual(self.metrics(f"alone_{ranks}"), self.metrics(f"each_{ranks}"))

    def test_one_quantum_for_each_rank(self):
        self.one_quantum_for_each_rank(LENET5)

    def test_one_quantum_for_each_rank_of_a_large_model(self):
        self.one_quantum_for_each_rank(LARGE_MLP)

    def test_a_large_model_on_any_number_of_ranks_in_turn(self):
        """Ranks of a host update a part of it each: its state and its average must be whole in every checkpoint, for any number of ranks to go on from."""
        for kind, rate in (("sgd", 0.1), ("adamw", 0.01), ("lars", 1.0)):
            recipe = self.recipe(harness.merged(LARGE_MLP, {"optimizer": {"kind": kind, "learning_rate": rate, "clip_norm": harness.CLIP_NORM}, "ema": {"decay": 0.8},
                                                            "train": {"steps": 9}, "evaluate": {"every_steps": 3}}), f"{kind}.yaml")
            calm = self.train(recipe, f"calm_{kind}")
            for steps, ranks in ((4, 2), (7, 3), (9, 4)):
                self.train(recipe, f"turns_{kind}", "--set", f"train.steps={steps}", ranks=ranks)
            self.assertEqual(self.weights(f"turns_{kind}"), calm, kind)
            averages = [[row for row in self.metrics(out, "evaluation_ema") if row["step"] in (3, 6, 9)] for out in (f"turns_{kind}", f"calm_{kind}")]
            self.assertEqual(averages[0], averages[1])
            self.assertTrue(self.state(f"turns_{kind}") == self.state(f"calm_{kind}"), f"state of {kind}")

    def state(self, out):
        """Every tensor of the newest checkpoint, whole."""
        pieces = {}
        for file in (self.out(out) / "checkpoints" / self.checkpoints(out)[-1]).glob("*.safetensors"):
            for name, (_, _, data) in harness.datasets.read_safetensors(file).items():
                whole, _, place = name.partition("[")
                pieces.setdefault(whole, []).append((int(place.partition(":")[0] or 0), bytes(data)))
        return {name: b"".join(data for _, data in sorted(parts)) for name, parts in pieces.items()}

    def test_prefetch_buckets_and_dealing(self):
        recipe = self.recipe()
        calm = self.train(recipe, "calm")
        for number, setting in enumerate(SPLIT_ALIKE):
            with self.subTest(setting=setting):
                self.assertEqual(self.train(recipe, f"run_{number}", "--set", setting, ranks=2 + number % 2), calm)

    def test_prefetch_buckets_and_dealing_together(self):
        recipe = self.recipe(LENET5)
        calm = self.train(recipe, "calm")
        settings = ("--set", "data.workers=4", "--set", "sync.bucket_bytes=4KiB", "--set", "sync.dealing=strided")
        for ranks in RANKS:
            self.assertEqual(self.train(recipe, f"run_{ranks}", *settings, ranks=ranks), calm)

    def test_what_must_change_the_result_does(self):
        recipe = self.recipe()
        settings = ("model.dropout=0", "optimizer.clip_norm=null", "run.seed=2", "batch.global_samples=56")
        results = [self.train(recipe, "calm")] + [self.train(recipe, key, "--set", key) for key in settings]
        self.assertEqual(len(set(results)), len(results), results)

    def test_threads_of_kernels(self):
        recipe = self.recipe(LENET5)
        results = {self.train(recipe, f"t{ranks}", "--set", "run.threads=2", ranks=ranks) for ranks in (1, 2)}
        self.assertEqual(len(results), 1, results)

    def test_adamw_and_cosine(self):
        recipe = self.recipe({"optimizer": {"kind": "adamw", "learning_rate": 0.01, "weight_decay": 0.1, "clip_norm": 0.5},
                              "schedule": {"kind": "cosine", "warmup_steps": 5}, "train": {"steps": 15}})
        results = {self.train(recipe, f"n{ranks}", ranks=ranks) for ranks in (1, 3)}
        self.assertEqual(len(results), 1, results)

    def test_one_quantum_needs_no_sum(self):
        recipe = self.recipe({"batch": {"global_samples": 16, "micro_samples": 16}})
        self.assertEqual(self.train(recipe, "alone"), self.train(recipe, "mpi", ranks=1))

    def test_evaluation_and_predictions(self):
        recipe = self.recipe()
        self.train(recipe, "run")
        lines, files = set(), set()
        for ranks in (None, 1, 2, 3):
            predictions = self.out(f"predictions_{ranks}")
            outcome = self.run_tessera("eval", recipe, "--out", self.out("run"), "--predictions", predictions, ranks=ranks)
            self.assertEqual(outcome.status, DONE, outcome)
            lines.add(outcome.out.splitlines()[-1])
            files.add(predictions.read_bytes())
        self.assertEqual(len(lines), 1, lines)
        self.assertEqual(len(files), 1, "predictions differ")
        accuracy = self.summary("run")["evaluation"]["accuracy"]
        self.assertIn("70 samples of test", lines.pop())
        self.assertAlmostEqual(accuracy, self.accuracy_of(self.out("predictions_3")), places=12)

    def accuracy_of(self, predictions):
        tensors = harness.datasets.read_safetensors(predictions)
        _, shape, data = tensors["outputs"]
        self.assertEqual(shape, [70, 5])
        outputs, targets = memoryview(data).cast("f"), memoryview(tensors["targets"][2]).cast("q")
        hits = 0
        for sample in range(70):
            row = list(outputs[5 * sample:5 * sample + 5])
            hits += row.index(max(row)) == targets[sample]
        return hits / 70


if __name__ == "__main__":
    harness.main()
