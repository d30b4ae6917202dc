#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""precision.compute: bf16 trains much as f32 does, gives the same bits on any number of ranks and after a stop, and keeps its parameters in f32."""

import array

import datasets
import harness
from harness import DONE, USAGE

BF16 = {"precision": {"compute": "bf16"}}
RESNET = {"model": {"kind": "cifar_resnet", "depth": 8, "classes": datasets.CLASSES}, "batch": {"global_samples": 24, "micro_samples": 8},
          "train": {"steps": 30}, "evaluate": {"split": "val", "every_steps": 30}}


class Precision(harness.SystemCase):
    def recipes(self, changes):
        return self.recipe(changes, "f32.yaml"), self.recipe(harness.merged(changes, BF16), "bf16.yaml")

    def resnet(self):
        root = datasets.write_photos(self.folder / "photos")
        return {"data": {"kind": "image_folder", "root": str(root), "size": [16, 16], "resize": 18}, **RESNET}

    def losses(self, out):
        return [row["loss"] for row in self.metrics(out, "train")]

    def compare(self, changes, bound):
        f32, bf16 = self.recipes(changes)
        weights = {self.train(bf16, f"bf16_{ranks}", ranks=ranks) for ranks in (None, 2, 3)}
        self.assertEqual(len(weights), 1, weights)
        self.assertNotIn(self.train(f32, "f32"), weights)
        self.assertEqual(self.metrics("bf16_2"), self.metrics("bf16_None"))
        exact, coarse = self.losses("f32"), self.losses("bf16_None")
        self.assertNotEqual(exact, coarse)
        self.assertLess(coarse[-1], 0.8 * coarse[0], "it does not learn")
        differences = [abs(a - b) for a, b in zip(exact, coarse)]
        self.assertLess(sum(differences) / len(differences), bound * exact[0], differences)
        return bf16

    def test_mlp(self):
        self.compare({"model": {"dropout": 0.0}, "train": {"steps": 60}}, 0.01)

    def test_resnet(self):
        self.compare(self.resnet(), 0.03)

    def test_checkpoints_hold_f32_and_go_on(self):
        _, bf16 = self.recipes({"checkpoint": {"every_steps": 5}, "train": {"steps": 12}})
        calm = self.train(bf16, "calm")
        self.assertEqual(self.train(bf16, "half", "--set", "train.steps=6", ranks=2) == calm, False)
        self.assertEqual(self.train(bf16, "half", ranks=3), calm)
        exported = self.folder / "weights.safetensors"
        self.assertEqual(self.run_tessera("checkpoint", "export", self.out("calm"), exported).status, DONE)
        for name, (dtype, _, data) in datasets.read_safetensors(exported).items():
            self.assertEqual(dtype, "F32", name)
            words = array.array("I", bytes(data))
            self.assertTrue(any(word & 0xFFFF for word in words), f"{name} was rounded")

    def test_evaluation(self):
        f32, bf16 = self.recipes({})
        self.train(bf16, "run")
        results = []
        for number, (recipe, ranks) in enumerate(((bf16, None), (bf16, 3), (f32, None))):
            predictions = self.out(f"predictions_{number}")
            outcome = self.run_tessera("eval", recipe, "--out", self.out("run"), "--predictions", predictions, ranks=ranks)
            self.assertEqual(outcome.status, DONE, outcome)
            results.append(predictions.read_bytes())
        self.assertEqual(results[0], results[1])
        self.assertNotEqual(results[0], results[2])

    def test_f16_is_refused(self):
        self.assert_refused(USAGE, ["precision.compute is f16", "f32 or bf16"], "train", self.recipe({"precision": {"compute": "f16"}}), "--out", self.out("run"))


if __name__ == "__main__":
    harness.main()
