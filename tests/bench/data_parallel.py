#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Step times of data parallelism, side by side: runs of `tessera train`, alternating, one thread a rank, medians over all steps but each run's
first (which runs twice).

  reduction   exact against fastest, on 1 and on 2 ranks
  scaling     2 ranks against 1
  weak        2 ranks with --quanta quanta each a step against 2 runs of one rank with as many, at the same time; both sides live for all rounds and take
              turns of a few seconds, each stopped for the other's; "in step": what the lone runs would reach if every step waited for the slower one
  link        2 hosts with 10 Gbit/s between them (network namespaces; needs root): how much of the communication hides behind backward

--model mlp is tests/bench/mlp_25m.yaml (25 million parameters, eight quanta a step), resnet20 the CIFAR-10 recipe and resnet50, vgg16 and so on the ImageNet ones
on random images, gpt a GPT of 10 million parameters on random letters, with quanta of --quantum samples (a step has 128, 256 and 64 where that is not said otherwise).
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BINARY = TOP / "build/release/launcher/tessera"
IMAGES = 20480
MLP_QUANTUM_SAMPLES = 512
TURNS = 4  # of either side in a round of weak
IMAGENET = {path.stem.removesuffix("_imagenet"): path for path in sorted(TOP.glob("recipes/vision/*/*_imagenet.yaml"))}


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
            self.recipe = IMAGENET[name]
            write_random_imagenet(pathlib.Path(data, "images.safetensors"), 256)
            write_random_imagenet(pathlib.Path(data, "few.safetensors"), 2)
            self.settings = {"data.kind": "tensors", "data.root": data, "data.train": "images.safetensors", "data.validation": "few.safetensors",
                             "data.classes": 1000, "evaluate.split": "validation", "train.steps": steps or 6, "checkpoint.every_s": "null",
                             "optimizer.learning_rate": 1e-6}  # more, and VGG diverges on such images
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

    def __init__(self, model, ranks, settings, prefix=(), binding="none", quiet=False):
        """`binding`: mpirun's; "core" would bind runs at the same time all to the first core."""
        self.folder = tempfile.mkdtemp(prefix="tessera_bench_")
        command = [*prefix, "mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", binding, str(BINARY), "train", str(model.recipe),
                   "--out", self.folder]
        for key, value in {**model.settings, **settings}.items():
            command += ["--set", f"{key}={value}"]
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL if quiet else None, env=environment)

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


