#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stops one rank of a running job and expects one line that names it.

usage: watchdog_stop_test.py RANKS STOPPED_RANK MPIRUN_COMMAND... STOP_PROGRAM
Everything after STOPPED_RANK is the command line that starts the job; a fresh folder is appended to it.
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time


class Job:
    def __init__(self, command, folder):
        self.lines = []
        self.process = subprocess.Popen(command + [str(folder)], stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append((time.monotonic(), line.strip()))

    def ours(self):
        return [entry for entry in self.lines if entry[1].startswith("tessera:")]


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"FAIL: {what}")
        time.sleep(0.01)


def main():
    ranks, stopped, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        job = Job(command, folder)
        pid_files = [folder / f"pid_{rank}" for rank in range(ranks)]
        try:
            wait_for(lambda: all(p.exists() and p.read_text().endswith("\n") for p in pid_files), 60, "the job did not start")
            pid = int(pid_files[stopped].read_text())
            time.sleep(0.3)
            check_stop(job, pid, stopped)
            check_slow(job, folder, stopped, ranks)
            (folder / "done").touch()
            wait_for(lambda: job.process.poll() is not None, 60, "the job did not end")
            if job.process.returncode != 0:
                sys.exit(f"FAIL: exit status {job.process.returncode}: {job.lines}")
            leftovers = [p for p in os.listdir("/dev/shm") if p.startswith("tessera-")]
            if leftovers:
                sys.exit(f"FAIL: shared memory was left behind: {leftovers}")
        finally:
            if job.process.poll() is None:
                job.process.kill()
    print("PASS")


def check_stop(job, pid, stopped):
    """One line within two seconds, nothing more while it lasts, one line when it goes on."""
    begin = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: job.ours(), 10, "no line about the stopped rank")
        time.sleep(1.0)
    finally:
        os.kill(pid, signal.SIGCONT)
    when, line = job.ours()[0]
    print(f"after {when - begin:.2f} s: {line}")
    pattern = (rf"^tessera: waiting [\d.]+ s for rank {stopped} on host \S+ \(pid {pid}\): stuck at step \d+, it has (not entered|entered"
               r" but not completed) all_reduce #\d+ of world \(gradient bucket 3\); last seen [\d.]+ s ago in backward of quantum 5")
    if not re.match(pattern, line):
        sys.exit(f"FAIL: another line was expected: {line}")
    if when - begin > 2.0:
        sys.exit(f"FAIL: the line came after {when - begin:.2f} s")
    wait_for(lambda: len(job.ours()) >= 2, 10, "no line when the rank went on")
    print(job.ours()[1][1])
    if not re.match(rf"^tessera: rank {stopped} goes on after", job.ours()[1][1]) or len(job.ours()) != 2:
        sys.exit(f"FAIL: other lines were expected: {job.ours()}")


def check_slow(job, folder, slow, ranks):
    """A rank that computes is not reported in the first seconds."""
    before = len(job.ours())
    marker = folder / f"slow_{slow}"
    marker.touch()
    time.sleep(4.0)
    if len(job.ours()) != before:
        sys.exit(f"FAIL: a slow rank was reported early: {job.ours()[before:]}")
    marker.unlink()


if __name__ == "__main__":
    main()
