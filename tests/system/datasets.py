# SPDX-License-Identifier: Apache-2.0
"""Small deterministic data sets, written by hand in the formats that recipes read."""

import array
import gzip
import io
import json
import random
import struct
import sys
import tarfile
import zlib

CLASSES = 5


def idx_bytes(dims, body):
    """An idx file of unsigned bytes: two zeros, type 8, the dims big-endian, the values."""
    return struct.pack(f">BBBB{len(dims)}I", 0, 0, 8, len(dims), *dims) + body


def write_images(root, side=8, train=240, test=70, compress=False):
    """MNIST's four files with images of side x side: a noisy prototype for each class, so that there is something to learn."""
    source = random.Random(side)
    prototypes = [source.randbytes(side * side) for _ in range(CLASSES)]
    root.mkdir(parents=True, exist_ok=True)
    for prefix, samples in (("train", train), ("t10k", test)):
        labels = bytes(source.randrange(CLASSES) for _ in range(samples))
        body = bytearray()
        for label in labels:
            noise = source.randbytes(side * side)
            body += bytes((pixel + 3 * other) // 4 for pixel, other in zip(prototypes[label], noise))
        put(root / f"{prefix}-images-idx3-ubyte", idx_bytes([samples, side, side], bytes(body)), compress)
        put(root / f"{prefix}-labels-idx1-ubyte", idx_bytes([samples], labels), compress)
    return root


def put(path, data, compress=False):
    if compress:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(data, mtime=0))
    else:
        path.write_bytes(data)


def safetensors_bytes(tensors):
    """tensors: {name: (dtype, shape, bytes)}."""
    header, body = {}, b""
    for name, (dtype, shape, data) in sorted(tensors.items()):
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def read_safetensors(path):
    """{name: (dtype, shape, bytes)}."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    body = data[8 + length:]
    return {name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


def little_endian(code, values):
    packed = array.array(code, values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def write_tensors(path, samples=120, features=12, scales=None):
    """A file for `data.kind: tensors`. scales: {sample: factor of its inputs}, which may be inf or nan."""
    source = random.Random(features)
    scales = scales or {}
    inputs, targets = [], []
    for sample in range(samples):
        label = source.randrange(CLASSES)
        scale = scales.get(sample, 1.0)
        inputs += [scale * (source.uniform(-1, 1) + (feature % CLASSES == label)) for feature in range(features)]
        targets.append(label)
    path.write_bytes(safetensors_bytes({
        "inputs": ("F32", (samples, features), little_endian("f", inputs)),
        "targets": ("I64", (samples,), little_endian("q", targets))}))
    return path


def png_bytes(rows):
    """A PNG file; rows: lists of (red, green, blue)."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    body = b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in rows)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def photo(label, source, side=12):
    """A noisy patch of the class's colour."""
    colour = [(label * 53 + shift) % 256 for shift in (0, 90, 180)]
    return png_bytes([[tuple((value * 3 + source.randrange(256)) // 4 for value in colour) for _ in range(side)] for _ in range(side)])


def write_photos(root, samples=60):
    """Class folders root/train and root/val, the classes of unequal size."""
    source = random.Random(samples)
    for split, count in (("train", samples), ("val", samples // 3)):
        for i in range(count):
            label = min(source.randrange(2 * CLASSES), CLASSES - 1)
            path = root / split / f"class_{label}" / f"{i:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo(label, source))
    return root


def write_shard(path, samples):
    """samples: (key, bytes of the image, class) each."""
    with tarfile.open(path, "w") as tar:
        for key, image, label in samples:
            for ending, data in (("png", image), ("cls", str(label).encode())):
                member = tarfile.TarInfo(f"{key}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return path


def shards_of_folders(root, out, each=25):
    """The images of write_photos(), in their order, as shards train-0.tar, ... and val-0.tar, ..."""
    out.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val"):
        files = sorted((root / split).rglob("*.png"))
        samples = [(f"{i:04}", file.read_bytes(), int(file.parent.name[-1])) for i, file in enumerate(files)]
        for number, begin in enumerate(range(0, len(samples), each)):
            write_shard(out / f"{split}-{number}.tar", samples[begin:begin + each])
    return out
