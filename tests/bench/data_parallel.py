#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Step times of data parallelism, side by side: runs of `tessera train`, alternating, one thread a rank, medians (weak: means) over all steps but
each run's first (which runs twice).

  reduction   exact against fastest, on 1 and on 2 ranks
  scaling     2 ranks against 1
  weak        2 ranks with --quanta quanta each a step against 2 runs of one rank with as many, at the same time
  link        2 hosts with 10 Gbit/s between them (network namespaces; needs root): how much of the communication hides behind backward

--model mlp is tests/bench/mlp_25m.yaml (25 million parameters, eight quanta a step), resnet20 the CIFAR-10 recipe and resnet50 the ImageNet one on
random images, gpt a GPT of 10 million parameters on random letters, with quanta of --quantum samples (a step has 128, 256 and 64 where that is not said otherwise).
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
BINARY = TOP / "build/release/launcher/tessera"
IMAGES = 20480
MLP_QUANTUM_SAMPLES = 512


class Model:
    """A recipe and the settings that every run of it has."""

    def __init__(self, name, data, quantum, quanta, steps):
        self.quantum, self.quanta = quantum, quanta  # samples of a quantum; quanta of a rank and step, where runs are of several sizes
        if name == "mlp":
            self.recipe = TOP / "tests/bench/mlp_25m.yaml"
            self.quantum = MLP_QUANTUM_SAMPLES
            self.settings = {"train.steps": steps or 4}
            return
        if name == "resnet20":
            self.recipe = TOP / "recipes/vision/cifar_resnet/resnet20_cifar10.yaml"
            for number in range(1, 6):
                pathlib.Path(data, f"data_batch_{number}.bin").write_bytes(random_cifar10(IMAGES // 5))
            pathlib.Path(data, "test_batch.bin").write_bytes(random_cifar10(10))
            self.settings = {"data.root": data, "train.steps": steps or 60, "checkpoint.every_steps": "null"}
        elif name == "gpt":
            self.recipe = TOP / "recipes/language/gpt2/char_gpt_shakespeare_gpu.yaml"
            pathlib.Path(data, "text.txt").write_bytes(base64.b64encode(os.urandom(200_000)))
            self.settings = {"data.root": f"{data}/text.txt", "data.validation_share": 0.005, "model.vocabulary": 65, "train.steps": steps or 8,
                             "checkpoint.every_steps": "null", "checkpoint.keep_best": "null", "evaluate.every_steps": "null"}
        else:
            self.recipe = TOP / "recipes/vision/resnet/resnet50_imagenet.yaml"
            write_random_imagenet(pathlib.Path(data, "images.safetensors"), 256)
            write_random_imagenet(pathlib.Path(data, "few.safetensors"), 2)
            self.settings = {"data.kind": "tensors", "data.root": data, "data.train": "images.safetensors", "data.validation": "few.safetensors",
                             "data.classes": 1000, "evaluate.split": "validation", "train.steps": steps or 6, "checkpoint.every_s": "null"}
        self.settings |= {"batch.micro_samples": quantum, "train.epochs": "null", "train.log_every_steps": 1, "evaluate.every_epochs": "null",
                          "schedule.kind": "constant"}


def random_cifar10(count):
    return b"".join(bytes([number % 10]) + os.urandom(3072) for number in range(count))


def write_random_imagenet(path, count, pixels=224):
    """A safetensors file."""
    image_bytes = 3 * pixels**2
    header = json.dumps({"inputs": {"dtype": "U8", "shape": [count, 3, pixels, pixels], "data_offsets": [0, count * image_bytes]},
                         "targets": {"dtype": "I64", "shape": [count], "data_offsets": [count * image_bytes, count * (image_bytes + 8)]}}).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for _ in range(count):
            file.write(os.urandom(image_bytes))
        file.write(b"".join(struct.pack("<q", number % 1000) for number in range(count)))


class Run:
    """A run in the background."""

    def __init__(self, model, ranks, settings, prefix=(), binding="none"):
        self.folder = tempfile.mkdtemp(prefix="tessera_bench_")
        command = [*prefix, "mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", binding, str(BINARY), "train", str(model.recipe),
                   "--out", self.folder]
        for key, value in {**model.settings, **settings}.items():
            command += ["--set", f"{key}={value}"]
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)

    def lines(self):
        """Waits for its end; its logged train lines, without the first."""
        try:
            if self.process.wait() != 0:
                raise SystemExit(f"a run ended with status {self.process.returncode}")
            lines = [json.loads(line) for line in pathlib.Path(self.folder, "metrics.jsonl").read_text().splitlines()]
            return [line for line in lines if line["kind"] == "train"][1:]
        finally:
            shutil.rmtree(self.folder)


def compare(model, name, first, second, rounds):
    """Alternates two (label, ranks, settings) and prints medians and the ratio of step times, round by round."""
    times = {first[0]: [], second[0]: []}
    ratios = []
    for number in range(rounds):
        medians = []
        for label, ranks, settings in (first, second):
            steps = [line["step_ms"] for line in Run(model, ranks, settings).lines()]
            times[label] += steps
            medians.append(statistics.median(steps))
        ratios.append(medians[0] / medians[1])
        print(f"  round {number + 1}: {first[0]} {medians[0]:.0f} ms, {second[0]} {medians[1]:.0f} ms, ratio {ratios[-1]:.3f}", flush=True)
    medians = {label: statistics.median(values) for label, values in times.items()}
    print(f"{name}: " + ", ".join(f"{label} {value:.0f} ms" for label, value in medians.items())
          + f"; ratio {statistics.median(ratios):.3f} (median of {rounds})", flush=True)


def reduction(model, rounds):
    for ranks in (1, 2):
        compare(model, f"step on {ranks} rank(s)", ("exact", ranks, {"sync.reduction": "exact"}),
                ("fastest", ranks, {"sync.reduction": "fastest"}), rounds)


def scaling(model, rounds):
    compare(model, "step", ("1 rank", 1, {}), ("2 ranks", 2, {}), rounds)


def weak(model, rounds):
    """Samples a second over whole runs. A step of two ranks ends with the slower one: "in step" is what the two runs alone would reach if each of their steps
    waited for the other's, the bound that the machine's own unrest sets."""
    samples = model.quanta * model.quantum

    def start(ranks, *where):
        return Run(model, ranks, {"batch.micro_samples": model.quantum, "batch.global_samples": ranks * samples}, *where)

    def steps_ms(*runs):
        return [[line["step_ms"] for line in run.lines()] for run in runs]
    ratios, bounds = [], []
    for number in range(rounds):
        lone = steps_ms(*[start(1, ("taskset", "-c", str(core))) for core in (0, 1)])  # bound like the ranks, which mpirun binds
        (together,) = steps_ms(start(2, (), "core"))
        alone = sum(samples * 1e3 / statistics.fmean(steps) for steps in lone)
        in_step = 2e3 * samples / statistics.fmean(map(max, *lone))
        both = 2e3 * samples / statistics.fmean(together)
        ratios.append(both / alone)
        bounds.append(in_step / alone)
        print(f"  round {number + 1}: 2 runs alone {alone:.1f} samples/s (in step {in_step:.1f}), 2 ranks {both:.1f} samples/s, efficiency {ratios[-1]:.3f}", flush=True)
    print(f"efficiency {statistics.median(ratios):.3f} (median of {rounds}; two runs alone in step: {statistics.median(bounds):.3f})", flush=True)


def link(model, rounds):
    for _ in range(rounds):
        lines = Run(model, 2, {}, (str(TOP / "tests/system/hosts"), "2", "--gbit", "10", "--")).lines()
        hidden = statistics.median(line["communication_hidden_share"] for line in lines)
        print(f"10 Gbit/s between 2 hosts: step {statistics.median(line['step_ms'] for line in lines):.0f} ms, "
              f"{100 * hidden:.1f} % of the communication hidden behind backward", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["reduction", "scaling", "weak", "link"])
    parser.add_argument("--model", choices=["mlp", "resnet20", "resnet50", "gpt"], default="mlp")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quantum", type=int, default=32, metavar="SAMPLES", help="of the networks (default 32)")
    parser.add_argument("--quanta", type=int, default=1, help="of weak, a rank and step (default 1)")
    parser.add_argument("--steps", type=int, help="of a run (default: 4 of mlp, 60 of resnet20, 6 of resnet50, 8 of gpt)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tessera_bench_data_") as data:
        {"reduction": reduction, "scaling": scaling, "weak": weak, "link": link}[arguments.what](
            Model(arguments.model, data, arguments.quantum, arguments.quanta, arguments.steps), arguments.rounds)


if __name__ == "__main__":
    main()
