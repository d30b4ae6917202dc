#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a machine or its user does to a run: full disks, folders that cannot be written, two runs in one folder, ranks that were
started with different recipes or programs. Nothing that was saved is lost."""

import contextlib
import os
import resource
import shutil
import subprocess

import harness
from harness import DATA, DONE, OTHER, USAGE

SIZE_LIMIT_BYTES = 16384  # below a part of a checkpoint, above every other file of these runs


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE_LIMIT_BYTES, SIZE_LIMIT_BYTES))


class Mount:
    """A small file system of its own, where this user may mount one."""

    def __init__(self, path, options):
        path.mkdir(exist_ok=True)
        self.path = path
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
        self.there = os.geteuid() == 0 and subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def read_only(self):
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)

    def unmount(self):
        if self.there:
            subprocess.run(["umount", "-l", str(self.path)], check=True)
            self.there = False


class Saving(harness.SystemCase):
    def setUp(self):
        super().setUp()
        self.job_recipe = self.recipe({"train": {"steps": 30}, "checkpoint": {"every_steps": 3}})
        self.calm_weights = self.train(self.job_recipe, "calm")

    def check_failed_saves(self, out, ranks, **popen):
        """A run that has a sound checkpoint and cannot save another: it trains to the end and reports 3; nothing is lost."""
        failing = self.run_tessera("train", self.job_recipe, "--out", self.out(out), ranks=ranks, **popen)
        self.assertEqual(failing.status, DATA, failing)
        lines = failing.lines_of_tessera()
        warnings = [line for line in lines if "was not saved, the last sound one stays" in line]
        self.assertEqual(len(warnings), 9, failing)  # after steps 6, 9, ..., 30
        errors = [line for line in lines if line.startswith("tessera: error: ")]
        self.assertEqual(len(errors), 1, failing)
        self.assertIn("last checkpoint could not be saved", errors[0])
        self.assertEqual(self.checkpoints(out), ["step_00000003"])
        verified = self.run_tessera("checkpoint", "verify", self.out(out))
        self.assertEqual(verified.status, DONE, verified)

    def test_limit_on_file_sizes(self):
        """As a user meets it: ulimit -f, whose signal SIGXFSZ must not kill the run."""
        self.train(self.job_recipe, "run", "--set", "train.steps=3")
        self.check_failed_saves("run", None, preexec_fn=limit_file_size)
        self.assertEqual(self.train(self.job_recipe, "run", ranks=3), self.calm_weights)

    def test_limit_on_file_sizes_of_running_ranks(self):
        """MPI needs larger files to start, so the limit comes later. A stop whose checkpoint fails is no 75, and costs nothing."""
        job = self.start("train", self.job_recipe, "--out", self.out("run"), "--set", "train.steps=1000000", ranks=2)
        job.until(lambda: (self.out("run") / "checkpoints" / "step_00000030").exists(), "checkpoints")
        for pid in job.ranks().values():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (SIZE_LIMIT_BYTES, SIZE_LIMIT_BYTES))
        job.until(lambda: job.err().count("was not saved") > 2, "saves that failed")
        job.process.send_signal(harness.signal.SIGUSR1)
        outcome = job.wait()
        self.assertEqual(outcome.status, DATA, outcome)
        self.assertEqual(outcome.err.count("tessera: error: "), 1, outcome)
        steps = f"train.steps={int(self.checkpoints('run')[-1][5:]) + 10}"
        calm = self.train(self.job_recipe, "calm_longer", "--set", steps)
        self.assertEqual(self.train(self.job_recipe, "run", "--set", steps, ranks=3), calm)

    @contextlib.contextmanager
    def small_disk(self, name):
        mount = Mount(self.folder / name, "size=2m")
        try:
            yield mount.there
        finally:
            mount.unmount()

    def test_full_disk(self):
        for ranks in (None, 2):
            name = f"disk_{ranks}"
            with self.subTest(ranks=ranks), self.small_disk(name) as there:
                if not there:
                    return self.say_fallback()
                self.train(self.job_recipe, f"{name}/run", "--set", "train.steps=3", ranks=ranks)
                ballast = self.fill(self.folder / name, 32768)
                self.check_failed_saves(f"{name}/run", ranks)
                ballast.unlink()
                self.assertEqual(self.train(self.job_recipe, f"{name}/run", ranks=3), self.calm_weights)

    def test_disk_that_has_room_again(self):
        with self.small_disk("disk") as there:
            if not there:
                return self.say_fallback()
            self.train(self.job_recipe, "disk/run", "--set", "train.steps=3")
            ballast = self.fill(self.folder / "disk", 32768)
            job = self.start("train", self.job_recipe, "--out", self.out("disk/run"), "--set", "train.steps=100000", ranks=2)
            job.until(lambda: "was not saved" in job.err(), "a save that failed")
            ballast.unlink()
            job.until(lambda: self.checkpoints("disk/run")[-1] not in ("step_00000003", "ballast") and "tmp" not in
                      self.checkpoints("disk/run")[-1], "a later save that succeeded")
            job.process.send_signal(harness.signal.SIGUSR1)
            self.assertEqual(job.wait().status, harness.STOPPED)

    def say_fallback(self):
        print("\n  this user cannot mount a file system: a full disk is tested by the limit on file sizes only", end=" ", flush=True)

    def fill(self, disk, rest_bytes):
        usage = shutil.disk_usage(disk)
        ballast = disk / "ballast"
        ballast.write_bytes(b"\0" * (usage.free - rest_bytes))
        return ballast


class Folder(harness.SystemCase):
    def test_path_below_a_file(self):
        (self.folder / "file").write_text("")
        self.assert_refused(USAGE, [self.folder / "file" / "run", "--out"], "train", self.recipe(), "--out", self.folder / "file" / "run")

    def test_read_only_folder(self):
        recipe = self.recipe()
        mount = Mount(self.folder / "disk", "size=2m")
        self.addCleanup(mount.unmount)
        run = self.folder / "disk" / "run"
        self.train(recipe, "disk/run", "--set", "train.steps=10")
        if mount.there:
            mount.read_only()
        elif os.geteuid() != 0:
            for folder in (run, self.folder / "disk"):
                folder.chmod(0o555)
                self.addCleanup(folder.chmod, 0o755)
        else:
            return print("\n  root cannot mount here: a read-only folder is tested by a path below a file only", end=" ", flush=True)
        for out in (run, self.folder / "disk" / "other"):
            with self.subTest(out=out):
                self.assert_refused(USAGE, [out, "--out"], "train", recipe, "--out", out)
        self.assertEqual(self.run_tessera("checkpoint", "verify", run).status, DONE)
        self.assertEqual(self.run_tessera("eval", recipe, "--out", run, ranks=2).status, DONE)

    def test_two_runs_into_one_folder(self):
        recipe = self.recipe({"train": {"steps": 20000}, "checkpoint": {"every_steps": 100000}})
        job = self.start("train", recipe, "--out", self.out("run"), ranks=2)
        job.until(lambda: (self.out("run") / "metrics.jsonl").exists(), "training")
        first = job.ranks()[0]
        self.assert_refused(OTHER, [self.out("run"), f"process {first} on", "--out"], "train", recipe, "--out", self.out("run"))
        self.assertFalse(job.ended(), "the first run ended")
        job.process.send_signal(harness.signal.SIGUSR1)
        self.assertEqual(job.wait().status, harness.STOPPED)
        steps = self.summary("run")["steps"]
        stopped = self.run_tessera("checkpoint", "hash", self.out("run")).out.split()[0]
        self.assertEqual(self.train(recipe, "calm", "--set", f"train.steps={steps}"), stopped)

    def test_finished_run_leaves_no_lock(self):
        recipe = self.recipe()
        self.train(recipe, "run", ranks=2)
        self.train(recipe, "run", "--set", "train.steps=25")


class Different(harness.SystemCase):
    def started_with(self, first, second):
        words = harness.command(1, *first[1:], binary=first[0])
        return self.run_words([*words, ":", "-n", "1", *map(str, second)])

    def train_words(self, recipe, *more, binary=None):
        return [binary or harness.Settings.tessera, "train", recipe, "--out", self.out("run"), *more]

    def test_recipes(self):
        recipe = self.recipe()
        for more in (["--set", "run.seed=2"], ["--set", "train.log_every_steps=2"], ["--set", "run.name=b"]):
            with self.subTest(more):
                outcome = self.started_with(self.train_words(recipe), self.train_words(recipe, *more))
                self.assert_one_error(outcome, USAGE, "recipe", "rank 1", "--set", ranks=2)
                self.assertFalse(self.out("run").exists(), "a run folder was made")

    def test_one_recipe_is_broken(self):
        recipe = self.recipe()
        outcome = self.started_with(self.train_words(recipe), self.train_words(recipe, "--set", "run.sed=2"))
        self.assert_one_error(outcome, USAGE, "rank 1", "run.sed", ranks=2)

    def test_programs(self):
        other = self.folder / "tessera"
        shutil.copy(harness.Settings.tessera, other)
        with open(other, "ab") as file:
            file.write(b"\0")
        recipe = self.recipe()
        outcome = self.started_with(self.train_words(recipe), self.train_words(recipe, binary=other))
        self.assert_one_error(outcome, OTHER if outcome.status == OTHER else USAGE, "program", "rank 1", "same build", ranks=2)

    def test_data_that_only_one_rank_sees(self):
        recipe = self.recipe()
        outcome = self.started_with(self.train_words(recipe), self.train_words(recipe, "--set", "data.root=elsewhere"))
        self.assertNotEqual(outcome.status, DONE)
        self.assertEqual(len(outcome.lines_of_tessera()), 1, outcome)


if __name__ == "__main__":
    harness.main()
