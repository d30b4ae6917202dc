// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "core/ops/activation.h"
#include "core/ops/precision.h"

namespace tessera::ops {

using autograd::Variable;

struct AttentionOptions {
  bool causal = false;               ///< query i sees the keys 0 .. S - T + i alone
  std::optional<double> scale = {};  ///< of the scores, > 0; 1 / sqrt(D) where it is not given
  Tensor lengths = {};               ///< i64 [B]: so many keys of each sample count, 1..S; undefined: all
  float dropout = 0.0f;              ///< of the probabilities
  DropoutKey dropout_key = {};
  Precision precision = Precision::f32;  ///< queries, keys, values and the result's gradient are rounded to it
};

/// softmax(scale * q k^T) v by heads: q [B, T, H, D], k and v [B, S, K, D] -> [B, T, H, D]; query head h uses key head h / (H / K). Memory is linear in T and S:
/// scores are computed by blocks, and again in backward (Vaswani et al., NIPS 2017; Dao et al., NeurIPS 2022; Ainslie et al., EMNLP 2023).
Variable attention(const Variable& q, const Variable& k, const Variable& v, const AttentionOptions& options);

/// The same from one tensor: qkv [B, T, (H + 2 K) D], the queries of all heads first, then keys, then values -> [B, T, H D].
Variable self_attention(const Variable& qkv, int64_t heads, int64_t key_heads, const AttentionOptions& options);

}  // namespace tessera::ops
