#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ranks that mpirun binds to cores of their own hand these round, which changes nothing in the result."""

import os
import pathlib
import re

import harness
from harness import DONE, Settings

WIDE = {"model": {"hidden": [2500, 2500]}, "batch": {"global_samples": 448, "micro_samples": 64}, "train": {"steps": 12}}
ENOUGH_MS = 150  # for a step of two turns


def allowed_cores(pid):
    """As the kernel writes lists; None when the process has ended."""
    try:
        return re.search(r"Cpus_allowed_list:\s*(\S+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)
    except OSError:
        return None


def last_caches():
    """Of every core, the cores that share it."""
    lists = [sorted(pathlib.Path(f"/sys/devices/system/cpu/cpu{core}/cache").glob("index*/shared_cpu_list")) for core in os.sched_getaffinity(0)]
    return {found[-1].read_text() if found else None for found in lists}


class Cores(harness.SystemCase):
    def setUp(self):
        super().setUp()
        if len(os.sched_getaffinity(0)) < 2 or len(last_caches()) > 1 or None in last_caches():
            self.skipTest("needs two cores behind one cache")

    def bound(self, recipe, out, *more):
        return [Settings.mpirun, "--bind-to", "core", "-n", "2", Settings.tessera, "train", str(recipe), "--out", str(self.out(out)), *more]

    def test_ranks_take_turns(self):
        recipe = self.recipe(WIDE)
        job, seen = self.start_words(self.bound(recipe, "turns")), set()

        def watch():
            seen.update((pid, allowed_cores(pid)) for pid in job.ranks().values())
            return (self.out("turns") / "summary.json").exists()

        job.until(watch, "a summary")
        outcome = job.wait()
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertIn("in turns with 1", outcome.out)
        turns = self.weights("turns")
        outcome = self.run_words(self.bound(recipe, "places", "--set", "run.rotate_cores=false"))
        self.assertNotIn("in turns", outcome.out)
        self.assertEqual(turns, self.weights("places"))
        step_ms = self.summary("places")["step_ms_median"]
        if step_ms < ENOUGH_MS:
            self.skipTest(f"a step of {step_ms:.0f} ms is too short for turns")
        bound = {(pid, cores) for pid, cores in seen if cores and cores.isdigit()}
        self.assertEqual(len(bound), 4, f"two ranks, each on two cores: {seen}")


if __name__ == "__main__":
    harness.main()
