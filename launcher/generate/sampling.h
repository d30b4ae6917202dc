// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "core/text/tokenizer.h"

namespace tessera::launcher {

/// How the next token is drawn.
struct Sampling {
  double temperature = 1.0;  ///< logits are divided by it; 0: the likeliest token (the first of equals)
  int64_t top_k = 0;         ///< only among so many likeliest; 0: all
  double top_p = 1.0;        ///< only among the likeliest whose probabilities sum to this (Holtzman et al., ICLR 2020)
  uint64_t seed = 1;
};

/// Token number `place` of a text, a pure function of its arguments. Throws Error(runtime) for logits that are not finite.
text::TokenId draw_token(std::span<const float> logits, const Sampling& sampling, int64_t place);

}  // namespace tessera::launcher
