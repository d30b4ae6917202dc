// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// Which elements of a head make a pair that is rotated: i and i + width / 2, or 2 i and 2 i + 1.
enum class RotaryPairs : uint8_t { halves, neighbours };

/// Pair i of row t is turned by the angle whose cosine and sine are table[t, 0, i] and table[t, 1, i]; heads from `rotated_heads` on are copied
/// (Su et al., RoFormer, 2021).
struct Rotary {
  int64_t samples, rows, heads, rotated_heads, width;  ///< width: even
  RotaryPairs pairs;
  bool back;           ///< turn the other way: what backward does
  const float* x;      ///< [samples, rows, heads, width]
  const float* table;  ///< [rows, 2, width / 2]
  float* y;            ///< like x
};

struct RotaryKernels {
  void (*rotate)(const Rotary&);
};

}  // namespace tessera
