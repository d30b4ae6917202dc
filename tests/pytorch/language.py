# SPDX-License-Identifier: Apache-2.0
"""Language models beside transformers', equal weights and batches: logits, gradients, 20 steps of training, and tokens a second. Run by scripts/compare_transformers."""

import argparse
import pathlib
import sys
import tempfile
import time

import torch
from ours import Ours
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

LEARNING_RATE, WEIGHT_DECAY, CLIP_NORM = 1e-3, 0.1, 1.0


def gpt2(vocabulary, context, layers, heads, width):
    sizes = {"vocabulary": vocabulary, "context": context, "layers": layers, "heads": heads, "width": width}
    config = GPT2Config(vocab_size=vocabulary, n_positions=context, n_layer=layers, n_head=heads, n_embd=width, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    return {"kind": "gpt2", **sizes}, lambda: GPT2LMHeadModel(config)


def llama(vocabulary, context, layers, heads, key_heads, width, hidden):
    sizes = {"vocabulary": vocabulary, "context": context, "layers": layers, "heads": heads, "key_heads": key_heads, "width": width, "hidden": hidden}
    config = LlamaConfig(vocab_size=vocabulary, max_position_embeddings=context, num_hidden_layers=layers, num_attention_heads=heads,
                         num_key_value_heads=key_heads, hidden_size=width, intermediate_size=hidden, rms_norm_eps=1e-5, tie_word_embeddings=False)
    return {"kind": "llama", **sizes, "tied": False}, lambda: LlamaForCausalLM(config)


# name: (model, samples, tokens)
MODELS = {
    "gpt2_124m": (gpt2(50257, 1024, 12, 12, 768), 2, 64),
    "gpt2_small": (gpt2(512, 64, 3, 4, 64), 4, 64),
    "llama_small": (llama(512, 96, 3, 8, 4, 64, 172), 4, 96),
    "nanogpt": (gpt2(65, 256, 6, 6, 384), 8, 256),
    "gpt2_124m_512": (gpt2(50257, 1024, 12, 12, 768), 2, 512),
}


def recipe(block, samples, steps):
    return {"run": {"seed": 1}, "model": block, "task": {"kind": "language_modelling"}, "batch": {"global_samples": samples, "micro_samples": samples},
            "train": {"steps": steps}, "optimizer": {"kind": "adamw", "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY,
                                                    "no_decay_on_norms_and_biases": True, "clip_norm": CLIP_NORM}}


def random_tokens(vocabulary, samples, tokens, steps):
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(vocabulary, (samples * steps, tokens + 1), generator=generator)
    return {"inputs": ids[:, :-1].contiguous(), "targets": ids[:, 1:].contiguous()}


def loss_of(model, inputs, targets):
    logits = model(inputs).logits
    return logits, torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def relative(ours, theirs):
    return ((ours.double() - theirs.double()).norm() / theirs.double().norm().clamp_min(1e-30)).item()


def losses_of(model, batches):
    decays = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": decays, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0}], lr=LEARNING_RATE)
    losses = []
    for inputs, targets in batches:
        _, loss = loss_of(model, inputs, targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def compare_numbers(name, driver, steps, folder):
    """Whether logits are within 1e-5 of the largest, gradients within 1e-4 (norm-wise), and the losses of training no further from float64 than twice PyTorch's."""
    (block, make), samples, tokens = MODELS[name]
    torch.manual_seed(1)
    model = make()
    model.save_pretrained(folder / name)
    file = folder / name / "model.safetensors"
    data = random_tokens(block["vocabulary"], samples, tokens, steps)
    with Ours(driver, recipe(block, samples, steps), data, file) as ours:
        batches = ours.batches(steps)
        logits, gradients = ours.forward_backward(0)
        wanted, loss = loss_of(model, *batches[0])
        loss.backward()
        logit_error = ((logits - wanted).abs().max() / wanted.abs().max()).item()
        count = batches[0][0].numel()
        errors = {key: relative(gradients[key] / count, parameter.grad) for key, parameter in model.named_parameters()}
        worst = max(errors, key=errors.get)
        print(f"{name}: logits {logit_error:.1e}, worst gradient {errors[worst]:.1e} ({worst}) of {len(errors)}")
        passed = logit_error <= 1e-5 and errors[worst] <= 1e-4
        if steps > 1:
            mine = torch.tensor(ours.losses(steps), dtype=torch.float64)
            model.zero_grad()
            state = {key: value.clone() for key, value in model.state_dict().items()}
            single = losses_of(model, batches)
            double_model = make().double()
            double_model.load_state_dict(state)
            double = losses_of(double_model, batches)
            our_distance, their_distance = ((x - double).abs().max().item() for x in (mine, single))
            print(f"{name}: {steps} steps, furthest from float64: ours {our_distance:.1e}, PyTorch {their_distance:.1e}")
            passed &= our_distance <= 2 * their_distance
    print(f"{'PASS' if passed else 'FAIL'} {name}")
    return passed


def compare_speed(name, driver, rounds):
    (block, make), samples, tokens = MODELS[name]
    data = random_tokens(block["vocabulary"], samples, tokens, 4)
    model = make()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    with Ours(driver, recipe(block, samples, 100000), data, None) as ours:
        batches = ours.batches(4)

        def step(i):
            start = time.perf_counter()
            _, loss = loss_of(model, *batches[i % 4])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
            return time.perf_counter() - start

        step(0), ours.step_times_ms(1)
        theirs, mine = [], []
        for i in range(rounds):
            theirs.append(step(i))
            mine.append(ours.step_times_ms(1)[0] / 1000)
    count = samples * tokens
    print(f"{name}: {samples} x {tokens}, one thread: ours {count / min(mine):.0f} tokens/s, PyTorch (eager) {count / min(theirs):.0f}: {min(theirs) / min(mine):.2f}x")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", required=True)
    parser.add_argument("--model", action="append", choices=MODELS, help="default: gpt2_small, llama_small and gpt2_124m")
    parser.add_argument("--steps", type=int, default=20, help="of training; 1: none")
    parser.add_argument("--speed", action="store_true", help="tokens a second instead of numbers")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    models = arguments.model or ["gpt2_small", "llama_small", "gpt2_124m"]
    if arguments.speed:
        for name in models:
            compare_speed(name, arguments.driver, arguments.rounds)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return not all([compare_numbers(name, arguments.driver, arguments.steps, pathlib.Path(folder)) for name in models])


if __name__ == "__main__":
    sys.exit(main())
