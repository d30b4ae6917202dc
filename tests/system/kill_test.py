#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL to any rank at any moment, also during a save; resumed on another number of ranks, the run ends with the weights of
one that was never disturbed, and every step is logged once, with the same numbers."""

import os
import random
import signal
import time

import harness

RUNS, LONG_RUNS = 3, 20
ATTEMPTS = 40  # to hit a save, or a run that has not ended


def names_in(folder):
    """A run that starts anew moves the folder of an earlier attempt away."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def is_saving(folder):
    return any(name.endswith(".tmp") for name in names_in(folder))


class Kill(harness.SystemCase):
    def setUp(self):
        super().setUp()
        self.job_recipe = self.recipe({"train": {"steps": 120}, "checkpoint": {"every_steps": 2}, "evaluate": {"every_steps": 40}})
        start = time.monotonic()
        self.calm_weights = self.train(self.job_recipe, "calm", ranks=2)
        self.calm_s = time.monotonic() - start
        self.calm_rows = self.metrics("calm")

    def runs(self):
        return LONG_RUNS if harness.Settings.long else RUNS

    def killed(self, out, ranks, victim, moment):
        """Starts a run and kills one rank when moment(job) returns; whether the run died of it."""
        job = self.start("train", self.job_recipe, "--out", self.out(out), "--resume", "none", ranks=ranks)
        pids = job.until_all_ranks(ranks)
        moment(job)
        harness.send(pids[victim], signal.SIGKILL)
        outcome = job.wait()
        return outcome.status != harness.DONE

    def resume_and_compare(self, out, ranks):
        self.assertEqual(self.train(self.job_recipe, out, ranks=ranks), self.calm_weights)
        self.assertEqual(self.metrics(out), self.calm_rows)
        self.assertFalse(is_saving(self.out(out) / "checkpoints"), "an unfinished checkpoint was left")

    def test_random_rank_at_a_random_moment(self):
        source = random.Random()
        for number in range(self.runs()):
            before, after = source.sample((1, 2, 3, 4), 2)
            victim = 0 if number == 0 else source.randrange(before)
            out = f"run_{number}"
            for _ in range(ATTEMPTS):
                delay_s = source.uniform(0, self.calm_s)
                if self.killed(out, before, victim, lambda job: time.sleep(delay_s)):
                    break
            else:
                self.fail("every run ended before it was killed")
            with self.subTest(ranks=before, victim=victim, delay_s=delay_s, resumed_on=after):
                self.resume_and_compare(out, after)
                print(f"\n  rank {victim} of {before} killed {delay_s:.2f} s after the start, resumed on {after}", end=" ", flush=True)

    def test_during_a_save(self):
        source = random.Random()
        for number in range(self.runs()):
            before, after = ((2, 3), (3, 1), (1, 2), (4, 2))[number % 4]
            out = f"save_{number}"
            folder = self.out(out) / "checkpoints"
            for _ in range(ATTEMPTS):
                self.killed(out, before, source.randrange(before), lambda job: self.wait_for_save(job, folder, source.randrange(1, 20)))
                if is_saving(folder):
                    break
            else:
                self.fail("no kill hit a save")
            with self.subTest(ranks=before, resumed_on=after):
                self.resume_and_compare(out, after)

    def wait_for_save(self, job, folder, count):
        """Until a save is under way that is seen `count` looks after the first; a look pauses, so that most fall on another save."""
        job.until(lambda: names_in(folder) or job.ended(), "a first checkpoint")
        for _ in range(count):
            time.sleep(0.002)
            while not is_saving(folder) and not job.ended():
                pass

    def test_all_processes_at_once(self):
        job = self.start("train", self.job_recipe, "--out", self.out("run"), ranks=3)
        job.until(lambda: (self.out("run") / "checkpoints" / "step_00000010").exists(), "a checkpoint")
        job.stop()
        self.resume_and_compare("run", 2)


if __name__ == "__main__":
    harness.main()
