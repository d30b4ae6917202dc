# SPDX-License-Identifier: Apache-2.0
"""Peak memory of training steps: what the kernel says of a fresh process of either side (VmHWM: the largest resident set), steps, batch and model alike.
Run by itself it is PyTorch's process."""

import subprocess
import sys

import torch

import speed
from driver_process import peak_bytes
from models import ARCHITECTURE_CASES, CASES

STEPS = 4


def compare(name, ours, samples, arguments):
    """Prints the peaks of both sides."""
    print(f"{name}: peak memory of {STEPS} steps of batch {samples}, fresh processes")
    ours.step_times_ms(STEPS)
    print(f"  {'Tessera':32} {peak_bytes(ours.process.pid) / 1e6:8.0f} MB", flush=True)
    for way in arguments.ways.split(","):
        words = [sys.executable, "-B", __file__, name, way, samples, arguments.threads]
        run = subprocess.run([str(word) for word in words], capture_output=True, text=True)
        print(f"  {'PyTorch ' + way:32} {run.stdout.strip() if run.returncode == 0 else 'does not run here'}", flush=True)


def main():
    name, way, samples, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    case = next(case for case in CASES + ARCHITECTURE_CASES if case.name == name)
    data = case.speed_data(int(samples))
    imported = peak_bytes("self")
    model = (case.build() if hasattr(case, "build") else case.architecture.build()).train()
    speed.TorchSteps(model, case.make_optimizer, [(data["inputs"], data["targets"])], **speed.WAYS[way]).times_ms(STEPS)
    print(f"{peak_bytes('self') / 1e6:8.0f} MB, {imported / 1e6:.0f} MB of them before there is a model")


if __name__ == "__main__":
    main()
