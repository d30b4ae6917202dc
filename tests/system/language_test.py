#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Text to token shards, a small GPT and a small Llama trained on them by any number of ranks, and text out of them; and bad input on the way."""

import json
import struct

import harness
from harness import DATA, DONE, USAGE

TEXT = "the quick brown fox jumps over the lazy dog. " * 200
MODEL = {"kind": "gpt2", "vocabulary": 28, "context": 16, "layers": 2, "heads": 2, "width": 16, "dropout": 0.1}
LLAMA = {"kind": "llama", "vocabulary": 28, "context": 16, "layers": 2, "heads": 4, "key_heads": 2, "width": 16, "hidden": 24}
RECOMPUTED = ("--set", "memory.recompute=block")


class Language(harness.SystemCase):
    def language_recipe(self, model, data=None, name="recipe.yaml"):
        (self.folder / "text.txt").write_text(TEXT)
        return self.recipe({"model": model, "task": {"kind": "language_modelling"},
                            "data": data or {"kind": "text", "root": str(self.folder / "text.txt"), "context": 16},
                            "evaluate": {"every_steps": 10, "split": "validation"},
                            "optimizer": {"kind": "adamw", "learning_rate": 0.01, "clip_norm": 1.0}}, name)

    def tokenize(self, *arguments):
        return self.run_tessera("tokenize", "--out", self.folder / "shards", *arguments)

    def make_shards(self):
        (self.folder / "letters.characters").write_text("".join(sorted(set(TEXT))))
        (self.folder / "text.txt").write_text(TEXT)
        outcome = self.tokenize("--tokenizer", self.folder / "letters.characters", "--shard-tokens", 4000, self.folder / "text.txt")
        self.assertEqual(outcome.status, DONE, outcome)
        self.assertIn("9000 tokens of a vocabulary of 28 in 3 shards", outcome.out)

    def shards(self, **more):
        return {"kind": "tokens", "root": str(self.folder / "shards"), "train": "tokens_{000000..000001}.bin", "validation": "tokens_000002.bin", "context": 16,
                "vocabulary": 28, **more}

    def test_any_number_of_ranks(self):
        for name, model in (("gpt2", MODEL), ("llama", LLAMA)):
            recipe = self.language_recipe(model, name=f"{name}.yaml")
            runs = ((None, ()), (2, ()), (3, RECOMPUTED), (4, ()))
            self.assertEqual(len({self.train(recipe, f"{name}{ranks}", *settings, ranks=ranks) for ranks, settings in runs}), 1)
            self.assertGreater(self.summary(f"{name}2")["tokens_per_s"], 0)
            last = self.metrics(f"{name}2", "evaluation")[-1]
            self.assertLess(last["loss"], 3.2)
            self.assertAlmostEqual(last["perplexity"], 2.718281828459045 ** last["loss"], places=9)

    def test_in_bf16(self):
        settings = ("--set", "precision.compute=bf16")
        for name, model in (("gpt2", MODEL), ("llama", LLAMA)):
            recipe = self.language_recipe(model, name=f"{name}.yaml")
            rounded = {self.train(recipe, f"{name}{ranks}", *settings, *more, ranks=ranks) for ranks, more in ((None, ()), (2, RECOMPUTED))}
            self.assertEqual(len(rounded), 1)
            self.assertNotIn(self.train(recipe, f"{name}_f32"), rounded)
            losses = [self.metrics(out, "evaluation")[-1]["loss"] for out in (f"{name}2", f"{name}_f32")]
            self.assertAlmostEqual(*losses, delta=0.05)

    def test_killed_and_resumed_on_other_ranks(self):
        recipe = self.language_recipe(MODEL)
        settings = ("--set", "checkpoint.every_steps=10", "--set", "evaluate.every_steps=50", "--set", "train.steps=400")
        self.survive_kills(recipe, 10 if harness.Settings.long else 2, settings, RECOMPUTED)

    def test_shards(self):
        self.make_shards()
        recipe = self.language_recipe(MODEL, self.shards())
        self.assertEqual(self.train(recipe, "a"), self.train(recipe, "b", ranks=2))

    def test_generate(self):
        recipe = self.language_recipe(MODEL)
        self.train(recipe, "run")
        texts = [self.run_tessera("generate", recipe, "--out", self.out("run"), "--prompt", "the", "--tokens", 10, *more)
                 for more in ((), ("--no-cache",), ("--seed", 2), ("--temperature", 0))]
        for outcome in texts:
            self.assertEqual(outcome.status, DONE, outcome)
            self.assertEqual(len(outcome.out), 3 + 10 + 1)
            self.assertTrue(outcome.out.startswith("the"))
        self.assertEqual(texts[0].out, texts[1].out)
        self.assertNotEqual(texts[0].out, texts[2].out)
        for arguments, fragment in (((), "the prompt is empty"), (("--prompt", "x" * 17), "17 tokens"), (("--prompt", "Q"), "U+0051")):
            outcome = self.run_tessera("generate", recipe, "--out", self.out("run"), *arguments)
            self.assert_one_error(outcome, DATA if "Q" in arguments else USAGE, fragment)
        self.assert_one_error(self.run_tessera("generate", recipe, "--out", self.out("none"), "--prompt", "a"), DATA, "no sound checkpoint")
        self.assert_one_error(self.run_tessera("generate", self.recipe(name="mlp.yaml"), "--prompt", "a"), USAGE, "mlp writes no text")

    def test_bad_shards(self):
        self.make_shards()
        path = self.folder / "shards/tokens_000000.bin"
        sound = path.read_bytes()
        recipe = self.language_recipe(MODEL, self.shards())
        for broken, fragment in ((sound[:3000], "cut short"), (b"\0" * len(sound), "no token shard"), (sound[:8] + struct.pack("<i", 16) + sound[12:1024 + 32], "window"),
                                 (sound[:1024] + struct.pack("<H", 999) + sound[1026:], "token 0 is 999")):
            path.write_bytes(broken)
            self.assert_refused(DATA, [fragment, "tokens_000000.bin"], "train", recipe, "--out", self.out("run"), "--set", "train.steps=200")
        path.write_bytes(sound)
        for data, fragments in (({"context": 17}, ["model.context is 16", "17 tokens"]), ({"vocabulary": 40}, ["model.vocabulary is 28", "40 tokens"])):
            changed = self.language_recipe(MODEL, self.shards(**data), "changed.yaml")
            self.assert_refused(USAGE, fragments, "train", changed, "--out", self.out("run"))

    def test_bad_texts(self):
        (self.folder / "a.jsonl").write_text(json.dumps({"text": "a"}) + "\nno json\n")
        (self.folder / "letters.characters").write_text("abc")
        tokenizer = ("--tokenizer", self.folder / "letters.characters")
        self.assert_one_error(self.tokenize(*tokenizer, self.folder / "a.jsonl"), DATA, "a.jsonl:2")
        self.assert_one_error(self.tokenize(*tokenizer, self.folder / "none.txt"), DATA, "none.txt")
        self.assert_one_error(self.tokenize("--tokenizer", self.folder / "none", self.folder / "a.jsonl"), DATA, "no such tokenizer")

    def test_text_models_need_their_task(self):
        recipe = self.language_recipe(MODEL)
        self.assert_refused(USAGE, ["no language model"], "train", self.recipe({"task": {"kind": "language_modelling"}}, "mlp.yaml"), "--out", self.out("run"))
        self.assert_refused(USAGE, ["takes windows of tokens"], "train", recipe, "--out", self.out("run"), "--set",
                            f"data={{kind: idx, root: {self.folder / 'data'}}}", "--set", "evaluate.split=test")


if __name__ == "__main__":
    harness.main()
