#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tessera train --profile` says where the time goes, changes no bit of the weights, and refuses a folder that it cannot write."""

import json

import harness
from harness import USAGE

STEPS = 20  # of the base recipe
QUANTA = 7
PASSES = STEPS + 1  # the first step runs twice


class Profile(harness.SystemCase):
    def read(self, folder, name):
        return json.loads((folder / name).read_text())

    def check(self, folder, ranks):
        profile = self.read(folder, "profile.json")
        self.assertEqual(profile["steps"], STEPS)
        self.assertEqual([row["rank"] for row in profile["ranks"]], list(range(ranks)))
        for row in profile["ranks"]:
            self.assertGreater(min(row["phases_s"][phase] for phase in ("data_wait", "forward", "backward", "rank_wait", "optimizer")), 0.0)
            self.assertLessEqual(sum(row["phases_s"].values()), row["elapsed_s"] * 1.000001)
        return {(op["phase"], op["name"]): op["calls"] for op in profile["ops_of_rank_0"]}

    def check_trace(self, path, steps):
        events = [event for event in json.loads(path.read_text())["traceEvents"] if event["ph"] == "X"]
        whole = [event for event in events if event["name"] == "step"]
        self.assertEqual(len(whole), steps)
        for event in events:
            if event["cat"] in ("forward", "backward", "optimizer"):
                self.assertTrue(any(step["ts"] <= event["ts"] and event["ts"] + event["dur"] <= step["ts"] + step["dur"] + 0.01 for step in whole), event)

    def test_alone(self):
        recipe = self.recipe()
        calm = self.train(recipe, "calm")
        self.assertFalse((self.out("calm") / "profile").exists())
        self.assertEqual(self.train(recipe, "run", "--profile", "--profile-steps", 3), calm)
        ops = self.check(self.out("run") / "profile", 1)
        layers = 3
        self.assertEqual(ops["forward", "linear"], PASSES * QUANTA * layers)
        self.assertEqual(ops["backward", "linear"], PASSES * QUANTA * layers)
        self.assertEqual(ops["gradient_sum", "sum gradients"], PASSES * QUANTA * layers * 2)
        self.assertEqual(ops["evaluation", "evaluation"], 2)
        self.check_trace(self.out("run") / "profile" / "trace_rank0.json", 3)

    def test_on_two_ranks_in_a_folder_of_its_own(self):
        folder = self.out("elsewhere") / "deep"
        recipe = self.recipe()
        outcome = self.run_tessera("train", recipe, "--out", self.out("run"), f"--profile={folder}", ranks=2)
        self.assertEqual(outcome.status, harness.DONE, outcome)
        self.assertEqual(outcome.out.count("profile of"), 1, outcome)
        self.check(folder, 2)
        for rank in range(2):
            self.check_trace(folder / f"trace_rank{rank}.json", STEPS - 2)

    def test_a_folder_that_cannot_be_written(self):
        recipe = self.recipe()
        self.out("file").write_text("")
        folder = self.out("file") / "profile"
        self.assert_refused(USAGE, [folder, "--profile"], "train", recipe, "--out", self.out("run"), "--profile", folder)
        self.assertFalse((self.out("run") / "metrics.jsonl").exists(), "training began")


if __name__ == "__main__":
    harness.main()
