# SPDX-License-Identifier: Apache-2.0
"""PyTorch's AdamW as a recipe's optimizer block sets ours."""

import torch


def adamw(model, rules):
    """Without decay of norms and biases. `rules` is the block; its defaults are ours."""
    groups = [{"params": [p for p in model.parameters() if (p.dim() > 1) == decays], "weight_decay": rules["weight_decay"] if decays else 0} for decays in (True, False)]
    return torch.optim.AdamW(groups, lr=rules["learning_rate"], betas=(rules.get("beta1", 0.9), rules.get("beta2", 0.999)), eps=rules.get("epsilon", 1e-8))
