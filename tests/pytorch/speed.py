# SPDX-License-Identifier: Apache-2.0
"""Step times, taken in turns: Tessera, then each way of running PyTorch, round after round."""

import functools
import itertools
import statistics
import subprocess
import sys
import time

import torch
from torch.nn import functional

TURN_S = 1.0    # what one turn of a contestant lasts, about
MIN_STEPS = 3
WARMUP_STEPS = 3
BATCHES = 4
WAYS = {"eager": {}, "channels-last": {"channels_last": True}, "compile": {"compiled": True}, "compile-channels-last": {"channels_last": True, "compiled": True}}
TAPE_TARGET = 5.0
TAPE_LAYERS, TAPE_WIDTH, TAPE_BATCH = 100, 8, 8


class TorchSteps:
    """Training steps of PyTorch on batches that are there already."""

    def __init__(self, model, make_optimizer, batches, channels_last=False, compiled=False):
        layout = torch.channels_last if channels_last else torch.contiguous_format
        model = model.to(memory_format=layout)
        self.optimizer = make_optimizer(model.parameters(), fused=True)
        self.batches = itertools.cycle([(inputs.contiguous(memory_format=layout) if inputs.dim() == 4 else inputs, targets) for inputs, targets in batches])
        self.model = torch.compile(model) if compiled else model

    def step(self):
        inputs, targets = next(self.batches)
        self.optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(self.model(inputs), targets).backward()
        self.optimizer.step()

    def times_ms(self, steps, clock="wall"):
        times, now = [], time.perf_counter if clock == "wall" else time.process_time
        for _ in range(steps):
            start = now()
            self.step()
            times.append(1e3 * (now() - start))
        return times


def show_progress(done, total, began_s):
    """On a line of a terminal that the next output takes over."""
    if sys.stderr.isatty():
        left_s = (time.monotonic() - began_s) / done * (total - done)
        print(f"\r\033[K  turn {done} of {total}, about {left_s:.0f} s left" if done < total else "\r\033[K", end="", file=sys.stderr, flush=True)


def turns(contestants, rounds):
    """{name: [median ms of each round]}; the contestants ({name: function of steps}) take turns."""
    steps, began_s = {}, time.monotonic()
    for name, times_ms in contestants.items():
        warm = statistics.median(times_ms(WARMUP_STEPS)[1:])
        steps[name] = max(MIN_STEPS, int(1e3 * TURN_S / warm))
        show_progress(len(steps), (rounds + 1) * len(contestants), began_s)
    medians = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for place, (name, times_ms) in enumerate(contestants.items(), 1):
            medians[name].append(statistics.median(times_ms(steps[name])))
            show_progress(number * len(contestants) + place, (rounds + 1) * len(contestants), began_s)
    return medians


def torch_contestants(case, weights, batches, ways, clock):
    contestants = {}
    for way in ways:
        try:
            steps = TorchSteps(case.made(weights), case.make_optimizer, batches, **WAYS[way])
            steps.step()
            contestants[f"PyTorch {way}"] = functools.partial(steps.times_ms, clock=clock)
        except Exception as error:  # whatever torch.compile lacks on this machine
            print(f"  PyTorch {way}: does not run here: {str(error).splitlines()[0]:.120}")
    return contestants


def ratio_to_best(medians, ours):
    """(name of PyTorch's best way, median over the rounds of its time over ours)."""
    best = min((name for name in medians if name != ours), key=lambda name: statistics.median(medians[name]))
    return best, statistics.median(theirs / mine for theirs, mine in zip(medians[best], medians[ours]))


def compare(case, ours, samples, arguments):
    """Prints the table; returns (text, ratio, target)."""
    weights, batches = ours.weights(), ours.batches(BATCHES)
    print(f"{case.name}: step times, batch {samples}, {arguments.threads} thread(s), {arguments.rounds} rounds in turns, {arguments.clock} time")
    theirs = torch_contestants(case, weights, batches, arguments.ways.split(","), arguments.clock)
    medians = turns({"Tessera": functools.partial(ours.step_times_ms, clock=arguments.clock), **theirs}, arguments.rounds)
    mine = statistics.median(medians["Tessera"])
    print(f"  {'':32} {'ms a step':>10} {'samples/s':>10} {'of ours':>8}   rounds")
    for name, values in medians.items():
        ms = statistics.median(values)
        print(f"  {name:32} {ms:10.3f} {1e3 * samples / ms:10.0f} {ms / mine:8.2f}   {' '.join(f'{value:.3f}' for value in values)}")
    best, ratio = ratio_to_best(medians, "Tessera")
    return f"step of batch {samples}: {best} over Tessera", ratio, case.speed_target


def tape_model():
    layers = []
    for _ in range(TAPE_LAYERS):
        layers += [torch.nn.Linear(TAPE_WIDTH, TAPE_WIDTH), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers)


def tape_step_us(program, steps):
    """What tests/bench/tape_bench says of a step, in the unit and form of the others."""
    words = [program, str(TAPE_BATCH), str(TAPE_LAYERS), str(TAPE_WIDTH), str(steps)]
    output = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [float(output.split("median ")[1].split(" us")[0]) / 1e3] * 2


def compare_tape(program, rounds):
    """The cost of the tape: a perceptron so narrow that hardly any arithmetic is left."""
    batch = torch.rand(TAPE_BATCH, TAPE_WIDTH) - 0.5, torch.zeros(TAPE_BATCH, dtype=torch.int64)
    steps = TorchSteps(tape_model(), lambda parameters, **more: torch.optim.SGD(parameters, 0.01, **more), [batch])
    medians = turns({"Tessera": lambda count: tape_step_us(program, count), "PyTorch eager": steps.times_ms}, rounds)
    ops = 2 * TAPE_LAYERS + 1
    print(f"tape: perceptron of {TAPE_LAYERS} layers of width {TAPE_WIDTH}, batch {TAPE_BATCH}, {ops} ops, one thread")
    for name, values in medians.items():
        print(f"  {name:32} {1e3 * statistics.median(values):9.1f} us a step {1e3 * statistics.median(values) / ops:8.3f} us an op, forward and backward")
    return "time an op: PyTorch eager over Tessera", ratio_to_best(medians, "Tessera")[1], TAPE_TARGET
