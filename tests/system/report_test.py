#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a run says of itself: evaluations of the weights and of their moving average, and what TensorBoard is given."""

import harness
from harness import DATA, DONE, USAGE


class Report(harness.SystemCase):
    def events(self, out):
        """The bytes of the event files: tags stand in them as they are."""
        return b"".join(path.read_bytes() for path in sorted((self.out(out) / "tensorboard").iterdir()))

    def evaluation_line(self, recipe, *more):
        outcome = self.run_tessera("eval", recipe, "--out", self.out("run"), *more)
        self.assertEqual(outcome.status, DONE, outcome)
        return outcome.out.splitlines()[-1].split(":")[-1]

    def test_the_average_is_evaluated_beside_the_weights(self):
        recipe = self.recipe({"ema": {"decay": 0.9}})
        weights = self.train(recipe, "run")
        self.assertEqual(self.train(recipe, "two", ranks=2), weights)
        summary = self.summary("run")
        self.assertNotEqual(summary["evaluation"], summary["evaluation_ema"])
        self.assertEqual(self.summary("two")["evaluation_ema"], summary["evaluation_ema"])
        self.assertEqual([row["step"] for row in self.metrics("run", "evaluation_ema")], [10, 20])
        for values, flags in ((summary["evaluation"], []), (summary["evaluation_ema"], ["--ema"])):
            line = self.evaluation_line(recipe, *flags)
            self.assertEqual(line, "".join(f" {name} {value:.6f}" for name, value in values.items()))

    def test_the_average_of_no_memory_is_the_weights(self):
        self.train(self.recipe({"ema": {"decay": 0.0}}), "run")
        self.assertEqual(self.summary("run")["evaluation"], self.summary("run")["evaluation_ema"])

    def test_without_an_average_nothing_is_said_of_one(self):
        recipe = self.recipe()
        self.train(recipe, "run")
        self.assertNotIn("evaluation_ema", self.summary("run"))
        self.assert_refused(DATA, ["no average of the weights", "ema.decay"], "eval", recipe, "--out", self.out("run"), "--ema")
        self.assert_refused(USAGE, ["--ema"], "eval", recipe, "--ema", "--weights", "w")

    def test_reports_change_no_bit(self):
        recipe = self.recipe({"ema": {"decay": 0.9}})
        weights = self.train(recipe, "run")
        for tag in (b"samples/images", b"samples/predictions", b"weights/", b"gradients/", b"evaluation_ema/loss", b"train/gradient_norm", b"recipe"):
            self.assertIn(tag, self.events("run"))
        silent = [word for key in ("sample_images=0", "histograms=false", "average=false") for word in ("--set", f"evaluate.{key}")]
        self.assertEqual(self.train(recipe, "silent", *silent), weights)
        for tag in (b"samples/", b"weights/", b"gradients/", b"evaluation_ema"):
            self.assertNotIn(tag, self.events("silent").replace(b"init:", b""))

    def test_only_the_first_rank_writes(self):
        recipe = self.recipe()
        self.train(recipe, "run", ranks=3)
        self.assertEqual(len(list((self.out("run") / "tensorboard").iterdir())), 1)
        self.assertEqual(self.events("run").count(b"samples/images"), 2)


if __name__ == "__main__":
    harness.main()
