#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An evaluation that was stopped or killed goes on where it was, on any number of ranks, and says what a calm one says, bit by bit."""

import signal

import datasets
import harness
from harness import DONE, STOPPED

SAMPLES = 6000


class Evaluate(harness.SystemCase):
    def setUp(self):
        super().setUp()
        datasets.write_images(self.folder / "data", test=SAMPLES)
        self.job_recipe = self.recipe({"batch": {"global_samples": 7, "micro_samples": 1}, "model": {"hidden": [2048, 1024]}, "train": {"steps": 2}, "evaluate": {"every_steps": 100}})
        outcome = self.run_tessera("train", self.job_recipe, "--out", self.out("run"), "--set", "evaluate.split=train")
        self.assertEqual(outcome.status, DONE, outcome)

    def arguments(self, name, predictions=True):
        more = ("--predictions", self.out(name)) if predictions else ()
        return ("eval", self.job_recipe, "--out", self.out("run"), *more)

    def result(self, outcome):
        self.assertEqual(outcome.status, DONE, outcome)
        return next(line for line in outcome.out.splitlines() if "samples of test" in line)

    def partial(self):
        """The files that hold what is done, wherever they are."""
        return sorted(self.folder.glob("**/*.partial/rank_*"))

    def interrupted(self, name, ranks, interrupt, predictions=True):
        """Starts an evaluation, interrupts it when every rank has done a few chunks, and returns its outcome."""
        known = {path: path.stat().st_size for path in self.partial()}
        job = self.start(*self.arguments(name, predictions), ranks=ranks)

        def under_way():
            grown = [path for path in self.partial() if path.stat().st_size > known.get(path, 0) + 20000]
            return len(grown) == (ranks or 1)

        job.until(under_way, "chunks that are done")
        interrupt(job)
        outcome = job.wait()
        self.assertTrue(self.partial(), outcome)
        return outcome

    def test_stopped_twice_and_killed(self):
        calm = self.result(self.run_tessera(*self.arguments("calm")))
        kept = 0
        for ranks, number in ((None, signal.SIGINT), (2, signal.SIGUSR1)):
            outcome = self.interrupted("other", ranks, lambda job: job.process.send_signal(number))
            self.assertEqual(outcome.status, STOPPED, outcome)
            self.assertIn("run the same command again to go on", outcome.out)
            self.assertGreater(len(self.partial()), kept)
            kept = len(self.partial())
        self.interrupted("other", 3, lambda job: [harness.send(pid, signal.SIGKILL) for pid in job.ranks().values()])
        with self.partial()[0].open("ab") as file:
            file.write(b"torn")
        self.assertEqual(self.result(self.run_tessera(*self.arguments("other"), ranks=2)), calm)
        self.assertEqual(self.out("other").read_bytes(), self.out("calm").read_bytes())
        self.assertEqual(self.partial(), [])

    def test_what_another_evaluation_did_is_not_taken(self):
        outcome = self.interrupted("other", None, lambda job: job.process.send_signal(signal.SIGTERM), predictions=False)
        self.assertEqual(outcome.status, STOPPED, outcome)
        kept = self.partial()
        weights = self.folder / "weights.safetensors"
        self.assertEqual(self.run_tessera("checkpoint", "export", self.out("run"), weights).status, DONE)
        damaged = bytearray(weights.read_bytes())
        damaged[-1000:] = bytes(1000)
        weights.write_bytes(damaged)
        for more in (("--weights", weights), ("--split", "train")):
            self.assertEqual(self.run_tessera(*self.arguments("other", False), *more).status, DONE)
            self.assertEqual(self.partial(), kept)
        self.assertEqual(self.result(self.run_tessera(*self.arguments("other", False))), self.result(self.run_tessera(*self.arguments("calm", False))))

    def test_a_folder_that_cannot_be_written_costs_a_warning(self):
        calm = self.result(self.run_tessera(*self.arguments("calm", False)))
        (self.folder / "file").write_text("no folder")
        outcome = self.run_tessera("eval", self.job_recipe, "--checkpoint", next((self.out("run") / "checkpoints").iterdir()), "--out", self.folder / "file")
        self.assertEqual(self.result(outcome).rpartition(": ")[2], calm.rpartition(": ")[2])
        self.assertEqual(len([line for line in outcome.lines_of_tessera() if "warning: what is done of this evaluation is not kept" in line]), 1, outcome)


if __name__ == "__main__":
    harness.main()
