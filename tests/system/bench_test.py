#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tessera bench` measures what it is asked for, alone and on two ranks, and says early what it cannot do. No number is judged."""

import json

import harness
from harness import DONE, USAGE

ALL_REDUCES = 10


class Bench(harness.SystemCase):
    def bench(self, *arguments, ranks=None):
        """The JSON it writes; the table must hold the same lines."""
        path = self.out("bench.json")
        outcome = self.run_tessera("bench", "--seconds", 0, "--json", path, *arguments, ranks=ranks)
        self.assertEqual((outcome.status, outcome.lines_of_tessera()), (DONE, []), outcome)
        results = json.loads(path.read_text())
        for result in results["results"]:
            self.assertEqual(sum(result["name"] in line and result["part"] in line for line in outcome.out.splitlines()), 1, result)
            self.assertGreaterEqual(result["median_ms"], result["best_ms"])
        return results

    def test_alone(self):
        results = self.bench("--only", "gemm,all_reduce")
        self.assertEqual({result["part"] for result in results["results"]}, {"gemm", "all_reduce"})
        self.assertGreater(min(results["limits"][name] for name in ("flops_per_s", "bytes_per_s")), 0)
        for result in results["results"]:
            self.assertEqual("share" in result, result["part"] == "gemm", result)

    def test_on_two_ranks(self):
        results = self.bench("--only", "all_reduce", ranks=2)
        self.assertEqual((results["ranks"], results["hosts"]), (2, 1))
        self.assertEqual(len(results["results"]), ALL_REDUCES)
        self.assertTrue(all("2 ranks" in result["name"] and result["rate"] > 0 and result["share"] > 0 for result in results["results"]))

    def test_refused(self):
        nowhere = self.out("nowhere") / "bench.json"
        for fragments, arguments in ((["gem"], ["--only", "gem"]), (["--threads"], ["--threads", 0]), (["--seconds"], ["--seconds", -1]),
                                     ([nowhere], ["--json", nowhere])):
            with self.subTest(arguments):
                self.assert_refused(USAGE, fragments, "bench", *arguments)


if __name__ == "__main__":
    harness.main()
