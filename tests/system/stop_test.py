#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGUSR1 through mpirun, or SIGUSR1 and SIGTERM to a process, save at the next step boundary and end with status 75; the same
command goes on from there."""

import signal

import harness
from harness import STOPPED

STEPS = 400


class Stop(harness.SystemCase):
    def setUp(self):
        super().setUp()
        self.job_recipe = self.recipe({"train": {"steps": STEPS}, "checkpoint": {"every_steps": 100000}, "evaluate": {"every_steps": 50}})
        self.calm_weights = self.train(self.job_recipe, "calm")
        self.calm_rows = self.metrics("calm", "train")

    def stopped(self, ranks, moment, *more):
        """Starts a run, lets moment(job) send the signal, and checks how it ended. Returns the steps done."""
        job = self.start("train", self.job_recipe, "--out", self.out("run"), *more, ranks=ranks)
        job.until_all_ranks(ranks or 1)
        moment(job)
        outcome = job.wait()
        self.assertEqual(outcome.status, STOPPED, outcome)
        self.assertEqual(outcome.lines_of_tessera(), [], outcome)
        summary = self.summary("run")
        self.assertEqual(summary["status"], "stopped")
        self.assertEqual(self.checkpoints("run"), [f"step_{summary['steps']:08}"])
        self.assertLess(summary["steps"], STEPS)
        return summary["steps"]

    def resume_and_compare(self, ranks):
        self.assertEqual(self.train(self.job_recipe, "run", ranks=ranks), self.calm_weights)
        self.assertEqual(self.metrics("run", "train"), self.calm_rows)

    def in_training(self, job, lines=5):
        path = self.out("run") / "metrics.jsonl"
        job.until(lambda: path.exists() and path.read_bytes().count(b"\n") > lines, "steps")

    def test_signal_to_mpirun(self):
        self.stopped(3, lambda job: (self.in_training(job), job.process.send_signal(signal.SIGUSR1)))
        self.resume_and_compare(2)

    def test_twice_then_to_the_end(self):
        first = self.stopped(2, lambda job: (self.in_training(job), job.process.send_signal(signal.SIGUSR1)))
        self.out("run").joinpath("checkpoints").rename(self.out("first"))
        resume = ("--resume", self.out("first") / f"step_{first:08}")
        second = self.stopped(3, lambda job: (self.in_training(job, first + 2), job.process.send_signal(signal.SIGUSR1)), *resume)
        self.assertGreater(second, first)
        self.resume_and_compare(None)

    def test_signal_to_one_rank(self):
        for number, victim in ((signal.SIGTERM, 1), (signal.SIGUSR1, 0), (signal.SIGINT, 2)):
            with self.subTest(signal=number, rank=victim):
                self.stopped(3, lambda job: (self.in_training(job), harness.send(job.ranks()[victim], number)))
                self.resume_and_compare(1)
                harness.shutil.rmtree(self.out("run"))

    def test_signal_to_a_process_alone(self):
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                self.stopped(None, lambda job: (self.in_training(job), job.process.send_signal(number)))
                self.resume_and_compare(2)
                harness.shutil.rmtree(self.out("run"))

    def test_during_set_up(self):
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                self.stopped(ranks, lambda job: job.process.send_signal(signal.SIGUSR1))
                self.resume_and_compare(3)
                harness.shutil.rmtree(self.out("run"))

    def test_during_evaluation(self):
        """Evaluation after each step takes by far the most of the time, so the signal comes during one."""
        harness.datasets.write_images(self.folder / "data", test=4000)
        slow = ("--set", "evaluate.every_steps=1", "--set", "batch.micro_samples=4")
        self.stopped(2, lambda job: (job.until(lambda: "evaluation after step 2" in job.out(), "an evaluation"),
                                     job.process.send_signal(signal.SIGUSR1)), *slow)
        self.resume_and_compare(3)

    def test_wall_time(self):
        outcome = self.run_tessera("train", self.job_recipe, "--out", self.out("run"), "--set", "train.max_wall_s=1.0e-9", ranks=2)
        self.assertEqual(outcome.status, STOPPED, outcome)
        self.assertEqual(self.summary("run")["steps"], 1)
        self.resume_and_compare(3)


if __name__ == "__main__":
    harness.main()
