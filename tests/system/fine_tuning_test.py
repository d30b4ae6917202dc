#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Texts and pairs of texts out of tables, with classes and scores, learned by a small BERT on any number of ranks, in batches bucketed by length; killed, resumed, evaluated in parts;
rows that are broken; and keys that do not fit."""

import json
import random
import signal
import struct

import harness
from harness import DATA, DONE, STOPPED, USAGE

WORDS = "the quick brown fox jumps over a lazy dog and runs home good bad fine poor".split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
MODEL = {"kind": "bert", "head": "scores", "outputs": 2, "vocabulary": len(VOCABULARY), "context": 64, "layers": 2, "heads": 2, "width": 16, "dropout": 0.1}
RECOMPUTED = ("--set", "memory.recompute=block")


def sentences(name, count):
    draw = random.Random(name)
    return [" ".join(draw.choices(WORDS, k=draw.randrange(1, 50))) for _ in range(count)]


def grade(sentence):
    return 2.5 + 2.5 * (sentence.count("good") - sentence.count("bad")) / len(sentence.split())


class FineTuning(harness.SystemCase):
    def setUp(self):
        super().setUp()
        (self.folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
        for name, count in (("train.tsv", 120), ("dev.tsv", 30)):
            rows = [f"{text}\t{int(grade(text) > 2.5)}" for text in sentences(name, count)]
            self.write(name, "sentence\tlabel", *rows)
        for name, count in (("sts-train.csv", 120), ("sts-dev.csv", 400)):
            firsts, seconds = sentences(name, count), sentences(name + "2", count)
            self.write(name, *(f"g\tf\ty\t1\t{grade(a):.3f}\t{a}\t{b}" for a, b in zip(firsts, seconds)))

    def write(self, name, *rows):
        (self.folder / name).write_text("\n".join(rows) + "\n")

    def text_recipe(self, table_format="sst2", changes=None, name="recipe.yaml"):
        scores = table_format == "stsb"
        blocks = {"model": {**MODEL, "outputs": 1 if scores else 2}, "task": {"kind": "regression" if scores else "classification"},
                  "data": {"kind": "text_table", "format": table_format, "root": str(self.folder), "tokenizer": str(self.folder / "vocab.txt"), "context": 64, "bucket_quanta": 5},
                  "batch": {"global_samples": 16, "micro_samples": 4}, "optimizer": {"kind": "adamw", "learning_rate": 0.005, "clip_norm": 1.0},
                  "evaluate": {"every_steps": 10, "split": "validation"}}
        return self.recipe(harness.merged(blocks, changes or {}), name)

    def test_any_number_of_ranks(self):
        for table_format in ("sst2", "stsb"):
            recipe = self.text_recipe(table_format, name=f"{table_format}.yaml")
            runs = ((None, ()), (2, ("--set", "data.workers=0")), (3, RECOMPUTED), (4, ()))
            hashes = {self.train(recipe, f"{table_format}{ranks}", *settings, ranks=ranks) for ranks, settings in runs}
            self.assertEqual(len(hashes), 1)
            evaluations = [self.metrics(f"{table_format}{ranks}", "evaluation") for ranks, _ in runs]
            self.assertEqual(evaluations, [evaluations[0]] * len(runs))
            names = {"sst2": ("accuracy", "macro_f1", "matthews", "f1"), "stsb": ("pearson", "spearman")}[table_format]
            self.assertLessEqual(set(names), set(evaluations[0][-1]))
            self.assertLessEqual(set(names), set(self.summary(f"{table_format}2")["evaluation"]))

    def test_killed_and_resumed_on_other_ranks(self):
        recipe = self.text_recipe()
        settings = ("--set", "checkpoint.every_steps=3", "--set", "train.steps=40")
        calm = self.train(recipe, "calm", *settings)
        for number, (ranks, others) in enumerate(((2, 3), (3, 1), (4, 2))):
            out = f"killed{number}"
            job = self.start("train", recipe, "--out", self.out(out), *settings, ranks=ranks)
            job.until(lambda: (self.out(out) / "checkpoints" / "step_00000006").exists(), "a checkpoint")
            harness.send(job.ranks()[number % ranks], signal.SIGKILL)
            self.assertNotEqual(job.wait().status, DONE)
            self.assertEqual(self.train(recipe, out, *settings, ranks=others), calm)

    def test_buckets_change_the_order_alone(self):
        recipe = self.text_recipe()
        plain = self.train(recipe, "plain", "--set", "data.bucket_quanta=0")
        self.assertNotEqual(self.train(recipe, "buckets"), plain)
        self.assertEqual(self.summary("plain")["samples_seen"], self.summary("buckets")["samples_seen"])

    def test_the_best_is_kept_by_a_correlation(self):
        recipe = self.text_recipe("stsb", {"evaluate": {"every_steps": 4}, "checkpoint": {"keep_best": "spearman", "keep_last": 1}})
        self.train(recipe, "run")
        evaluations = {row["step"]: row["spearman"] for row in self.metrics("run", "evaluation")}
        best = max(evaluations, key=evaluations.get)
        self.assertEqual(self.summary("run")["best"], f"spearman {evaluations[best]:.4f} after step {best}")
        self.assertIn(f"step_{best:08}", self.checkpoints("run"))
        self.assert_refused(USAGE, ["no metric 'matthews'", "take one of loss, pearson, spearman"], "train", recipe, "--out", self.out("other"), "--set", "checkpoint.keep_best=matthews")

    def test_correlations_of_an_evaluation_in_parts(self):
        recipe = self.text_recipe("stsb", {"batch": {"global_samples": 4, "micro_samples": 1}, "model": {"layers": 6, "width": 128}, "train": {"steps": 2}})
        self.train(recipe, "run")
        arguments = ("eval", recipe, "--out", self.out("run"), "--json", self.folder / "e.json")
        self.assertEqual(self.run_tessera(*arguments, ranks=3).status, DONE)
        calm = json.loads((self.folder / "e.json").read_text())["evaluation"]
        job = self.start(*arguments)
        job.until(lambda: sum(path.stat().st_size for path in self.folder.glob("**/*.partial/rank_*")) > 20000, "chunks that are done")
        job.process.send_signal(signal.SIGINT)
        self.assertEqual(job.wait().status, STOPPED)
        outcome = self.run_tessera(*arguments, "--predictions", self.folder / "p", ranks=2)
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertEqual(self.run_tessera(*arguments).status, DONE)
        self.assertEqual(json.loads((self.folder / "e.json").read_text())["evaluation"], calm)
        self.assertEqual(self.correlation(self.folder / "p"), [round(calm[name], 9) for name in ("pearson", "spearman")])

    def correlation(self, path):
        """Pearson's and Spearman's of a predictions file."""
        raw = path.read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8:8 + size])
        series = []
        for name in ("outputs", "targets"):
            begin, end = header[name]["data_offsets"]
            series.append(struct.unpack(f"<{(end - begin) // 4}f", raw[8 + size + begin:8 + size + end]))

        def pearson(x, y):
            mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
            product = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
            return product / (sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y)) ** 0.5

        ranks = [[sum(other < value for other in x) + (x.count(value) + 1) / 2 for value in x] for x in map(list, series)]
        return [round(pearson(*series), 9), round(pearson(*ranks), 9)]

    def test_broken_rows(self):
        recipe = self.text_recipe()
        rows = (self.folder / "train.tsv").read_text().splitlines()
        for broken, fragment in (("home", "the row has 1 cells, but there should be 2"), ("home\t2", "the label '2' is none of 0, 1"), ("home\t", "the label ''")):
            self.write("train.tsv", *rows[:50], broken, *rows[50:])
            self.assert_refused(DATA, ["train.tsv:51", fragment, "data.on_error"], "train", recipe, "--out", self.out("run"))
        skip = ("--set", "data.on_error=skip")
        self.assertEqual(self.train(recipe, "a", *skip), self.train(recipe, "b", *skip, ranks=3))
        self.assertGreater(self.summary("a")["skipped_samples"], 0)
        self.write("sts-dev.csv", "g\tf\ty\t1\t9\ta\tb", *(f"g\tf\ty\t1\t{i}\t{'good ' * i}\tb" for i in range(5)))
        scores = self.text_recipe("stsb", name="scores.yaml")
        self.train(scores, "scores", *skip, ranks=2)
        last = self.metrics("scores", "evaluation")[-1]
        self.assertEqual(last["skipped_samples"], 1)
        self.assertIsNotNone(last["pearson"])

    def test_files_and_keys_that_do_not_fit(self):
        recipe = self.text_recipe()
        (self.folder / "letters.characters").write_text("abc")
        (self.folder / "empty.tsv").write_text("")
        self.write("other.tsv", "text\tlabel", "a\t1")
        for settings, status, fragments in (
                (["data.tokenizer=" + str(self.folder / "letters.characters")], DATA, ["has no token [CLS]"]),
                (["data.train=empty.tsv"], DATA, ["empty.tsv", "it has no row"]),
                (["data.train=other.tsv"], DATA, ["other.tsv:1", "no column 'sentence'"]),
                (["data.train=none.tsv"], DATA, ["none.tsv"]),
                (["data.context=2"], USAGE, ["data.context", "no room"]),
                (["data.context=65"], USAGE, ["model.context is 64", "65 tokens"]),
                (["model.vocabulary=10"], USAGE, ["model.vocabulary is 10", "21 tokens"]),
                (["model.outputs=1"], USAGE, ["model.outputs is 1", "2 classes"]),
                (["task={kind: regression}"], USAGE, ["takes data with scores"]),
                (["evaluate.split=test"], USAGE, ["there is no split 'test'"])):
            overrides = [word for setting in settings for word in ("--set", setting)]
            self.assert_refused(status, fragments, "train", recipe, "--out", self.out("run"), *overrides)
        scores = self.text_recipe("stsb", name="scores.yaml")
        self.assert_refused(USAGE, ["takes data with classes"], "train", scores, "--out", self.out("run"), "--set", "task={kind: classification}")
        images = self.recipe({"data": {"bucket_quanta": 4}}, "images.yaml")
        self.assert_refused(USAGE, ["data.bucket_quanta", "no lengths"], "train", images, "--out", self.out("run"))


if __name__ == "__main__":
    harness.main()
