# SPDX-License-Identifier: Apache-2.0
"""Language models beside transformers', equal weights and batches: logits, gradients, 20 steps of training, and tokens a second. Run by scripts/compare_transformers."""

import argparse
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from adamw import adamw
from driver_process import peak_bytes
from language_models import MODELS
from ours import Ours

LEARNING_RATE, WEIGHT_DECAY, CLIP_NORM = 1e-3, 0.1, 1.0


def recipe(block, task, samples, steps, recompute="none"):
    return {"run": {"seed": 1}, "model": block, "task": task, "memory": {"recompute": recompute}, "batch": {"global_samples": samples, "micro_samples": samples},
            "train": {"steps": steps}, "optimizer": {"kind": "adamw", "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY,
                                                    "no_decay_on_norms_and_biases": True, "clip_norm": CLIP_NORM}}


def relative(ours, theirs):
    return ((ours.double() - theirs.double()).norm() / theirs.double().norm().clamp_min(1e-30)).item()


def losses_of(model, family, batches):
    optimizer = adamw(model, {"learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY})
    losses = []
    for batch in batches:
        loss = family.run(model, batch)[1]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def compare_pass(name, ours, model, batch, family):
    """Whether outputs are within 1e-5 of the largest, and gradients within 1e-4 (norm-wise)."""
    outputs, gradients = ours.outputs_and_gradients(0)
    wanted, loss, count = family.run(model, batch)
    loss.backward()
    output_errors = {key: ((outputs[key] - value).abs().max() / value.abs().max()).item() for key, value in wanted.items()}
    errors = {key: relative(gradients[key] / count, parameter.grad) for key, parameter in model.named_parameters() if not is_noise(key, parameter.grad, model)}
    worst = max(errors, key=errors.get)
    print(f"{name}: {', '.join(f'{key} {error:.1e}' for key, error in output_errors.items())}, worst gradient {errors[worst]:.1e} ({worst}) of {len(errors)}")
    return max(output_errors.values()) <= 1e-5 and errors[worst] <= 1e-4


def is_noise(name, gradient, model):
    """A key's bias shifts all scores of a query alike: its gradient is 0, and what is computed of it is rounding."""
    return name.endswith("attention.self.key.bias") and gradient.norm() < 1e-5 * model.get_parameter(name.replace("key.bias", "value.bias")).grad.norm()


def compare_export(name, ours, model, batch, family, folder):
    """Whether transformers loads what we export, and computes the same of it."""
    model.config.save_pretrained(folder)
    shutil.copy(ours.weights_file(), folder / "model.safetensors")
    loaded = type(model).from_pretrained(folder)
    with torch.no_grad():
        pairs = zip(family.run(loaded, batch)[0].values(), family.run(model, batch)[0].values())
        same = all(torch.equal(a, b) for a, b in pairs)
    print(f"{name}: transformers computes {'the same' if same else 'something else'} of exported weights")
    return same


def compare_numbers(name, driver, steps, folder):
    """The pass, exported weights, and the losses of training, no further from float64 than twice PyTorch's."""
    case = MODELS[name]
    folder = folder / name
    torch.manual_seed(1)
    model = case.make()
    model.save_pretrained(folder)
    data = case.family.data(case.block, case.samples, case.tokens, steps, folder)
    with Ours(driver, recipe(case.block, case.family.task, case.samples, steps), data, folder / "model.safetensors") as ours:
        batches = ours.named_batches(steps)
        passed = compare_pass(name, ours, model, batches[0], case.family)
        passed &= compare_export(name, ours, model, batches[0], case.family, folder / "exported")
        if steps > 1:
            mine = torch.tensor(ours.losses(steps), dtype=torch.float64)
            model.zero_grad()
            state = {key: value.clone() for key, value in model.state_dict().items()}
            single = losses_of(model, case.family, batches)
            double_model = case.make().double()
            double_model.load_state_dict(state)
            double = losses_of(double_model, case.family, batches)
            our_distance, their_distance = ((x - double).abs().max().item() for x in (mine, single))
            print(f"{name}: {steps} steps, furthest from float64: ours {our_distance:.1e}, PyTorch {their_distance:.1e}")
            passed &= our_distance <= 2 * their_distance
    print(f"{'PASS' if passed else 'FAIL'} {name}")
    return passed


def compare_speed(name, driver, rounds, compiled, clock):
    """Taking turns, one thread; `compiled`: also torch.compile, of which PyTorch's better figure counts. `clock`: "wall", or "cpu" for busy machines."""
    now = time.perf_counter if clock == "wall" else time.process_time
    case = MODELS[name]
    model = case.make()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    def loss_of(batch):
        return case.family.run(model, batch)[1]

    ways = {"eager": loss_of, **({"compiled": torch.compile(loss_of)} if compiled else {})}
    with tempfile.TemporaryDirectory() as folder:
        data = case.family.speed_data(case.block, case.samples, case.tokens, 4, pathlib.Path(folder))
        with Ours(driver, recipe(case.block, case.family.speed_task, case.samples, 100000), data, None) as ours:
            batches = ours.named_batches(4)

            def step(way, i):
                start = now()
                loss = ways[way](batches[i % 4])
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
                optimizer.step()
                return now() - start

            mine, theirs = [], {way: [] for way in ways}
            for way in ways:
                step(way, 0)
            ours.step_times_ms(1)
            for i in range(rounds):
                for way in ways:
                    theirs[way].append(step(way, i))
                mine.append(ours.step_times_ms(1, clock)[0] / 1000)
    count, median = case.samples * case.tokens, statistics.median
    figures = ", ".join(f"PyTorch ({way}) {count / median(times):.0f}" for way, times in theirs.items())
    ratios = [min(times) / own for own, *times in zip(mine, *theirs.values())]
    print(f"{name}: {case.samples} x {case.tokens}, one thread, medians of {rounds} rounds: ours {count / median(mine):.0f} tokens/s, {figures}: "
          f"{min(map(median, theirs.values())) / median(mine):.2f}x (rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)})", flush=True)


def peak_of_torch(name, checkpointing):
    """In a process of its own: prints the peak of three steps, and what there was before there was a model."""
    case, imported = MODELS[name], peak_bytes("self")
    model = case.make()
    if checkpointing:
        model.gradient_checkpointing_enable()
    with tempfile.TemporaryDirectory() as folder:
        data = case.family.speed_data(case.block, case.samples, case.tokens, 1, pathlib.Path(folder))
    losses_of(model.train(), case.family, [data] * 3)
    print(peak_bytes("self") - imported, imported)


def compare_memory(name, driver):
    """Peaks of fresh processes, three steps each, with and without recomputing blocks."""
    case = MODELS[name]
    for recompute in ("none", "block"):
        with tempfile.TemporaryDirectory() as folder:
            data = case.family.speed_data(case.block, case.samples, case.tokens, 1, pathlib.Path(folder))
            with Ours(driver, recipe(case.block, case.family.speed_task, case.samples, 100, recompute), data, None) as ours:
                ours.step_times_ms(3)
                mine = peak_bytes(ours.process.pid)
        words = [sys.executable, "-B", __file__, "--driver", driver, "--model", name, "--peak-of-torch", recompute]
        theirs, imported = map(int, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[-2:])
        print(f"{name}: recomputed: {recompute}; peak memory {mine / 1e6:.0f} MB of ours, {(theirs + imported) / 1e6:.0f} MB of PyTorch, {imported / 1e6:.0f} of them before there was "
              f"a model: {mine / theirs:.2f} of the rest", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", required=True)
    parser.add_argument("--model", action="append", choices=MODELS, help="default: all that are compared in numbers")
    parser.add_argument("--steps", type=int, default=20, help="of training; 1: none")
    parser.add_argument("--speed", action="store_true", help="tokens a second instead of numbers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="with --speed: cpu is for busy machines")
    parser.add_argument("--compile", action="store_true", help="with --speed: also torch.compile's figure")
    parser.add_argument("--memory", action="store_true", help="peak memory of a step instead of numbers")
    parser.add_argument("--peak-of-torch", choices=["none", "block"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    models = arguments.model or ["gpt2_small", "llama_small", "bert_small", "bert_small_scores", "gpt2_124m", "bert_base", "bert_base_scores"]
    if arguments.peak_of_torch:
        return peak_of_torch(models[0], arguments.peak_of_torch == "block")
    if arguments.memory:
        for name in models:
            compare_memory(name, arguments.driver)
        return 0
    if arguments.speed:
        for name in models:
            compare_speed(name, arguments.driver, arguments.rounds, arguments.compile, arguments.clock)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return not all([compare_numbers(name, arguments.driver, arguments.steps, pathlib.Path(folder)) for name in models])


if __name__ == "__main__":
    sys.exit(main())
