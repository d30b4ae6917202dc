# SPDX-License-Identifier: Apache-2.0
"""Small deterministic data sets, written by hand in the formats that recipes read."""

import array
import gzip
import json
import random
import struct
import sys

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
