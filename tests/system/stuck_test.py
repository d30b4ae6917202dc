#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A rank that is stopped with SIGSTOP inside a step is named by the others, with host, step and collective; once it goes on,
the run ends with the weights of a calm one."""

import re
import signal
import socket
import time

import harness

LINE = re.compile(r"tessera: waiting ([\d.]+) s for rank (\d) on host (\S+) \(pid (\d+)\): stuck at step (\d+), it has "
                  r"(?:not entered|entered but not completed) (\S.*); last seen ([\d.]+) s ago")


class Stuck(harness.SystemCase):
    def test_one_of_three_ranks_is_named(self):
        recipe = self.recipe({"train": {"steps": 1000}, "evaluate": {"every_steps": 100}})
        weights = self.train(recipe, "calm")
        for victim in (1, 0, 2):
            with self.subTest(rank=victim):
                self.assertEqual(self.with_stopped_rank(recipe, victim), weights)

    def with_stopped_rank(self, recipe, victim):
        out = f"run_{victim}"
        job = self.start("train", recipe, "--out", self.out(out), ranks=3)
        metrics = self.out(out) / "metrics.jsonl"
        job.until(lambda: metrics.exists() and metrics.read_bytes().count(b"\n") > 5, "steps")
        pid = job.ranks()[victim]
        start = time.monotonic()
        harness.send(pid, signal.SIGSTOP)
        try:
            found = job.until(lambda: LINE.search(job.err()), "a line that names the stopped rank")
        finally:
            harness.send(pid, signal.SIGCONT)
        print(f"\n  rank {victim}: after {time.monotonic() - start:.2f} s: {found[0]}", end=" ", flush=True)
        self.assertEqual((int(found[2]), found[3], int(found[4])), (victim, socket.gethostname(), pid))
        self.assertTrue(0 < int(found[5]) < 1000, found[0])
        outcome = job.wait()
        self.assertEqual(outcome.status, harness.DONE, outcome)
        return self.weights(out)


if __name__ == "__main__":
    harness.main()