class Turns:
    """Runs that go on for some seconds and are stopped for those of others: the machine's own unrest, which lasts longer, then meets both alike."""

    def __init__(self, runs):
        self.runs = runs
        self.logs = [None for _ in runs]  # open for reading
        self.step_times = [[] for _ in runs]  # seconds, since take_step_times()

    def signal(self, number):
        for run in self.runs:
            if run.process.poll() is None:
                for rank in pathlib.Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text().split():
                    os.kill(int(rank), number)

    def new_steps(self, index):
        """Seconds of the steps that a run has logged since the last call."""
        path = pathlib.Path(self.runs[index].folder, "metrics.jsonl")
        if self.logs[index] is None and path.exists():
            self.logs[index] = path.open()
        lines = [json.loads(line) for line in self.logs[index] or ()]
        return [line["step_ms"] / 1e3 for line in lines if line["kind"] == "train"]

    def any_ended(self):
        return any(run.process.poll() is not None for run in self.runs)

    def go_on(self, seconds):
        """Sleeps meanwhile, as looking would take time from the runs."""
        self.signal(signal.SIGCONT)
        time.sleep(seconds)
        self.signal(signal.SIGSTOP)
        if self.any_ended():
            raise SystemExit("a run ended too early")
        for index, times in enumerate(self.step_times):
            times += self.new_steps(index)[1:]  # the first one stood still in between

    def take_step_times(self):
        """Of each run, those that no one has taken."""
        taken, self.step_times = self.step_times, [[] for _ in self.runs]
        return taken

    def __enter__(self):
        """Through the first step, which runs twice."""
        waiting = set(range(len(self.runs)))
        while waiting:
            if self.any_ended():
                self.__exit__()
                raise SystemExit("a run ended too early")
            time.sleep(0.02)
            waiting -= {index for index in waiting if self.new_steps(index)}
        self.signal(signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        self.signal(signal.SIGKILL)
        for run, log in zip(self.runs, self.logs):
            run.process.wait()
            if log is not None:
                log.close()
            shutil.rmtree(run.folder)


def steps_per_s(step_times):
    return sum(1 / statistics.mean(times) for times in step_times)


def in_step(step_times):
    """What would be left of the runs' speed if each waited at every step for the slowest: the machine's unrest alone, without a word exchanged."""
    waiting = [max(times) for times in zip(*step_times)]
    return len(step_times) / statistics.mean(waiting) / steps_per_s(step_times)


def weak(model, rounds, turn_s):
    """Samples a second of 2 ranks and of 2 runs alone, which take turns of a few seconds."""
    samples = model.quanta * model.quantum
    model.settings["train.steps"] = 1_000_000

    def started(ranks, *where):
        return Run(model, ranks, {"batch.micro_samples": model.quantum, "batch.global_samples": ranks * samples}, *where, quiet=True)

    ratios, bounds = [], []
    # Lone runs are bound like the ranks, which mpirun binds.
    with Turns([started(1, ("taskset", "-c", str(core))) for core in (0, 1)]) as alone, Turns([started(2, (), "core")]) as together:
        for number in range(rounds):
            for _ in range(TURNS):
                alone.go_on(turn_s)
                together.go_on(turn_s)
            alone_times, together_times = alone.take_step_times(), together.take_step_times()
            if not all(alone_times + together_times):
                raise SystemExit(f"no whole step in turns of {turn_s} s: give --turn several times a step's length")
            lone, both = samples * steps_per_s(alone_times), 2 * samples * steps_per_s(together_times)
            ratios.append(both / lone)
            bounds.append(in_step(alone_times))
            print(f"  round {number + 1}: 2 runs alone {lone:.1f} samples/s, in step {bounds[-1] * lone:.1f}, 2 ranks {both:.1f} samples/s, "
                  f"efficiency {ratios[-1]:.3f} (in step {bounds[-1]:.3f})", flush=True)
    print(f"efficiency {statistics.median(ratios):.3f}, the lone runs in step {statistics.median(bounds):.3f} (medians of {rounds})", flush=True)


def link(model, rounds):
    for _ in range(rounds):
        lines = Run(model, 2, {}, (str(TOP / "tests/system/hosts"), "2", "--gbit", "10", "--")).lines()
        hidden = statistics.median(line["communication_hidden_share"] for line in lines)
        print(f"10 Gbit/s between 2 hosts: step {statistics.median(line['step_ms'] for line in lines):.0f} ms, "
              f"{100 * hidden:.1f} % of the communication hidden behind backward", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["reduction", "scaling", "weak", "link"])
    parser.add_argument("--model", choices=["mlp", "resnet20", "gpt", *IMAGENET], default="mlp", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quantum", type=int, default=32, metavar="SAMPLES", help="of the networks (default 32)")
    parser.add_argument("--quanta", type=int, default=1, help="of weak, a rank and step (default 1)")
    parser.add_argument("--turn", type=float, default=3.0, metavar="S", help="of weak: seconds of a turn, several steps long (default 3)")
    parser.add_argument("--steps", type=int, help="of a run, not of weak (default: 4 of mlp, 60 of resnet20, 6 of resnet50, 8 of gpt)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception: the runs end with it, those that are stopped, too
    with tempfile.TemporaryDirectory(prefix="tessera_bench_data_") as data:
        model = Model(arguments.model, data, arguments.quantum, arguments.quanta, arguments.steps)
        if arguments.what == "weak":
            weak(model, arguments.rounds, arguments.turn)
        else:
            {"reduction": reduction, "scaling": scaling, "link": link}[arguments.what](model, arguments.rounds)


if __name__ == "__main__":
    main()
