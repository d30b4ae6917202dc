// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/nn/decoder.h"
#include "core/text/tokenizer.h"
#include "launcher/generate/sampling.h"

namespace tessera::launcher {

struct GenerationPlan {
  std::string prompt;
  int64_t most_tokens = 256;  ///< that are generated
  bool cache = true;          ///< keys and values of earlier tokens are kept; otherwise computed anew for every token
  Sampling sampling;
};

/// Why a text ends.
enum class TextEnd { most_tokens, end_token };

struct Generation {
  int64_t prompt_tokens = 0, tokens = 0;
  TextEnd end = TextEnd::most_tokens;
};

/// Hands out the prompt and what follows it, as it comes. Text begins with the tokenizer's first token, if it has one; where it has none, an empty prompt begins with the token that
/// stands between documents. It ends before either of them. A text longer than the model's context is seen from its last half context on, or from up to half a context earlier. Throws Error(usage) for a prompt that is empty though there is no such token, or longer than the context.
Generation generate_text(nn::Decoder& model, const text::Tokenizer& tokenizer, const GenerationPlan& plan, const std::function<void(std::string_view)>& take);

}  // namespace tessera::launcher
