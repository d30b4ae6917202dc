#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Command lines and recipes that make no sense are refused with one line that says what, where and how to fix it."""

import harness
from harness import DATA, DONE, USAGE

# What is changed in the recipe, and what the line must hold. The line of a block: schema 1, run 2, model 3, data 4, batch 5, train 6.
BAD_RECIPES = {
    "misspelt key": ({"model": {"hiden": [8]}}, ["recipe.yaml:3", "hiden", "did you mean 'hidden'"]),
    "misspelt block": ({"optimiser": {"kind": "sgd"}}, ["recipe.yaml:", "optimiser", "did you mean 'optimizer'"]),
    "unknown key": ({"batch": {"zzz": 1}}, ["recipe.yaml:5", "batch.zzz", "global_samples"]),
    "wrong type": ({"batch": {"micro_samples": "four"}}, ["recipe.yaml:5", "batch.micro_samples", "four", "integer"]),
    "map for a number": ({"run": {"seed": {"a": 1}}}, ["recipe.yaml:2", "run.seed", "integer"]),
    "unknown kind": ({"model": {"kind": "lenet", "hidden": [8]}}, ["recipe.yaml:3", "lenet", "lenet5"]),
    "out of bounds": ({"model": {"dropout": 1.5}}, ["recipe.yaml:3", "model.dropout", "1.5"]),
    "micro does not divide global": ({"batch": {"micro_samples": 5}}, ["recipe.yaml:5", "batch.micro_samples", "batch.global_samples", "5", "28"]),
    "warm-up longer than training": ({"schedule": {"kind": "cosine", "warmup_steps": 50}}, ["schedule.warmup_steps", "50", "20"]),
    "warm-up longer than epochs": ({"train": {"steps": None, "epochs": 1}, "schedule": {"kind": "cosine", "warmup_steps": 50}},
                                   ["recipe.yaml:9", "schedule.warmup_steps is 50", "train.epochs is 1, which makes 8 steps"]),
    "curve longer than training": ({"schedule": {"kind": "one_cycle", "total_steps": 30}}, ["recipe.yaml:9", "schedule.total_steps is 30", "train.steps is 20"]),
    "curve shorter than training": ({"schedule": {"kind": "cosine", "total_steps": 10}}, ["recipe.yaml:9", "schedule.total_steps is 10", "train.steps is 20"]),
    "milestone beyond the end": ({"schedule": {"kind": "multi_step", "milestone_steps": [10, 20]}},
                                 ["recipe.yaml:9", "schedule.milestone_steps has milestone 20", "train.steps is 20", "schedule.milestone_shares"]),
    "drop beyond the end": ({"schedule": {"kind": "step", "every_steps": 40}}, ["recipe.yaml:9", "schedule.every_steps is 40", "train.steps is 20"]),
    "group of no parameter": ({"optimizer": {"groups": [{"match": "layers.*.wieght", "weight_decay": 0}]}},
                              ["recipe.yaml:7", "'layers.*.wieght'", "optimizer.groups[0].match", "near it: ", ".weight"]),
    "bad pattern of names": ({"init": {"weights": "w", "rename": [{"pattern": "(", "replacement": ""}]}}, ["recipe.yaml:9", "'('", "regular expression"]),
    "epochs and steps": ({"train": {"epochs": 1}}, ["recipe.yaml:6", "train.epochs", "train.steps"]),
    "no such device yet": ({"device": "cuda"}, ["recipe.yaml:", "device", "cuda"]),
    "inputs do not fit the data": ({"model": {"inputs": 63}}, ["recipe.yaml:3", "model.inputs", "63", "64"]),
    "images do not fit the model": ({"model": {"kind": "lenet5", "image_size": 28, "classes": 5}}, ["recipe.yaml:3", "model.image_size", "28", "[1, 8, 8]"]),
    "fewer outputs than classes": ({"model": {"classes": 3}}, ["recipe.yaml:3", "model.classes", "3", "5"]),
}

BAD_COMMANDS = {
    "unknown command": (["trian"], ["trian", "--help"]),
    "no command": ([], ["--help"]),
    "unknown option": (["train", "--bogus"], ["--bogus", "--help"]),
    "no recipe": (["train"], ["recipe", "--help"]),
    "recipe that is not there": (["train", "nothing.yaml"], ["nothing.yaml", "no such file"]),
    "override without value": (["train", "RECIPE", "--set", "batch"], ["--set batch", "key=value"]),
    "override of an unknown key": (["train", "RECIPE", "--set", "train.stepz=3"], ["train.stepz", "did you mean 'steps'"]),
    "checkpoint and weights": (["eval", "RECIPE", "--checkpoint", "a", "--weights", "b"], ["--checkpoint", "--weights"]),
    "unknown split": (["eval", "RECIPE", "--split", "tset", "--weights", "b"], ["tset", "train, test"]),
}

