// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/base/philox.h"

namespace tessera {

/// Softmax attention, out = softmax(scale * q k^T) v a head, in blocks that never hold all scores (Dao et al., NeurIPS 2022).
struct AttentionGeometry {
  int64_t samples, queries, keys;
  int64_t heads, key_heads;  ///< query head h uses key head h / (heads / key_heads)
  int64_t width;             ///< of a head
  bool causal;               ///< query i sees the keys 0 .. keys - queries + i alone; queries <= keys
  float scale;               ///< > 0
};

/// Element c of row t of head h of sample s lies at data[s * sample + t * row + h * head + c].
template <typename Element>
struct Heads {
  Element* data;
  int64_t sample, row, head;
};

/// Each probability is kept where a uniform number is >= `probability`, and scaled by 1 / (1 - probability). With `row` counting (sample, head, query) the
/// number of key j is word j % 64 / 16 of the Philox block ((row * ceil(keys / 64) + j / 64) * 16 + j % 16, with `use` in its top 16 bits; quantum; step).
struct AttentionDropout {
  float probability = 0.0f;
  RandomKey key;
  uint32_t step = 0, quantum = 0, use = 0;
};

struct AttentionForward {
  AttentionGeometry geometry;
  AttentionDropout dropout;
  const int64_t* lengths;  ///< [samples]: so many of the keys count, 1..keys; nullptr: all
  Heads<const float> q, k, v;
  Heads<float> out;
  float* logarithms;  ///< [samples, heads, queries], out: of the sums of exponentials
  float* scratch;     ///< forward_scratch() elements
};

struct AttentionBackward {
  AttentionGeometry geometry;
  AttentionDropout dropout;
  const int64_t* lengths;
  Heads<const float> q, k, v, out, dout;
  const float* logarithms;
  Heads<float> dq, dk, dv;
  float* scratch;  ///< backward_scratch() elements
};

struct AttentionKernels {
  int64_t (*forward_scratch)(const AttentionGeometry&);
  int64_t (*backward_scratch)(const AttentionGeometry&);
  void (*forward)(const AttentionForward&);
  void (*backward)(const AttentionBackward&);
};

}  // namespace tessera
