#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tessera's image pipeline beside Pillow's and torchvision's on the same files, in one run: decoded, partly decoded and resized pixels, changes of
colour and RandAugment's operations, evaluation inputs; then images a second of decode, random-resized-crop, flip and normalise, the two taking turns on
one core. Pillow 12 or older: 13 changed the order of its passes. Exit status 1 where pixels differ by more than they may; speed has targets, which are reported only."""

import argparse
import pathlib
import random
import statistics
import sys
import time

import numpy
import torch
from driver_process import DriverProcess
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

PILLOW_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
EIGHTHS = (8, 4, 2, 1)


class Ours(DriverProcess):
    separator = "\t"  # paths may have spaces

    def __init__(self, driver):
        super().__init__()
        self.start(driver)

    def pixels(self, height=None, width=None):
        return numpy.fromfile(self.folder / "out", numpy.uint8).reshape(height, width, 3)

    def decode(self, path):
        height, width = map(int, self.ask("decode", path, self.folder / "out"))
        return self.pixels(height, width)

    def part(self, path, region, eighths):
        """The pixels and the row and column they begin at."""
        height, width, top, left = map(int, self.ask("part", path, *region, eighths, self.folder / "out"))
        return self.pixels(height, width), top, left

    def resize(self, pixels, box, kind, height, width):
        pixels.tofile(self.folder / "in")
        left, top, right, bottom = box
        self.ask("resize", self.folder / "in", *pixels.shape[:2], top, left, bottom - top, right - left, kind, height, width, self.folder / "out")
        return self.pixels(height, width)

    def operation(self, pixels, name, number):
        pixels.tofile(self.folder / "in")
        self.ask("operation", self.folder / "in", *pixels.shape[:2], name, repr(number), self.folder / "out")
        return self.pixels(*pixels.shape[:2])

    def transform(self, index, height, width):
        self.ask("transform", index, self.folder / "out")
        return numpy.fromfile(self.folder / "out", numpy.float32).reshape(height, width, 3)


def largest_difference(ours, theirs):
    if ours.shape != theirs.shape:
        return 256
    return int(numpy.abs(ours.astype(numpy.int32) - theirs.astype(numpy.int32)).max())


def pillow_pixels(path):
    with Image.open(path) as image:
        return numpy.array(image.convert("RGB"))


def compare_decode(ours, files):
    return max(largest_difference(ours.decode(path), pillow_pixels(path)) for path in files)


def scaled_pixels(path, eighths):
    """libjpeg's own scaled image, by Pillow's draft mode."""
    with Image.open(path) as image:
        sides = [-(-side * eighths // 8) for side in image.size]
        if eighths < 8:
            image.draft("RGB", sides)
        pixels = numpy.array(image.convert("RGB"))
        return pixels if pixels.shape[:2] == tuple(sides[::-1]) else None


def compare_parts(ours, files, draws):
    """Random rectangles of every scale against the same place of the whole image."""
    worst = 0
    for path in files:
        height, width = pillow_pixels(path).shape[:2]
        for eighths in EIGHTHS:
            whole = scaled_pixels(path, eighths)
            if whole is None:
                continue
            for _ in range(draws):
                h, w = random.randint(1, height), random.randint(1, width)
                y, x = random.randint(0, height - h), random.randint(0, width - w)
                pixels, top, left = ours.part(path, (y, x, h, w), eighths)
                y0, x0, y1, x1 = y * eighths // 8, x * eighths // 8, -(-(y + h) * eighths // 8), -(-(x + w) * eighths // 8)
                inner = pixels[y0 - top:y1 - top, x0 - left:x1 - left]
                worst = max(worst, largest_difference(inner, whole[y0:y1, x0:x1]))
    return worst


def compare_resize(ours, files, draws):
    worst = 0
    for path in files:
        with Image.open(path) as file:
            image = file.convert("RGB")
        pixels = numpy.array(image)
        for _ in range(draws):
            kind, height, width = random.choice(list(PILLOW_FILTERS)), random.randint(1, 400), random.randint(1, 400)
            x0, y0 = random.uniform(0, image.width - 1), random.uniform(0, image.height - 1)
            box = (x0, y0, random.uniform(x0 + 0.5, image.width), random.uniform(y0 + 0.5, image.height))
            box = random.choice([box, (0, 0, image.width, image.height)])
            theirs = image.resize((width, height), PILLOW_FILTERS[kind], box=box)
            worst = max(worst, largest_difference(ours.resize(pixels, box, kind, height, width), numpy.array(theirs)))
    return worst


def as_tensor(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def as_pixels(tensor):
    return tensor.permute(1, 2, 0).contiguous().numpy()


def compare_colours(ours, pixels):
    worst = {}
    for name in ("adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_hue"):
        for _ in range(20):
            number = random.uniform(-0.5, 0.5) if name == "adjust_hue" else random.uniform(0, 2.5)
            theirs = as_pixels(getattr(F, name)(as_tensor(pixels), number))
            worst[name] = max(worst.get(name, 0), largest_difference(ours.operation(pixels, name, number), theirs))
    return worst


def compare_operations(ours, pixels):
    """All of RandAugment's operations at every magnitude and sign; also whether magnitudes mean the same."""
    height, width = pixels.shape[:2]
    transform, worst = v2.RandAugment(), {}
    for name, (magnitudes_of, signed) in v2.RandAugment._AUGMENTATION_SPACE.items():
        magnitudes = magnitudes_of(31, height, width)
        for level in range(31) if magnitudes is not None else [0]:
            magnitude = float(magnitudes[level]) if magnitudes is not None else 0.0
            mine = ours.ask("magnitude", name, level, 31, height, width)[0]
            if abs(mine - magnitude) > 1e-6 * abs(magnitude):
                raise SystemExit(f"error: {name} at step {level}: magnitude {mine}, and torchvision's is {magnitude}")
            for sign in (1, -1) if signed else (1,):
                theirs = as_pixels(transform._apply_image_or_video_transform(as_tensor(pixels), name, sign * magnitude, "nearest", {}))
                worst[name] = max(worst.get(name, 0), largest_difference(ours.operation(pixels, name, sign * magnitude), theirs))
    return worst


