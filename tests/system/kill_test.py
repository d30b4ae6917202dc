#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL to any rank at any moment, also during a save; resumed on another number of ranks, the run ends with the weights of
one that was never disturbed, and every step is logged once, with the same numbers."""

import os
import random
import time

import harness

RUNS, LONG_RUNS = 3, 20


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
        self.calm_weights = self.train(self.job_recipe, "calm", ranks=2)
        self.calm_rows = self.metrics("calm")

    def runs(self):
        return LONG_RUNS if harness.Settings.long else RUNS

    def resume_and_compare(self, out, ranks):
        self.assertEqual(self.train(self.job_recipe, out, ranks=ranks), self.calm_weights)
        self.assertEqual(self.metrics(out), self.calm_rows)
        self.assertFalse(is_saving(self.out(out) / "checkpoints"), "an unfinished checkpoint was left")

    def test_random_rank_at_a_random_moment(self):
        self.survive_kills(self.job_recipe, self.runs())

    def test_during_a_save(self):
        source = random.Random()
        for number in range(self.runs()):
            before, after = ((2, 3), (3, 1), (1, 2), (4, 2))[number % 4]
            out = f"save_{number}"
            folder = self.out(out) / "checkpoints"
            for _ in range(harness.ATTEMPTS):
                self.killed(self.job_recipe, out, before, source.randrange(before), lambda job: self.wait_for_save(job, folder, source.randrange(1, 20)))
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