BAD_PLACES = {
    "checkpoint that is not there": ["eval", "RECIPE", "--checkpoint", "nothing"],
    "weights that are not there": ["eval", "RECIPE", "--weights", "nothing"],
    "run that is not there": ["eval", "RECIPE", "--out", "nothing"],
    "resume from nothing": ["train", "RECIPE", "--resume", "nothing"],
}


class BadRecipe(harness.SystemCase):
    def test_recipes(self):
        for name, (changes, fragments) in BAD_RECIPES.items():
            with self.subTest(name):
                recipe = self.recipe(changes)
                self.assert_refused(USAGE, fragments, "train", recipe, "--out", self.out("run"))

    def test_not_yaml(self):
        recipe = self.recipe()
        for text, line in (("schema: 1\nrun: {name: [}\n", 2), ("schema: 1\nschema: 1\n", 2), ("- 1\n", 1), ("\0\1\2", 1), ("", None)):
            with self.subTest(text=text):
                recipe.write_text(text)
                self.assert_refused(USAGE, [f"recipe.yaml:{line}" if line else "recipe.yaml"], "train", recipe, "--out", self.out("run"))

    def test_commands(self):
        recipe = self.recipe()
        for name, (arguments, fragments) in BAD_COMMANDS.items():
            with self.subTest(name):
                self.assert_refused(USAGE, fragments, *[recipe if word == "RECIPE" else word for word in arguments])

    def test_places(self):
        recipe = self.recipe({"run": {"out": str(self.out("run"))}})
        for name, arguments in BAD_PLACES.items():
            with self.subTest(name):
                words = [recipe if word == "RECIPE" else self.folder / word if word == "nothing" else word for word in arguments]
                self.assert_refused(DATA, [self.folder / "nothing"], *words)

    def test_more_ranks_than_quanta(self):
        recipe = self.recipe({"batch": {"global_samples": 28, "micro_samples": 14}})
        outcome = self.run_tessera("train", recipe, "--out", self.out("run"), ranks=3)
        self.assert_one_error(outcome, USAGE, "3 ranks", "2 quanta", "batch.micro_samples", ranks=3)

    def test_resume_with_a_changed_recipe(self):
        recipe = self.recipe({"batch": {"global_samples": 32, "micro_samples": 8}})
        calm = self.train(recipe, "calm")
        self.train(recipe, "run", "--set", "train.steps=10")
        before = self.checkpoints("run")
        changes = (("batch.global_samples=16", "batch.global_samples"), ("batch.micro_samples=4", "batch.micro_samples"),
                   ("optimizer.learning_rate=0.2", "optimizer.learning_rate"), ("model.dropout=0", "model.dropout"), ("run.seed=2", "run.seed"))
        for change, key in changes:
            with self.subTest(change):
                self.assert_refused(USAGE, [key, "--force"], "train", recipe, "--out", self.out("run"), "--set", change)
                self.assertEqual(self.checkpoints("run"), before, "something was lost")
        accepted = ("train.log_every_steps=3", "run.name=other", "data.workers=0", "checkpoint.every_steps=7", "evaluate.every_steps=4",
                    "sync.dealing=strided", "train.steps=20")
        self.assertEqual(self.train(recipe, "run", *[word for setting in accepted for word in ("--set", setting)], ranks=2), calm)

    def test_force_accepts_what_changed(self):
        recipe = self.recipe()
        self.train(recipe, "run", "--set", "train.steps=10")
        self.train(recipe, "run", "--force", "--set", "optimizer.learning_rate=0.2")
        self.assertEqual(self.summary("run")["steps"], 20)

    def test_one_rank_speaks(self):
        recipe = self.recipe()
        for words in (["show", recipe], ["models"], ["recipes"], ["schema"]):
            with self.subTest(words[0]):
                alone, three = self.run_tessera(*words), self.run_tessera(*words, ranks=3)
                self.assertEqual((three.status, three.out.replace("\r", "")), (DONE, alone.out), three)
        self.assert_one_error(self.run_tessera("checkpoint", "hash", self.folder / "nothing", ranks=3), DATA, "nothing", ranks=3)

    def test_help_is_no_error(self):
        for words in (["--help"], ["train", "--help"], ["eval", "--help"], ["show", "--help"], ["checkpoint", "export", "--help"]):
            outcome = self.run_tessera(*words)
            self.assertEqual((outcome.status, outcome.err), (DONE, ""))


if __name__ == "__main__":
    harness.main()
