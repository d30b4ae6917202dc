# SPDX-License-Identifier: Apache-2.0
"""Runs the tessera program, alone or under mpirun, for the tests beside this file."""

import argparse
import copy
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from dataclasses import dataclass

import datasets

DONE, OTHER, USAGE, DATA, STOPPED = 0, 1, 2, 3, 75
CLIP_NORM = 0.1
ATTEMPTS = 40  # to kill a run that has not ended, or one that saves
PATIENCE_S = 120  # for anything to happen; far more than it takes, since machines are noisy


class Settings:
    tessera = ""
    mpirun = ""
    long = False


def main():
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--tessera", required=True, help="the program")
    parser.add_argument("--mpirun", required=True, help="the mpirun of its MPI")
    parser.add_argument("--long", action="store_true", default=os.environ.get("TESSERA_LONG_TESTS") == "1",
                        help="more repetitions; also by the variable TESSERA_LONG_TESTS=1")
    arguments, rest = parser.parse_known_args()
    Settings.tessera = os.path.realpath(arguments.tessera)
    Settings.mpirun = arguments.mpirun
    Settings.long = arguments.long
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


def environment():
    """Root and more ranks than cores are allowed, in the words of Open MPI 4 and 5."""
    return {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "PRTE_ALLOW_RUN_AS_ROOT": "1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}


def command(ranks, *arguments, binary=None):
    """ranks None: without mpirun."""
    launcher = [] if ranks is None else [Settings.mpirun, "--bind-to", "none", "-n", str(ranks)]
    return [*launcher, str(binary or Settings.tessera), *map(str, arguments)]


@dataclass
class Outcome:
    status: int
    out: str
    err: str

    def lines_of_tessera(self):
        return [line for line in self.err.splitlines() if "tessera:" in line]

    def __str__(self):
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Running:
    """A job that goes on while the test looks at it. Its output lies in files, so that it can be read at any time."""

    def __init__(self, words, folder, **popen):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        with open(self.folder / "out", "wb") as out, open(self.folder / "err", "wb") as err:
            self.process = subprocess.Popen(words, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment(), **popen)

    def out(self):
        return (self.folder / "out").read_text(errors="replace")

    def err(self):
        return (self.folder / "err").read_text(errors="replace")

    def ended(self):
        return self.process.poll() is not None

    def wait(self):
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f"the job did not end within {PATIENCE_S} s\n--- stdout\n{self.out()}\n--- stderr\n{self.err()}")
        return Outcome(status, self.out(), self.err())

    def stop(self):
        """Ends what is left, the ranks with it."""
        for pid in self.ranks().values():
            send(pid, signal.SIGKILL)
        if not self.ended():
            self.process.kill()
        self.process.wait()

    def ranks(self):
        """{rank: pid} of the tessera processes that live now."""
        found = {}
        for pid in descendants(self.process.pid):
            rank = rank_of(pid)
            if rank is not None:
                found[rank] = pid
        return found

    def until(self, condition, what):
        """Waits until condition() holds; fails when the job ends before. Returns what condition returned."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            ended = self.ended()
            value = condition()
            if value:
                return value
            if ended or time.monotonic() > deadline:
                state = f"ended with status {self.process.returncode}" if ended else "goes on"
                raise AssertionError(f"never seen: {what}; the job {state}\n--- stdout\n{self.out()}\n--- stderr\n{self.err()}")
            time.sleep(0.001)

    def until_all_ranks(self, count):
        """Waits until every rank runs and catches SIGUSR1, which it does first thing."""
        def all_catch():
            ranks = self.ranks()
            return ranks if len(ranks) == count and all(map(catches_stop, ranks.values())) else None
        return self.until(all_catch, f"{count} ranks that catch signals")


def send(pid, number):
    """Whether there still was such a process."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def descendants(pid):
    yield pid
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        tasks = [task for task in os.listdir(f"/proc/{pid}/task") if task != str(pid)]
        for task in tasks:
            children += pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from descendants(int(child))


def rank_of(pid):
    try:
        if os.path.basename(os.readlink(f"/proc/{pid}/exe")) != "tessera":
            return None
        variables = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    ranks = [int(word.split(b"=")[1]) for word in variables if word.startswith(b"OMPI_COMM_WORLD_RANK=")]
    return ranks[0] if ranks else 0


def catches_stop(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGUSR1 - 1) & 1)


def merged(base, changes):
    """Blocks within blocks; a block of another kind replaces the whole block."""
    if changes.get("kind", base.get("kind")) != base.get("kind"):
        return copy.deepcopy(changes)
    result = copy.deepcopy(base)
    for key, value in changes.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


