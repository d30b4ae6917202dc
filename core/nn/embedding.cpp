// SPDX-License-Identifier: Apache-2.0
#include "core/nn/embedding.h"

#include "core/base/error.h"
#include "core/ops/embedding.h"

namespace tessera::nn {
namespace {

Initialiser initialiser_of(int64_t ids, int64_t features, std::optional<int64_t> padding) {
  Initialiser initialiser = Initialiser::normal(1.0f);
  if (!padding) return initialiser;
  if (*padding < 0 || *padding >= ids) {
    throw Error(ErrorKind::usage, "padding id " + std::to_string(*padding) + " is outside 0.." + std::to_string(ids - 1), "Embedding");
  }
  initialiser.zero_begin = *padding * features;
  initialiser.zero_end = initialiser.zero_begin + features;
  return initialiser;
}

}  // namespace

Embedding::Embedding(int64_t ids, int64_t features, std::optional<int64_t> padding)
    : padding_(padding), weight_(add_parameter("weight", {ids, features}, initialiser_of(ids, features, padding))) {}

Variable Embedding::forward(const Variable& x, ForwardContext&) { return ops::embedding(x.value(), weight_.variable(), padding_); }

}  // namespace tessera::nn
