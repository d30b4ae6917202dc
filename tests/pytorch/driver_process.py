# SPDX-License-Identifier: Apache-2.0
"""A program of ours that is asked line by line, with a temporary folder beside it."""

import pathlib
import subprocess
import tempfile


def peak_bytes(process):
    """The largest resident set that a process has had, as the kernel says (VmHWM). `process`: a number, or self."""
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


class DriverProcess:
    """Use it in a with statement. A subclass may write files to `folder` before it calls start()."""

    separator = " "  # between the words of a question

    def __init__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="tessera_compare_")
        self.folder = pathlib.Path(self.scratch.name)
        self.process = None

    def start(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.scratch.cleanup()

    def ask(self, *words):
        """The numbers of the answer."""
        self.process.stdin.write(self.separator.join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if answer[:1] != ["ok"]:
            raise SystemExit(f"error: {pathlib.Path(self.process.args[0]).name} failed at '{words[0]}'; its line on standard error says why")
        return [float(word) for word in answer[1:]]
