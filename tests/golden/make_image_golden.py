#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes small image files of every kind, lets Pillow decode and resize them and torchvision change their colours, and writes files and pixels as
images.safetensors beside this script. Tensors: file/NAME, its bytes, and pixels/NAME, [H, W, 3]; picture, what the following begin with;
resize/KIND/HEIGHT/WIDTH/LEFT/TOP/RIGHT/BOTTOM; operation/NAME/NUMBER. Run it in an environment that has torch, torchvision, Pillow
before 13 (which changed the order of its passes) and safetensors."""

import argparse
import io
import pathlib
import struct
import zlib

import numpy
import torch
from PIL import Image, ImageOps
from safetensors.numpy import save_file
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
RESIZES = [(24, 20, None), (7, 9, None), (50, 61, None), (1, 1, None), (24, 5, None), (10, 10, (2, 3, 17, 21)), (10, 12, (0.5, 1.25, 13.375, 20.5)),
           (3, 40, (4, 0, 5, 1))]
MAGNITUDES = {"ShearX": 0.2, "ShearY": 0.13, "TranslateX": 5.4, "TranslateY": 3.0, "Rotate": 27.0, "Brightness": 0.6, "Color": 0.5, "Contrast": 0.45,
              "Sharpness": 0.81}
UNSIGNED = [("Identity", 0.0), ("Posterize", 3.0), ("Posterize", 8.0), ("Solarize", 0.5), ("AutoContrast", 0.0), ("Equalize", 0.0)]
COLOURS = [("adjust_brightness", 1.7), ("adjust_contrast", 0.3), ("adjust_saturation", 1.9), ("adjust_hue", 0.3), ("adjust_hue", -0.45)]


def picture(height, width, seed):
    """Smooth colours with noise, not the whole range of brightness."""
    y, x = numpy.mgrid[0:height, 0:width]
    waves = numpy.stack([numpy.sin(x / 3 + y / 7), numpy.cos(x / 5 - y / 4), numpy.sin(x * y / 40)], axis=-1) * 80 + 120
    noise = numpy.random.default_rng(seed).integers(-20, 21, (height, width, 3))
    return numpy.clip(waves + noise, 7, 240).astype(numpy.uint8)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_of_16_bits(pixels):
    """Pillow reads but does not write 16 bits of red, green and blue."""
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def files():
    rgb = Image.fromarray(picture(21, 35, 1))
    alpha = rgb.copy()
    alpha.putalpha(Image.fromarray(picture(21, 35, 2)[..., 0]))
    palette = rgb.quantize(13)
    wide = numpy.arange(12 * 5, dtype=numpy.uint16).reshape(5, 12) * 9
    yield "444.jpeg", saved(rgb, "JPEG", quality=90, subsampling=0)
    yield "422.jpeg", saved(rgb, "JPEG", quality=80, subsampling=1)
    yield "420.jpeg", saved(rgb, "JPEG", quality=75, subsampling=2)
    yield "progressive.jpeg", saved(rgb, "JPEG", progressive=True)
    yield "grey.jpeg", saved(rgb.convert("L"), "JPEG")
    yield "cmyk.jpeg", saved(rgb.convert("CMYK"), "JPEG")
    for orientation in range(1, 9):
        yield f"exif{orientation}.jpeg", saved(rgb.crop((0, 0, 11, 6)), "JPEG", exif=exif_of(orientation))
    for mode in ("1", "L", "LA", "RGB"):
        yield f"{mode}.png", saved(rgb.convert(mode), "PNG")
    yield "RGBA.png", saved(alpha, "PNG")
    yield "P.png", saved(palette, "PNG")
    yield "P_transparent.png", saved(palette, "PNG", transparency=3)
    yield "grey2.png", saved(rgb.convert("L").quantize(4), "PNG", bits=2)
    yield "grey16.png", saved(Image.fromarray(wide), "PNG")
    yield "RGB16.png", png_of_16_bits(numpy.stack([wide * 100, wide * 7, 60000 - wide], axis=-1))
    for kind in ("JPEG", "PNG", "WEBP"):
        yield f"pixel.{kind.lower()}", saved(rgb.crop((3, 4, 4, 5)), kind)
    yield "lossy.webp", saved(rgb, "WEBP", quality=80)
    yield "lossless.webp", saved(rgb, "WEBP", lossless=True)
    yield "alpha.webp", saved(alpha, "WEBP", quality=80)


def operations(pixels):
    tensor = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    transform = v2.RandAugment()
    for name, number in COLOURS:
        yield name, number, getattr(F, name)(tensor, number)
    for name, magnitude in [*UNSIGNED, *MAGNITUDES.items(), *((name, -magnitude) for name, magnitude in MAGNITUDES.items())]:
        yield name, magnitude, transform._apply_image_or_video_transform(tensor, name, magnitude, "nearest", {})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent, help="folder (default: beside this script)")
    arguments = parser.parse_args()
    tensors = {}
    for name, content in files():
        tensors[f"file/{name}"] = numpy.frombuffer(content, numpy.uint8)
        with Image.open(io.BytesIO(content)) as image:
            tensors[f"pixels/{name}"] = numpy.array(ImageOps.exif_transpose(image).convert("RGB"))
    tensors["picture"] = picture(24, 20, 3)
    image = Image.fromarray(tensors["picture"])
    for kind, pillow_filter in FILTERS.items():
        for height, width, box in RESIZES:
            box = box or (0, 0, image.width, image.height)
            resized = image.resize((width, height), pillow_filter, box=box)
            tensors[f"resize/{kind}/{height}/{width}/" + "/".join(map(str, box))] = numpy.array(resized)
    for name, number, result in operations(tensors["picture"]):
        tensors[f"operation/{name}/{number}"] = result.permute(1, 2, 0).contiguous().numpy()
    save_file(tensors, arguments.out / "images.safetensors")


if __name__ == "__main__":
    main()
