// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/nn/module.h"

namespace tessera::nn {

/// Texts, or pairs of them, padded to one length.
struct TextInput {
  Tensor ids;           ///< i64 [N, T]
  Tensor types = {};    ///< i64 [N, T]: 0 in the first text of a pair, 1 in the second; undefined: all 0
  Tensor lengths = {};  ///< i64 [N]: so many tokens of each text count, 1..T; undefined: all
};

/// A model that reads whole texts and gives each some numbers: logits of classes, or one value.
class TextScorer : public Module {
 public:
  /// -> [N, outputs]
  virtual Variable scores(const TextInput& input, ForwardContext& context) = 0;

 private:
  Variable forward(const Variable& x, ForwardContext& context) final { return scores({x.value()}, context); }
};

}  // namespace tessera::nn
