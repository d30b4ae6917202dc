# SPDX-License-Identifier: Apache-2.0
"""What the scripts for text have in common: documents of published files become lines of JSON, {"text": ...}, in pieces NAME-00000.jsonl.gz under OUT/train and
OUT/validation, as `tessera tokenize` reads them."""

import argparse
import gzip
import json
import lzma
import os
import pathlib
import tarfile
import zlib

from preparation import Failure, Progress, workers, write_text, written_atomically

SHARES = 1_000_000
ENDINGS = (".bz2", ".gz", ".xz", ".tar", ".xml", ".parquet")


def parser(description, inputs, piece_items):
    """`inputs`: what the files are; `piece_items`: of a source, in a piece."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("inputs", type=pathlib.Path, nargs="+", help=inputs)
    result.add_argument("--out", type=pathlib.Path, required=True, help="folder for train/*.jsonl.gz and validation/*.jsonl.gz")
    result.add_argument("--validation-share", type=float, default=0.005, help="of the documents, chosen by their text (default: %(default)s)")
    result.add_argument("--piece-items", type=int, default=piece_items, help="of the input that make a piece (default: %(default)s)")
    result.add_argument("--jobs", type=int, default=os.cpu_count(), help="input files at a time (default: %(default)s)")
    return result


def check(arguments):
    if not 0 <= arguments.validation_share < 1:
        raise Failure("--validation-share is at least 0 and below 1")
    if arguments.piece_items < 1 or arguments.jobs < 1:
        raise Failure("--piece-items and --jobs are at least 1")
    settings = json.dumps({"validation_share": arguments.validation_share, "piece_items": arguments.piece_items})
    known = arguments.out / "preparation.json"
    if known.exists() and known.read_text() != settings:
        raise Failure(f"{arguments.out}: it was begun with other settings, {known.read_text()}; give them again, or take another folder")
    names = [unit_name(path) for path in arguments.inputs]
    for path, name in zip(arguments.inputs, names):
        if not path.is_file():
            raise Failure(f"{path}: there is no such file")
        if names.count(name) > 1:
            raise Failure(f"{path}: another input has the same name; rename one")
    write_text(known, settings)


def unit_name(path):
    name = path.name
    for ending in ENDINGS * 2:
        name = name.removesuffix(ending)
    return name


def is_validation(text, share):
    """A function of the document alone."""
    return zlib.crc32(text.encode()) % SHARES < share * SHARES


def write_documents(path, texts):
    """The same texts make the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as file, gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as lines:
        for text in texts:
            lines.write(json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n")


class Unit:
    """An input file. Pieces that are there are left alone; `done` says that all are, so that the file is not read again."""

    def __init__(self, path, arguments):
        self.path, self.out, self.name = path, arguments.out, unit_name(path)
        self.share, self.piece_items = arguments.validation_share, arguments.piece_items
        self.done = self.out / "done" / self.name

    def piece(self, split, number):
        return self.out / split / f"{self.name}-{number:05}.jsonl.gz"

    def write(self, number, items, texts_of):
        if self.piece("train", number).exists():  # written last
            return
        texts = [text for item in items for text in texts_of(item) if text]
        chosen = [is_validation(text, self.share) for text in texts]
        if any(chosen):
            write_documents(self.piece("validation", number), (text for text, yes in zip(texts, chosen) if yes))
        write_documents(self.piece("train", number), (text for text, yes in zip(texts, chosen) if not yes))

    def convert(self, items_of, texts_of):
        items, number = [], 0
        progress = Progress(f"{self.path.name}: MiB", self.path.stat().st_size >> 20)
        with open(self.path, "rb") as file:
            for item in items_of(file):
                items.append(item)
                if len(items) == self.piece_items:
                    self.write(number, items, texts_of)
                    items, number = [], number + 1
                    progress.add((file.tell() >> 20) - progress.done)
        if items:
            self.write(number, items, texts_of)
        elif number == 0:
            raise Failure(f"{self.path}: there are no documents in it")
        write_text(self.done, "")


def convert(job):
    unit, items_of, texts_of = job
    try:
        unit.convert(items_of, texts_of)
    except Failure:
        raise
    except (EOFError, OSError, ValueError, SyntaxError, tarfile.TarError, lzma.LZMAError, zlib.error) as error:
        raise Failure(f"{unit.path}: {error}; fetch it anew") from error


def prepare(arguments, items_of, texts_of):
    """items_of(file) gives what a file is made of, cheaply, for pieces that are there are passed over; texts_of(item) its documents."""
    check(arguments)
    units = [Unit(path, arguments) for path in arguments.inputs]
    left = [unit for unit in units if not unit.done.exists()]
    progress = Progress("files", len(left))
    with workers(min(arguments.jobs, max(len(left), 1))) as pool:
        for _ in pool.imap_unordered(convert, [(unit, items_of, texts_of) for unit in left]):
            progress.add()
    pieces = len(list((arguments.out / "train").glob("*.jsonl.gz")))
    print(f"{pieces} pieces of training documents in {arguments.out / 'train'}; now, for both splits:")
    print(f"  tessera tokenize --tokenizer DIR --out {arguments.out} --name NAME_train {arguments.out}/train/*.jsonl.gz")
