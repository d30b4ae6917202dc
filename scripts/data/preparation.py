# SPDX-License-Identifier: Apache-2.0
"""What the scripts beside this file share: one-line errors, progress with an estimate, atomic files, tar shards, lists."""

import contextlib
import hashlib
import io
import multiprocessing
import os
import pathlib
import signal
import sys
import tarfile
import time


class Failure(Exception):
    """Ends a script with one line."""


def interrupt(*_):
    raise KeyboardInterrupt


@contextlib.contextmanager
def one_line_errors():
    """SIGTERM ends a script as an interrupt does."""
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except (Failure, OSError, tarfile.TarError) as error:
        text = " ".join(str(error).split())
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: error: {text}")
    except KeyboardInterrupt:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: stopped; run the same command again to go on")


ENDING_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def wait_for_the_end():
    """In a worker: an interrupt from the terminal reaches all processes, and the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)


def workers(jobs):
    """A pool. Its processes begin with the signals held back: Python forgets one that comes just behind a fork, and the pool's end would wait for that worker for ever."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        return multiprocessing.Pool(jobs, wait_for_the_end)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Progress:
    """A line every two seconds: how much of how much, and when it will be done."""

    def __init__(self, what, total):
        self.what, self.total, self.done = what, total, 0
        self.started = self.shown = time.monotonic()

    def add(self, count=1):
        self.done += count
        now = time.monotonic()
        if now - self.shown < 2:
            return
        self.shown = now
        rest = (now - self.started) / max(self.done, 1) * (self.total - self.done)
        print(f"{self.what}: {self.done} of {self.total}, ETA {int(rest) // 60}:{int(rest) % 60:02}", flush=True)


@contextlib.contextmanager
def written_atomically(path):
    """A binary file that has its name only once it is whole."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as file:
        file.write(text.encode())


def write_shard(path, samples):
    """samples: (key, image bytes, class) each, as `data.kind: webdataset` reads them; the same samples make the same bytes."""
    with written_atomically(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key, image, label in samples:
            for ending, data in (("jpg", image), ("cls", str(label).encode())):
                member = tarfile.TarInfo(f"{key}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def write_list(path, rows):
    """rows: (path relative to data.root, class), as `data.kind: image_folder` reads them."""
    write_text(path, "".join(f"{name} {label}\n" for name, label in rows))


def image_files(folder):
    endings = {".jpg", ".jpeg", ".png", ".webp"}
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)


def check_sum(path, expected, algorithm):
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != expected:
        raise Failure(f"{path}: its {algorithm} sum is {digest.hexdigest()}, not {expected}; fetch it anew")
