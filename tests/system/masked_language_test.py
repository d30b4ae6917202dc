#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small BERT from text files: tokenized, packed and masked, trained by any number of ranks, killed and resumed, exported and taken up again; and bad input on the way."""

import json
import random
import struct

import harness
from harness import DATA, DONE, USAGE

WORDS = "the quick brown fox jumps over a lazy dog and runs home".split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "."]
SPECIAL = {"padding": 0, "classification": 2, "separator": 3, "mask": 4}
MODEL = {"kind": "bert", "vocabulary": len(VOCABULARY), "context": 24, "layers": 2, "heads": 2, "width": 16, "dropout": 0.1}
RECOMPUTED = ("--set", "memory.recompute=block")


class MaskedLanguage(harness.SystemCase):
    def setUp(self):
        super().setUp()
        (self.folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
        for name, count in (("train", 60), ("validation", 12)):
            draw = random.Random(name)
            documents = [" ".join(draw.choices(WORDS, k=draw.randrange(1, 70))) + "." for _ in range(count)]
            self.tokenize(name, "".join(json.dumps({"text": text}) + "\n" for text in documents))

    def tokenize(self, name, text):
        path = self.folder / f"{name}.jsonl"
        path.write_text(text)
        outcome = self.run_tessera("tokenize", "--tokenizer", self.folder / "vocab.txt", "--out", self.folder / "shards", "--name", name, path)
        self.assertEqual(outcome.status, DONE, outcome)

    def bert_recipe(self, changes=None, name="recipe.yaml"):
        data = {"kind": "masked_text", "root": str(self.folder / "shards"), "train": "train_*.bin", "validation": "validation_*.bin", "context": 24,
                "vocabulary": len(VOCABULARY), **SPECIAL}
        blocks = {"model": MODEL, "task": {"kind": "masked_language_modelling"}, "data": data, "evaluate": {"every_steps": 10, "split": "validation"},
                  "optimizer": {"kind": "adamw", "learning_rate": 0.01, "clip_norm": 1.0}}
        return self.recipe(harness.merged(blocks, changes or {}), name)

    def test_any_number_of_ranks(self):
        recipe = self.bert_recipe()
        runs = ((None, ()), (None, RECOMPUTED), (2, ()), (3, RECOMPUTED), (4, ()))
        hashes = {self.train(recipe, f"run{number}", *settings, ranks=ranks) for number, (ranks, settings) in enumerate(runs)}
        self.assertEqual(len(hashes), 1)
        self.assertGreater(self.summary("run2")["predictions_per_s"], 0)
        last = self.metrics("run0", "evaluation")[-1]
        self.assertEqual([row["loss"] for row in self.metrics("run4", "evaluation")], [row["loss"] for row in self.metrics("run0", "evaluation")])
        self.assertLess(last["masked_loss"], 2.9)
        self.assertAlmostEqual(last["perplexity"], 2.718281828459045 ** last["masked_loss"], places=9)
        self.assertGreater(last["loss"], last["masked_loss"])
        self.assertTrue(0 < last["next_sentence_accuracy"] < 1)

    def test_killed_and_resumed_on_other_ranks(self):
        recipe = self.bert_recipe()
        settings = ("--set", "checkpoint.every_steps=10", "--set", "evaluate.every_steps=50", "--set", "train.steps=400")
        self.survive_kills(recipe, 10 if harness.Settings.long else 2, settings, RECOMPUTED)

    def test_without_next_sentences(self):
        recipe = self.bert_recipe({"task": {"kind": "masked_language_modelling", "next_sentence": False}, "data": {"next_sentence": False}})
        self.assertEqual(self.train(recipe, "a"), self.train(recipe, "b", ranks=2))
        self.assertNotIn("next_sentence_loss", self.metrics("a", "evaluation")[-1])
        self.assert_refused(USAGE, ["the data have no pairs of texts", "data.next_sentence: true"], "train", recipe, "--out", self.out("c"), "--set", "task.next_sentence=true")

    def test_exported_weights_go_on(self):
        recipe = self.bert_recipe()
        self.train(recipe, "first")
        weights = self.folder / "weights.safetensors"
        outcome = self.run_tessera("checkpoint", "export", self.out("first") / "checkpoints" / self.checkpoints("first")[-1], weights)
        self.assertEqual(outcome.status, DONE, outcome)
        self.train(recipe, "second", "--set", f"init.weights={weights}", "--set", "train.steps=10")
        self.assertLess(self.metrics("second", "train")[0]["masked_loss"], self.metrics("first", "train")[0]["masked_loss"])
        longer = ("--set", "model.context=32", "--set", f"init.weights={weights}")
        self.assert_refused(DATA, ["position_embeddings", "[24, 16]", "[32, 16]"], "train", recipe, "--out", self.out("third"), *longer)

    def test_bad_data(self):
        recipe, path = self.bert_recipe(), self.folder / "shards/train_000000.bin"
        sound = path.read_bytes()
        for broken, fragment in ((sound[:3000], "cut short"), (sound[:1024] + struct.pack("<H", 999) + sound[1026:], "token 0 is 999, but the vocabulary has 18 tokens")):
            path.write_bytes(broken)
            self.assert_refused(DATA, [fragment, "train_000000.bin"], "train", recipe, "--out", self.out("run"))
        path.write_bytes(sound)
        for change, status, fragments in (({"separator": 1}, DATA, ["no separator, token 1,", "train_000000.bin"]),
                                          ({"context": 4}, USAGE, ["data.context", "5"]),
                                          ({"context": 25}, USAGE, ["model.context is 24", "25 tokens"]),
                                          ({"mask": 0}, USAGE, ["data.padding", "data.mask"]),
                                          ({"vocabulary": 30}, USAGE, ["model.vocabulary is 18", "30 tokens"])):
            changed = self.bert_recipe({"data": change}, "changed.yaml")
            self.assert_refused(status, fragments, "train", changed, "--out", self.out("run"))
        self.tokenize("alone", json.dumps({"text": "the quick brown fox " * 30}) + "\n")
        alone = self.bert_recipe({"data": {"train": "alone_*.bin"}}, "alone.yaml")
        self.assert_refused(DATA, ["one document", "data.next_sentence: false"], "train", alone, "--out", self.out("run"))

    def test_bert_needs_its_task(self):
        scores = self.bert_recipe({"model": {"head": "scores"}})
        self.assert_refused(USAGE, ["predicts no hidden tokens", "head: pretraining"], "train", scores, "--out", self.out("run"))
        wrong = self.bert_recipe({"task": {"kind": "language_modelling"}}, "wrong.yaml")
        self.assert_refused(USAGE, ["no language model"], "train", wrong, "--out", self.out("run"))


if __name__ == "__main__":
    harness.main()
