# SPDX-License-Identifier: Apache-2.0
"""The language models that are compared with transformers': recipe blocks, reference models, data, and what the references compute of a batch."""

import struct
from dataclasses import dataclass
from typing import Callable

import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForPreTraining, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM


def random_ids(low, high, *shape):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(1))


class NextToken:
    """From left to right: the loss of every token that follows."""

    task = {"kind": "language_modelling"}

    def data(self, sizes, samples, tokens, steps, folder):
        ids = random_ids(0, sizes["vocabulary"], samples * steps, tokens + 1)
        return {"inputs": ids[:, :-1].contiguous(), "targets": ids[:, 1:].contiguous()}

    speed_data = data
    speed_task = task

    def run(self, model, batch):
        """({output: tensor}, mean loss, what the mean is over)."""
        logits = model(batch["inputs"]).logits
        return {"logits": logits}, cross_entropy(logits.flatten(0, 1), batch["targets"].flatten()), batch["targets"].numel()


class MaskedPairs:
    """BERT's pre-training on batches that our side packs and masks: both losses, the next sentence's weighted by its sample's predictions."""

    task = {"kind": "masked_language_modelling"}
    speed_task = {**task, "next_sentence": False}
    special = {"padding": 0, "classification": 1, "separator": 2, "mask": 3}

    def data(self, sizes, samples, tokens, steps, folder):
        """Shards of documents about as long as a sample, in llm.c's format."""
        ids = random_ids(4, sizes["vocabulary"], samples * steps + 8, tokens + 1).to(torch.int32)
        ids[:, 0] = self.special["separator"]
        with open(folder / "random.bin", "wb") as file:
            file.write(struct.pack("<256i", 20240520, 1, ids.numel(), *[0] * 253) + ids.numpy().astype("<u2").tobytes())
        return {"kind": "masked_text", "root": str(folder), "train": "random.bin", "context": tokens, "vocabulary": sizes["vocabulary"], "short_sequences": 0.3, **self.special}

    def speed_data(self, sizes, samples, tokens, steps, folder):
        """Heads at all positions."""
        ids = random_ids(4, sizes["vocabulary"], samples * steps, 2 * tokens)
        return {"inputs": ids[:, :tokens].contiguous(), "targets": ids[:, tokens:].contiguous()}

    def run(self, model, batch):
        if "lengths" not in batch:
            logits = model(batch["inputs"]).prediction_logits
            return {"logits": logits}, cross_entropy(logits.flatten(0, 1), batch["targets"].flatten()), batch["targets"].numel()
        seen = torch.arange(batch["inputs"].shape[1])[None] < batch["lengths"][:, None]
        out = model(batch["inputs"], attention_mask=seen.long(), token_type_ids=batch["token_types"])
        predictions = (batch["targets"] >= 0).sum(1)
        masked = cross_entropy(out.prediction_logits.flatten(0, 1), batch["targets"].flatten(), ignore_index=-1, reduction="sum")
        following = cross_entropy(out.seq_relationship_logits, batch["next_sentence"], reduction="none")
        count = predictions.sum().item()
        outputs = {"logits": out.prediction_logits, "relations": out.seq_relationship_logits}
        return outputs, (masked + (predictions * following).sum()) / count, count


class WholeTexts:
    """Logits of a few classes of each text."""

    task = {"kind": "classification"}
    speed_task = task

    def data(self, sizes, samples, tokens, steps, folder):
        return {"inputs": random_ids(4, sizes["vocabulary"], samples * steps, tokens), "targets": random_ids(0, sizes["outputs"], samples * steps)}

    speed_data = data

    def run(self, model, batch):
        logits = model(batch["inputs"]).logits
        return {"logits": logits}, cross_entropy(logits, batch["targets"]), len(batch["targets"])


@dataclass
class Case:
    block: dict  # the recipe's model
    make: Callable
    family: object
    samples: int
    tokens: int


def gpt2(samples, tokens, **sizes):
    config = GPT2Config(vocab_size=sizes["vocabulary"], n_positions=sizes["context"], n_layer=sizes["layers"], n_head=sizes["heads"], n_embd=sizes["width"],
                        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    return Case({"kind": "gpt2", **sizes}, lambda: GPT2LMHeadModel(config), NextToken(), samples, tokens)


def llama(samples, tokens, **sizes):
    config = LlamaConfig(vocab_size=sizes["vocabulary"], max_position_embeddings=sizes["context"], num_hidden_layers=sizes["layers"], num_attention_heads=sizes["heads"],
                         num_key_value_heads=sizes["key_heads"], hidden_size=sizes["width"], intermediate_size=sizes["hidden"], rms_norm_eps=1e-5,
                         tie_word_embeddings=False)
    return Case({"kind": "llama", **sizes, "tied": False}, lambda: LlamaForCausalLM(config), NextToken(), samples, tokens)


def bert(samples, tokens, head="pretraining", **sizes):
    config = BertConfig(vocab_size=sizes["vocabulary"], max_position_embeddings=sizes["context"], num_hidden_layers=sizes["layers"], num_attention_heads=sizes["heads"],
                        hidden_size=sizes["width"], intermediate_size=4 * sizes["width"], hidden_dropout_prob=0, attention_probs_dropout_prob=0,
                        num_labels=sizes.get("outputs", 2))
    make, family = (BertForPreTraining, MaskedPairs()) if head == "pretraining" else (BertForSequenceClassification, WholeTexts())
    return Case({"kind": "bert", "head": head, **sizes, "dropout": 0}, lambda: make(config), family, samples, tokens)


GPT2_124M = dict(vocabulary=50257, context=1024, layers=12, heads=12, width=768)
BERT_BASE = dict(vocabulary=30522, context=512, layers=12, heads=12, width=768)
BERT_SMALL = dict(vocabulary=512, context=64, layers=3, heads=4, width=64)

MODELS = {
    "gpt2_124m": gpt2(2, 64, **GPT2_124M),
    "gpt2_small": gpt2(4, 64, vocabulary=512, context=64, layers=3, heads=4, width=64),
    "llama_small": llama(4, 96, vocabulary=512, context=96, layers=3, heads=8, key_heads=4, width=64, hidden=172),
    "nanogpt": gpt2(8, 256, vocabulary=65, context=256, layers=6, heads=6, width=384),
    "gpt2_124m_512": gpt2(2, 512, **GPT2_124M),
    "bert_small": bert(8, 64, **BERT_SMALL),
    "bert_small_scores": bert(8, 64, head="scores", outputs=3, **BERT_SMALL),
    "bert_base": bert(2, 64, **BERT_BASE),
    "bert_base_scores": bert(2, 64, head="scores", outputs=2, **BERT_BASE),
    "bert_base_128": bert(4, 128, **BERT_BASE),
}
