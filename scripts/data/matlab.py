# SPDX-License-Identifier: Apache-2.0
"""As much of MATLAB's file format (MAT-file level 5) as ILSVRC2012's meta.mat needs: an array of structs with numbers and texts."""

import struct
import zlib

from preparation import Failure

COMPRESSED, MATRIX = 15, 14
STRUCT_CLASS, CHAR_CLASS = 2, 4
NUMBERS = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
TEXTS = {16: "utf-8", 17: "utf-16-le", 18: "utf-32-le", 2: "latin-1", 4: "utf-16-le"}


def elements(data):
    """(type, bytes) of each data element; small ones have type and size in one word."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind >> 16:
            kind, size, begin, step = kind & 0xffff, kind >> 16, at + 4, 8
        else:
            begin, step = at + 8, 8 + size + (0 if kind == COMPRESSED else -size % 8)
        if begin + size > len(data):
            raise Failure("meta.mat is cut short; fetch the development kit anew")
        yield kind, data[begin:begin + size]
        at += step


def matrix(data):
    """A number, a text, or for an array of structs a list of dicts; None for what is of another class."""
    parts = list(elements(data))
    if len(parts) < 3:
        return None
    matlab_class = parts[0][1][0]
    if matlab_class == STRUCT_CLASS:
        length = struct.unpack("<i", parts[3][1][:4])[0]
        names = [parts[4][1][i:i + length].split(b"\0")[0].decode() for i in range(0, len(parts[4][1]), length)]
        values = [matrix(value) for kind, value in parts[5:] if kind == MATRIX]
        return [dict(zip(names, values[i:i + len(names)])) for i in range(0, len(values), len(names))]
    if len(parts) < 4:
        return None
    kind, value = parts[3]
    if matlab_class == CHAR_CLASS and kind in TEXTS:
        return value.decode(TEXTS[kind])
    if kind not in NUMBERS or not value:
        return None
    return struct.unpack_from("<" + NUMBERS[kind], value)[0]


def read_structs(data):
    """The first array of structs of a file."""
    for kind, value in elements(data[128:]):
        if kind == COMPRESSED:
            kind, value = next(elements(zlib.decompress(value)))
        found = matrix(value) if kind == MATRIX else None
        if isinstance(found, list):
            return found
    raise Failure("meta.mat holds no array of structs; fetch the development kit anew")
