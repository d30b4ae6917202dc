# SPDX-License-Identifier: Apache-2.0
"""Our tokenizers beside tiktoken and transformers: ids, round trips, speed. Run by scripts/compare_tokenizers."""

import argparse
import gzip
import json
import pathlib
import random
import struct
import subprocess
import sys
import time
import unicodedata

import tiktoken
from transformers import BertTokenizer, GPT2Tokenizer

GPT2_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


class Ours:
    """The program tests/tokenizers/driver.cpp with one tokenizer."""

    def __init__(self, driver, path):
        self.process = subprocess.Popen([driver, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, request, text):
        self.process.stdin.write(request + struct.pack("<Q", len(text)) + text)
        self.process.stdin.flush()

    def read(self, form):
        return struct.unpack(form, self.process.stdout.read(struct.calcsize(form)))[0]

    def encode(self, text):
        self.ask(b"E", text)
        count = self.read("<Q")
        return list(struct.unpack(f"<{count}i", self.process.stdout.read(4 * count)))

    def round_trip(self, text):
        self.ask(b"D", text)
        return self.process.stdout.read(self.read("<Q"))

    def seconds(self, text):
        self.ask(b"T", text)
        return self.read("<d")


def byte_spellings():
    """GPT-2's way to write bytes as characters, reversed."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in printed]
    return {**{chr(byte): byte for byte in printed}, **{chr(0x100 + i): byte for i, byte in enumerate(hidden)}}


def make_tiktoken(folder):
    """tiktoken's GPT-2 from local files: its own would be downloaded."""
    spelled = byte_spellings()
    ranks = {bytes(spelled[c] for c in token): rank for token, rank in json.loads((folder / "encoder.json").read_text()).items()
             if token != "<|endoftext|>"}
    return tiktoken.Encoding("gpt2_local", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": len(ranks)})


def make_bert(folder):
    bert = BertTokenizer(vocab_file=str(folder / "vocab.txt"), do_lower_case=True)
    return lambda text: bert.convert_tokens_to_ids(bert.tokenize(text))


def texts_of(data):
    """(name, text) of every file of data/text and data/glue."""
    for path in sorted([*(data / "text").rglob("*"), *(data / "glue").rglob("*")]):
        if path.is_file():
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            yield path.relative_to(data).as_posix(), content.decode("utf-8", errors="replace")


def assigned_code_points():
    """Of Python's version of Unicode, surrogates and private use aside."""
    return [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]


def random_strings(count, seed):
    """Half of any code points, half of those that play a part in patterns and normalisation."""
    points = assigned_code_points()
    marks = [c for c in points if unicodedata.category(c) in ("Mn", "Zs", "Zl", "Zp", "Cc", "Cf") or unicodedata.decomposition(c)]
    common = list("aAzZ09 \t\n\r'sdmtlvre.,!") + ["\u03a3", "\u0130", "\u00a0", "\u3000", "\u4e00", "\u0301"]
    rng = random.Random(seed)
    for i in range(count):
        sources = [points] if i % 2 else [points, marks, common, common]
        yield "".join(rng.choice(rng.choice(sources)) for _ in range(rng.randint(1, 24)))


def count_differences(name, texts, ours, *others):
    differing = total = tokens = 0
    for label, text in texts:
        got = ours.encode(text.encode("utf-8"))
        total, tokens = total + 1, tokens + len(got)
        for other in others:
            if other(text) != got:
                differing += 1
                if differing <= 3:
                    wanted = other(text)
                    at = next((i for i, (a, b) in enumerate(zip(wanted, got)) if a != b), min(len(wanted), len(got)))
                    print(f"  {name}: {label or ascii(text)} differs at token {at}: {got[at:at + 4]} for {wanted[at:at + 4]}")
    print(f"{name}: {total} texts, {tokens} tokens, {differing} differ")
    return differing


def round_trips(ours, count, seed):
    rng = random.Random(seed)
    failed = 0
    for _ in range(count):
        text = rng.randbytes(rng.randint(0, 64))
        failed += ours.round_trip(text) != text
    print(f"gpt2 round trips: {count} byte strings, {failed} failed")
    return failed


def speed(data, ours, encoding, repeats):
    """Best of alternating runs over the largest text."""
    text = gzip.decompress((data / "text/wikitext2.train.tokens.gz").read_bytes())
    as_string = text.decode("utf-8")
    theirs = mine = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        encoding.encode_ordinary(as_string)
        theirs = min(theirs, time.perf_counter() - start)
        mine = min(mine, ours.seconds(text))
    megabytes = len(text) / 1e6
    print(f"speed, one thread, WikiText-2: ours {megabytes / mine:.1f} MB/s, tiktoken {megabytes / theirs:.1f} MB/s: {theirs / mine:.2f}x")
    return theirs / mine


def long_lines(ours, name):
    """Lines of 10 MB: the time must not explode."""
    for label, text in (("one letter", b"a" * 10_000_000), ("words", b"word " * 2_000_000), ("spaces", b" " * 10_000_000)):
        print(f"{name}: 10 MB of {label}: {ours.seconds(text):.2f} s")


PARTS = ("speed", "lines", "bytes", "strings", "files")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--strings", type=int, default=100_000, help="random strings, and byte strings")
    parser.add_argument("--repeats", type=int, default=5, help="of the timed runs")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated")
    arguments = parser.parse_args()
    parts = arguments.only or PARTS
    folders = {name: arguments.data / "tokenizers" / name for name in ("gpt2", "bert-base-uncased")}
    gpt2, bert = (Ours(arguments.driver, str(folder)) for folder in folders.values())
    encoding = make_tiktoken(folders["gpt2"])
    bert_reference = make_bert(folders["bert-base-uncased"])
    slow = GPT2Tokenizer(str(folders["gpt2"] / "encoder.json"), str(folders["gpt2"] / "vocab.bpe"))

    def gpt2_of_transformers(text):
        return slow.convert_tokens_to_ids(slow.tokenize(text))

    failures = 0
    if "speed" in parts:
        failures += speed(arguments.data, gpt2, encoding, arguments.repeats) < 1
    if "lines" in parts:
        for name, ours in (("gpt2", gpt2), ("bert", bert)):
            long_lines(ours, name)
    if "bytes" in parts:
        failures += round_trips(gpt2, arguments.strings, 2)
    if "strings" in parts:
        strings = [("", text) for text in random_strings(arguments.strings, 1)]
        failures += count_differences("gpt2, random strings, tiktoken and transformers", strings, gpt2, encoding.encode_ordinary, gpt2_of_transformers)
        failures += count_differences("bert, random strings", strings, bert, bert_reference)
    if "files" in parts:
        files = list(texts_of(arguments.data))
        failures += count_differences("gpt2, files, tiktoken", files, gpt2, encoding.encode_ordinary)
        failures += count_differences("bert, files", files, bert, bert_reference)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
