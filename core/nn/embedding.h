// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "core/nn/module.h"

namespace tessera::nn {

/// Ids i64 [..] -> [.., features]; parameter weight [ids, features], which starts normally distributed with variance 1. The row `padding` starts at zero and
/// is not trained.
class Embedding final : public Module {
 public:
  Embedding(int64_t ids, int64_t features, std::optional<int64_t> padding = std::nullopt);
  std::string kind() const override { return "Embedding"; }

 private:
  Variable forward(const Variable& x, ForwardContext&) override;

  std::optional<int64_t> padding_;
  Parameter& weight_;
};

}  // namespace tessera::nn
