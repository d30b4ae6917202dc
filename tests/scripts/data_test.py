#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the scripts of scripts/data on small archives made like the published ones."""

import bz2
import gzip
import hashlib
import html
import importlib.util
import io
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import zipfile
import zlib

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "data"
SYNSETS = ["n00000003", "n00000001", "n00000002"]  # as meta.mat numbers them, from 1
HAS_PILLOW = importlib.util.find_spec("PIL") is not None
HAS_WIKI_PARSER = importlib.util.find_spec("mwparserfromhell") is not None


def png(value):
    """A grey PNG file of 2 x 2 pixels."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([value, value]) for _ in range(2))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tar_of(files, mode="w"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def mat_element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def mat_matrix(matlab_class, *parts):
    flags, dims, name = mat_element(6, struct.pack("<II", matlab_class, 0)), mat_element(5, struct.pack("<ii", 1, 1)), mat_element(1, b"")
    return mat_element(14, flags + dims + name + b"".join(parts))


def meta_mat():
    """The synsets in the manner of the development kit: an array of structs, compressed."""
    names = [b"ILSVRC2012_ID", b"WNID"]
    values = b""
    for number, synset in enumerate(SYNSETS, 1):
        values += mat_matrix(6, struct.pack("<HHBBBB", 2, 1, number, 0, 0, 0)) + mat_matrix(4, mat_element(4, synset.encode("utf-16-le")))
    lengths = struct.pack("<HHI", 5, 4, 16)
    packed = zlib.compress(mat_matrix(2, lengths, mat_element(1, b"".join(name.ljust(16, b"\0") for name in names)), values))
    return b"MATLAB 5.0".ljust(124) + struct.pack("<HH", 0x0100, 0x4d49) + struct.pack("<II", 15, len(packed)) + packed


class DataScripts(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)

    def put(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def script(self, name, *arguments):
        return subprocess.run([sys.executable, "-B", SCRIPTS / name, *map(str, arguments)], capture_output=True, text=True)

    def succeed(self, name, *arguments):
        done = self.script(name, *arguments)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def refused(self, part, name, *arguments):
        done = self.script(name, *arguments)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(part, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_help(self):
        for name in ("imagenet", "cifar10", "split_folders", "wikitext"):
            self.assertIn("usage", self.succeed(name, "--help"))


class Imagenet(DataScripts):
    def setUp(self):
        super().setUp()
        self.images = {synset: {f"{synset}_{i}.JPEG": png(16 * int(synset[-1]) + i) for i in range(4)} for synset in SYNSETS}
        self.write_train()
        self.put("val.tar", tar_of({f"ILSVRC2012_val_{i:08}.JPEG": png(100 + i) for i in (3, 1, 2, 4)}))
        self.put("devkit.tar.gz", tar_of({"kit/data/meta.mat": meta_mat(), "kit/data/ILSVRC2012_validation_ground_truth.txt": b"1\n2\n3\n1\n"}, "w:gz"))

    def write_train(self):
        self.put("train.tar", tar_of({f"{synset}.tar": tar_of(files) for synset, files in self.images.items()}))

    def arguments(self, **changes):
        values = {"train": self.folder / "train.tar", "val": self.folder / "val.tar", "devkit": self.folder / "devkit.tar.gz", "out": self.folder / "out",
                  "shard-samples": 5, "expect-classes": 3, "expect-train": 12, "expect-val": 4, "jobs": 2, **changes}
        decode = [] if HAS_PILLOW else ["--no-decode"]
        return [f"--{name}={value}" for name, value in values.items()] + decode

    def shard(self, name):
        with tarfile.open(self.folder / "out" / name) as tar:
            return [(member.name, tar.extractfile(member).read()) for member in tar]

    def test_shards(self):
        self.succeed("imagenet", *self.arguments())
        files = [file for number in range(3) for file in self.shard(f"imagenet-train-{number:06}.tar")]
        self.assertEqual(len(files), 24)
        self.assertEqual(files[0], ("n00000001/n00000001_0.jpg", png(16)))
        self.assertEqual([data for name, data in files if name.endswith(".cls")], [b"0"] * 4 + [b"1"] * 4 + [b"2"] * 4)
        val = self.shard("imagenet-val-000000.tar")
        self.assertEqual([name for name, _ in val[::2]], [f"ILSVRC2012_val_{i:08}.jpg" for i in (1, 2, 3, 4)])
        self.assertEqual([data for _, data in val[1::2]], [b"2", b"0", b"1", b"2"])
        self.assertEqual((self.folder / "out/classes.txt").read_text().split(), sorted(SYNSETS))

    def test_a_run_goes_on_where_it_was(self):
        self.succeed("imagenet", *self.arguments())
        kept, lost = (self.folder / "out" / f"imagenet-train-{number:06}.tar" for number in (0, 1))
        before, bytes_before = kept.stat().st_mtime_ns, lost.read_bytes()
        lost.unlink()
        self.assertIn("1 of them written now", self.succeed("imagenet", *self.arguments()))
        self.assertEqual(kept.stat().st_mtime_ns, before)
        self.assertEqual(lost.read_bytes(), bytes_before)

    def test_a_stopped_run_goes_on_where_it_was(self):
        """An interrupt from the terminal reaches the script's workers, too; SIGTERM does not. Both end with one line, and no process stays."""
        self.images = {synset: {f"{synset}_{i}.JPEG": png(i % 256) for i in range(500)} for synset in SYNSETS}
        self.write_train()
        arguments = self.arguments(**{"expect-train": 1500, "shard-samples": 1})
        shards = self.folder / "out"
        made = 0
        for to_all, number in ((True, signal.SIGINT), (False, signal.SIGTERM)):
            script = subprocess.Popen([SCRIPTS / "imagenet", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
            deadline = time.monotonic() + 60
            while len(list(shards.glob("imagenet-train-*.tar"))) <= made and script.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            (os.killpg if to_all else os.kill)(script.pid, number)
            _, error = script.communicate(timeout=60)  # ends only when the workers have, since they hold the pipes
            made = len(list(shards.glob("imagenet-train-*.tar")))
            self.assertEqual(error, "imagenet: stopped; run the same command again to go on\n")
            self.assertEqual(script.returncode, 1)
            self.assertLess(made, 1500)
        self.assertIn(f"{1500 - made} of them written now", self.succeed("imagenet", *arguments))

    def test_counts_are_checked(self):
        self.refused("it has 12 images, not 13", "imagenet", *self.arguments(**{"expect-train": 13}))
        self.refused("it has 3 classes, not 1000", "imagenet", *self.arguments(**{"expect-classes": 1000}))
        self.refused("validation classes", "imagenet", *self.arguments(**{"expect-val": 5}))

    def test_archives_that_are_cut_short(self):
        path = self.folder / "train.tar"
        path.write_bytes(path.read_bytes()[:9000])
        self.assertEqual(self.script("imagenet", *self.arguments()).returncode, 1)
        self.write_train()
        path = self.put("devkit.tar.gz", tar_of({"data/meta.mat": meta_mat()[:200]}, "w:gz"))
        self.refused("there is no meta.mat or no", "imagenet", *self.arguments())

    @unittest.skipUnless(HAS_PILLOW, "needs python3-pil, as the check itself does")
    def test_every_image_is_decoded(self):
        self.images[SYNSETS[0]]["broken.JPEG"] = png(1)[:43]
        self.write_train()
        self.refused("image n00000003/broken cannot be decoded", "imagenet", *self.arguments(**{"expect-train": 13}))


class Others(DataScripts):
    def test_cifar10(self):
        names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
        archive = self.put("c.tar.gz", tar_of({f"cifar-10-batches-bin/{name}": name.encode().ljust(20) for name in names}, "w:gz"))
        md5 = hashlib.md5(archive.read_bytes()).hexdigest()
        out = self.folder / "out"
        self.refused("its md5 sum is", "cifar10", archive, f"--out={out}")
        self.refused("there is no data_batch_1.bin of 21 bytes", "cifar10", archive, f"--out={out}", f"--md5={md5}", "--file-bytes=21")
        self.succeed("cifar10", archive, f"--out={out}", f"--md5={md5}", "--file-bytes=20")
        self.assertEqual((out / "test_batch.bin").read_bytes(), b"test_batch.bin".ljust(20))

    def rows(self, path):
        return [line.rsplit(" ", 1) for line in path.read_text().splitlines()]

    def test_given_splits_of_a_zip(self):
        with zipfile.ZipFile(self.folder / "h.zip", "w") as file:
            for name in ("train/bees/1.jpg", "train/ants/2.jpg", "val/ants/3.jpg", "val/bees/4.jpg"):
                file.writestr("hymenoptera_data/" + name, b"x")
        self.succeed("split_folders", self.folder / "h.zip", f"--out={self.folder / 'out'}")
        root = self.folder / "out/hymenoptera_data"
        self.assertEqual(self.rows(root / "train.txt"), [["train/ants/2.jpg", "0"], ["train/bees/1.jpg", "1"]])
        self.assertEqual(self.rows(root / "val.txt"), [["val/ants/3.jpg", "0"], ["val/bees/4.jpg", "1"]])
        self.assertTrue((root / "train/bees/1.jpg").is_file())

    def test_stratified_splits(self):
        for label, count in (("a", 10), ("b", 25)):
            for i in range(count):
                self.put(f"x/{label}/{i} x.png", b"")
        self.succeed("split_folders", self.folder / "x", f"--out={self.folder / 'lists'}", "--val-share=0.2")
        val, train = self.rows(self.folder / "lists/val.txt"), self.rows(self.folder / "lists/train.txt")
        self.assertEqual([label for _, label in val], ["0"] * 2 + ["1"] * 5)
        self.assertEqual(len(train), 28)
        self.assertEqual(len({name for name, _ in val + train}), 35)
        self.succeed("split_folders", self.folder / "x", f"--out={self.folder / 'folds'}", "--val-share=0", "--test-share=0.2")
        self.assertEqual(self.rows(self.folder / "folds/test.txt"), val)
        self.assertEqual(self.rows(self.folder / "folds/train.txt"), train)
        self.assertFalse((self.folder / "folds/val.txt").exists())
        self.assertEqual((self.folder / "folds/classes.txt").read_text(), "a\nb\n")
        self.succeed("split_folders", self.folder / "x", f"--out={self.folder / 'three'}", "--val-share=0.1", "--test-share=0.2")
        three = {split: [name for name, _ in self.rows(self.folder / f"three/{split}.txt")] for split in ("train", "val", "test")}
        self.assertEqual(three["test"], [name for name, _ in val])
        self.assertEqual([len(three[split]) for split in ("test", "val", "train")], [7, 3, 25])
        self.assertEqual(len(set(sum(three.values(), []))), 35)
        self.put("x/c/readme.txt", b"")
        self.refused("there are no images in it", "split_folders", self.folder / "x")


class Corpora(DataScripts):
    def documents(self, split):
        lines = []
        for path in sorted((self.folder / "out" / split).glob("*.jsonl.gz")):
            lines += [json.loads(line)["text"] for line in gzip.open(path, "rt", encoding="utf-8")]
        return lines

    def web_archive(self, archives=5, texts=4):
        inner = {f"openwebtext/urlsf_subset00-{i}_data.xz": tar_of({f"{i:03}{t}-x.txt": f"\u00e9 {i} {t}\n\n\n\nend\n".encode() for t in range(texts)}, "w:xz")
                 for i in range(archives)}
        return self.put("openwebtext.tar.xz", tar_of(inner, "w:xz"))

    def test_openwebtext(self):
        archive, out = self.web_archive(), self.folder / "out"
        self.succeed("openwebtext", archive, f"--out={out}", "--piece-items=2", "--validation-share=0.3")
        expected = [f"\u00e9 {i} {t}\n\nend" for i in range(5) for t in range(4)]
        train, validation = self.documents("train"), self.documents("validation")
        self.assertEqual(sorted(train + validation), expected)
        self.assertTrue(train and validation)
        self.assertEqual(len(list((out / "train").iterdir())), 3)
        # Stopped between pieces, the same command goes on: only what is missing is made, and it is the same.
        piece = out / "train/openwebtext-00001.jsonl.gz"
        before = piece.read_bytes()
        kept = (out / "train/openwebtext-00000.jsonl.gz").stat().st_mtime_ns
        piece.unlink()
        (out / "done/openwebtext").unlink()
        self.succeed("openwebtext", archive, f"--out={out}", "--piece-items=2", "--validation-share=0.3")
        self.assertEqual(piece.read_bytes(), before)
        self.assertEqual((out / "train/openwebtext-00000.jsonl.gz").stat().st_mtime_ns, kept)
        self.refused("begun with other settings", "openwebtext", archive, f"--out={out}", "--piece-items=3")

    def test_openwebtext_that_is_damaged(self):
        archive = self.web_archive()
        self.put("openwebtext.tar.xz", archive.read_bytes()[:-200])
        self.refused("fetch", "openwebtext", archive, f"--out={self.folder / 'out'}")
        self.put("x.tar", tar_of({"x/urlsf_subset00-1_data.xz": b"no archive"}))
        self.refused("urlsf_subset00-1_data.xz", "openwebtext", self.folder / "x.tar", f"--out={self.folder / 'out2'}")
        self.put("y.tar", tar_of({"readme.txt": b""}))
        self.refused("there are no documents in it", "openwebtext", self.folder / "y.tar", f"--out={self.folder / 'out3'}")
        self.refused("there is no such file", "openwebtext", self.folder / "z.tar", f"--out={self.folder / 'out4'}")

    @unittest.skipUnless(HAS_WIKI_PARSER, "needs python3-mwparserfromhell, as the script itself does")
    def test_wikipedia(self):
        def page(title, text, namespace=0, redirect=""):
            return f"<page><title>{title}</title><ns>{namespace}</ns>{redirect}<revision><text>{html.escape(text)}</text></revision></page>"
        article = "\n".join(["'''A''' is a [[letter (alphabet)|letter]].<ref>no</ref>", "", "== Use ==", "{{box|x=1}}In [[words]].", "{|", "| no", "|}", "[[File:a.png|thumb|no]]"])
        pages = [page("A", article), page("B", "#REDIRECT [[A]]", redirect='<redirect title="A"/>'), page("Talk:A", "no", 1), page("C", "C & c.")]
        dump = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/"><siteinfo/>' + "".join(pages) + "</mediawiki>"
        path = self.put("enwiki-1-pages-articles1.xml-p1p9.bz2", bz2.compress(dump.encode()))
        self.succeed("wikipedia", path, f"--out={self.folder / 'out'}", "--validation-share=0")
        self.assertEqual(self.documents("train"), ["A is a letter.\n\nUse\n\nIn words.", "C & c."])
        self.put(path.name, bz2.compress(dump.encode()[:-30]))
        self.refused("fetch it anew", "wikipedia", path, f"--out={self.folder / 'out2'}")


class WikiText(DataScripts):
    def test_articles(self):
        text = " \n = One = \n \n a = b \n = no title = \n b \n \n = = Part = = \n \n c é \n \n = Two = \n \n d \n"
        for name, packed in (("a.tokens", text.encode()), ("a.tokens.gz", gzip.compress(text.encode()))):
            self.succeed("wikitext", self.put(name, packed), self.folder / "out/a.jsonl")
            articles = [json.loads(line)["text"] for line in (self.folder / "out/a.jsonl").read_text().splitlines()]
            self.assertEqual(articles, [" = One = \n a = b \n = no title = \n b \n = = Part = = \n c é \n", " = Two = \n d \n"])

    def test_bad_files(self):
        self.refused("no text", "wikitext", self.put("empty.tokens", b" \n \n"), self.folder / "a.jsonl")
        self.refused("none.tokens", "wikitext", self.folder / "none.tokens", self.folder / "a.jsonl")
        self.refused("fetch it anew", "wikitext", self.put("cut.gz", gzip.compress(b" = A = \n" * 50)[:30]), self.folder / "a.jsonl")
        self.refused("fetch it anew", "wikitext", self.put("bytes.tokens", b"\xff\xfe"), self.folder / "a.jsonl")


class Workers(unittest.TestCase):
    def test_pools_that_end_at_once(self):
        """Their processes are told to end while they are being made."""
        code = "import signal, preparation\nsignal.signal(signal.SIGTERM, preparation.interrupt)\nfor _ in range(200):\n    with preparation.workers(2):\n        pass"
        outcome = subprocess.run([sys.executable, "-B", "-c", code], cwd=SCRIPTS, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
