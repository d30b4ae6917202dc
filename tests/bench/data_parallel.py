#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Step times of data parallelism, side by side: runs of `tessera train` on tests/bench/mlp_25m.yaml (25 million parameters, eight quanta a step,
one thread a rank), alternating, medians over all steps but each run's first (which runs twice).

  reduction   exact against fastest, on 1 and on 2 ranks
  scaling     2 ranks against 1
  link        2 hosts with 10 Gbit/s between them (network namespaces; needs root): how much of the communication hides behind backward
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
BINARY = TOP / "build/release/launcher/tessera"
RECIPE = TOP / "tests/bench/mlp_25m.yaml"


def run(ranks, settings, prefix=()):
    """The logged train lines of one run, without the first."""
    folder = tempfile.mkdtemp(prefix="tessera_bench_")
    command = [*prefix, "mpirun", "-n", str(ranks), "--oversubscribe", str(BINARY), "train", str(RECIPE), "--out", folder]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        lines = [json.loads(line) for line in pathlib.Path(folder, "metrics.jsonl").read_text().splitlines()]
        return [line for line in lines if line["kind"] == "train"][1:]
    finally:
        shutil.rmtree(folder)


def compare(name, first, second, rounds):
    """Alternates two (label, ranks, settings) and prints medians and the ratio of step times, round by round."""
    times = {first[0]: [], second[0]: []}
    ratios = []
    for number in range(rounds):
        medians = []
        for label, ranks, settings in (first, second):
            steps = [line["step_ms"] for line in run(ranks, settings)]
            times[label] += steps
            medians.append(statistics.median(steps))
        ratios.append(medians[0] / medians[1])
        print(f"  round {number + 1}: {first[0]} {medians[0]:.0f} ms, {second[0]} {medians[1]:.0f} ms, ratio {ratios[-1]:.3f}", flush=True)
    medians = {label: statistics.median(values) for label, values in times.items()}
    print(f"{name}: " + ", ".join(f"{label} {value:.0f} ms" for label, value in medians.items())
          + f"; ratio {statistics.median(ratios):.3f} (median of {rounds})", flush=True)


def reduction(rounds):
    for ranks in (1, 2):
        compare(f"step on {ranks} rank(s)", ("exact", ranks, {"sync.reduction": "exact"}),
                ("fastest", ranks, {"sync.reduction": "fastest"}), rounds)


def scaling(rounds):
    compare("step", ("1 rank", 1, {}), ("2 ranks", 2, {}), rounds)


def link(rounds):
    for _ in range(rounds):
        lines = run(2, {}, (str(TOP / "tests/system/hosts"), "2", "--gbit", "10", "--"))
        hidden = statistics.median(line["communication_hidden_share"] for line in lines)
        print(f"10 Gbit/s between 2 hosts: step {statistics.median(line['step_ms'] for line in lines):.0f} ms, "
              f"{100 * hidden:.1f} % of the communication hidden behind backward", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["reduction", "scaling", "link"])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    {"reduction": reduction, "scaling": scaling, "link": link}[arguments.what](arguments.rounds)


if __name__ == "__main__":
    main()