class SystemCase(unittest.TestCase):
    """A folder of its own, data in it, a base recipe, and short names for what most tests do."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tessera_system_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def blocks(self):
        """The base recipe: a perceptron with dropout and clipping on 8 x 8 images, 7 quanta a step."""
        return {"schema": 1,
                "run": {"name": "system_test"},
                "model": {"kind": "mlp", "inputs": 64, "hidden": [48, 32], "classes": datasets.CLASSES, "dropout": 0.25},
                "data": {"kind": "idx", "root": str(self.folder / "data"), "mean": 0.5, "std": 0.3, "classes": datasets.CLASSES},
                "batch": {"global_samples": 28, "micro_samples": 4},
                "train": {"steps": 20, "log_every_steps": 1},
                "optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "clip_norm": CLIP_NORM},
                "evaluate": {"every_steps": 10}}

    def recipe(self, changes=None, name="recipe.yaml"):
        """Writes the base recipe with changes, a line for each block (JSON is YAML); makes the data it wants."""
        blocks = merged(self.blocks(), changes or {})
        if blocks["data"]["kind"] == "idx" and not (self.folder / "data").exists():
            datasets.write_images(self.folder / "data", side=16 if blocks["model"]["kind"] == "lenet5" else 8)
        path = self.folder / name
        path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in blocks.items()))
        return path

    def run_tessera(self, *arguments, ranks=None, binary=None, **popen):
        return self.run_words(command(ranks, *arguments, binary=binary), **popen)

    def run_words(self, words, **popen):
        return self.start_words(words, **popen).wait()

    def start(self, *arguments, ranks=None, **popen):
        return self.start_words(command(ranks, *arguments), **popen)

    def start_words(self, words, **popen):
        job = Running(words, self.folder, **popen)
        self.addCleanup(job.stop)
        return job

    def out(self, name):
        return self.folder / name

    def train(self, recipe, out, *more, ranks=None):
        """Trains to the end and returns the hash of the weights."""
        outcome = self.run_tessera("train", recipe, "--out", self.out(out), *more, ranks=ranks)
        self.assertEqual(outcome.status, DONE, outcome)
        return self.weights(out)

    def summary(self, out):
        return json.loads((self.out(out) / "summary.json").read_text())

    def weights(self, out):
        summary = self.summary(out)
        self.assertEqual(summary["status"], "done")
        return summary["weights_sha256"]

    def metrics(self, out, kind=None):
        """The rows of metrics.jsonl without what may differ between runs: times and shares."""
        varying = {"samples_per_s", "step_ms", "data_wait_share", "communication_hidden_share", "tokens_per_s", "predictions_per_s", "mfu"}
        rows = [json.loads(line) for line in (self.out(out) / "metrics.jsonl").read_text().splitlines()]
        return [{key: value for key, value in row.items() if key not in varying} for row in rows if kind in (None, row["kind"])]

    def killed(self, recipe, out, ranks, victim, moment, *settings):
        """Starts a run and kills one rank when moment(job) returns; whether the run died of it. Not before its first line: mpirun of Open MPI 4 may wait for ever for a
        process that dies while it connects to it."""
        job = self.start("train", recipe, "--out", self.out(out), "--resume", "none", *settings, ranks=ranks)
        pids = job.until_all_ranks(ranks)
        job.until(job.out, "its first line")
        moment(job)
        send(pids[victim], signal.SIGKILL)
        return job.wait().status != DONE

    def survive_kills(self, recipe, runs, settings=(), resumed=()):
        """Runs that each lose a rank at a random moment, the first its rank 0, and end on another number of ranks (and with settings `resumed`), with the weights and the log
        of a run that was never disturbed."""
        source, start = random.Random(), time.monotonic()
        calm_weights = self.train(recipe, "undisturbed", *settings, ranks=2)
        calm_s, calm_rows = time.monotonic() - start, self.metrics("undisturbed")
        for number in range(runs):
            before, after = source.sample((1, 2, 3, 4), 2)
            victim, out = 0 if number == 0 else source.randrange(before), f"run_{number}"
            for _ in range(ATTEMPTS):
                delay_s = source.uniform(0, calm_s)
                if self.killed(recipe, out, before, victim, lambda job: time.sleep(delay_s), *settings):
                    break
            else:
                self.fail("every run ended before it was killed")
            with self.subTest(ranks=before, victim=victim, delay_s=delay_s, resumed_on=after):
                self.assertEqual(self.train(recipe, out, *settings, *resumed, ranks=after), calm_weights)
                self.assertEqual(self.metrics(out), calm_rows)
                print(f"\n  rank {victim} of {before} killed {delay_s:.2f} s after the start, resumed on {after}", end=" ", flush=True)

    def checkpoints(self, out):
        return sorted(path.name for path in (self.out(out) / "checkpoints").iterdir())

    def assert_one_error(self, outcome, status, *fragments, ranks=None):
        """One line, which holds all the fragments; mpirun may add its own."""
        self.assertEqual(outcome.status, status, outcome)
        own = outcome.lines_of_tessera() if ranks else outcome.err.splitlines()
        self.assertEqual(len(own), 1, outcome)
        self.assertTrue(own[0].startswith("tessera: error: "), outcome)
        for fragment in fragments:
            self.assertIn(str(fragment), own[0])
        for trace in ("terminate called", "Process received signal", "Segmentation", "core dumped"):
            self.assertNotIn(trace, outcome.err)

    def assert_refused(self, status, fragments, *arguments):
        """The same one line alone and on two ranks."""
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                outcome = self.run_tessera(*arguments, ranks=ranks)
                self.assert_one_error(outcome, status, *fragments, ranks=ranks)