def compare_evaluation(ours, folder, files):
    """Resize 256, crop 224 of Pillow images; the largest difference in units of 1/255."""
    theirs_of = v2.Compose([v2.Resize(256), v2.CenterCrop(224), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    ours.ask("load", folder, len(files), "{}")
    worst = 0.0
    for index, path in enumerate(files):
        with Image.open(path) as image:
            theirs = as_pixels(theirs_of(image.convert("RGB")))
        worst = max(worst, float(numpy.abs((ours.transform(index, 224, 224) - theirs) * numpy.array(STD)).max() * 255))
    return worst


def torchvision_seconds(contents, transform):
    start = time.perf_counter()
    for content in contents:
        transform(decode_jpeg(content, mode=ImageReadMode.RGB))
    return time.perf_counter() - start


def compare_speed(ours, folder, files, rounds, keys):
    """Images a second: ours, torchvision's, and the median of the ratios of neighbouring turns."""
    contents = [torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8) for path in files]
    transform = v2.Compose([v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    ours.ask("load", folder, len(files), keys)
    ours.ask("time", 0)
    torchvision_seconds(contents, transform)
    mine, theirs = [], []
    for turn in range(rounds):
        mine.append(ours.ask("time", turn)[0])
        theirs.append(torchvision_seconds(contents, transform))
    ratio = statistics.median(b / a for a, b in zip(mine, theirs))
    return len(files) / statistics.median(mine), len(files) / statistics.median(theirs), ratio


def compare_numbers(ours, folder, count):
    """(what, difference, bound) of every comparison."""
    files = sorted(folder.iterdir())[:count]
    photo = pillow_pixels(files[0])[:224, :224].copy()
    lines = [("decoded", compare_decode(ours, files), 0), ("parts, scaled and not", compare_parts(ours, files, 4), 0),
             ("resized", compare_resize(ours, files, 5), 0), ("evaluation inputs, in 1/255", compare_evaluation(ours, folder, files), 0.01)]
    noise = numpy.random.default_rng(1).integers(0, 256, (113, 150, 3), dtype=numpy.uint8)
    for what, pixels in (("photo", photo), ("noise", noise)):
        lines += [(f"{name} of a {what}", value, 1) for name, value in {**compare_colours(ours, pixels), **compare_operations(ours, pixels)}.items()]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", required=True)
    parser.add_argument("--only", default="numbers,speed")
    parser.add_argument("--count", type=int, default=64, help="files a folder")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keys", default="{}", help="of the transform, for speed")
    parser.add_argument("folders", nargs="+", help="of JPEG files; FOLDER=TARGET gives the speed that is wanted, as a multiple of torchvision's")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(1)
    failed = False
    with Ours(arguments.driver) as ours:
        for text in arguments.folders:
            name, _, target = text.partition("=")
            folder = pathlib.Path(name)
            if "numbers" in arguments.only:
                for what, value, bound in compare_numbers(ours, folder, arguments.count):
                    failed |= value > bound
                    print(f"{'PASS' if value <= bound else 'FAIL'}  {folder.name}: {what}: {value:.3g} (at most {bound:g})", flush=True)
            if "speed" in arguments.only:
                mine, theirs, ratio = compare_speed(ours, folder, sorted(folder.iterdir())[:arguments.count], arguments.rounds, arguments.keys)
                print(f"{'PASS' if ratio >= float(target or 0) else 'MISS'}  {folder.name}: {mine:.0f} images/s, torchvision {theirs:.0f}: {ratio:.2f} times "
                      f"(target: at least {target or 0})", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
