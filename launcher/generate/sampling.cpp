// SPDX-License-Identifier: Apache-2.0
#include "launcher/generate/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/error.h"
#include "core/base/philox.h"

namespace tessera::launcher {
namespace {

using text::TokenId;

/// [0, 1)
double uniform(uint64_t seed, int64_t place) {
  const PhiloxBlock random = philox_at(random_key(seed, RandomPurpose::sample, "generate"), static_cast<uint64_t>(place), 0);
  return static_cast<double>(random[0]) * 0x1.0p-32 + static_cast<double>(random[1]) * 0x1.0p-64;
}

/// Ids from the likeliest on, as many as may be drawn; `weights` are exp(logit / temperature - largest).
std::vector<TokenId> candidates(const std::vector<double>& weights, const Sampling& sampling) {
  std::vector<TokenId> ids(weights.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](TokenId a, TokenId b) { return weights[static_cast<size_t>(a)] > weights[static_cast<size_t>(b)]; });
  if (sampling.top_k > 0 && static_cast<size_t>(sampling.top_k) < ids.size()) ids.resize(static_cast<size_t>(sampling.top_k));
  if (sampling.top_p >= 1.0) return ids;
  double all = 0.0, sum = 0.0;
  for (const TokenId id : ids) all += weights[static_cast<size_t>(id)];
  for (size_t i = 0; i < ids.size(); ++i) {
    sum += weights[static_cast<size_t>(ids[i])];
    if (sum >= sampling.top_p * all) {
      ids.resize(i + 1);
      break;
    }
  }
  return ids;
}

}  // namespace

TokenId draw_token(std::span<const float> logits, const Sampling& sampling, int64_t place) {
  for (const float logit : logits) {
    if (!std::isfinite(logit)) throw Error(ErrorKind::runtime, "the model's logits are not finite", "token " + std::to_string(place), "give weights of this model");
  }
  const auto likeliest = std::max_element(logits.begin(), logits.end());
  if (sampling.temperature == 0.0) return static_cast<TokenId>(likeliest - logits.begin());
  std::vector<double> weights(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) weights[i] = std::exp((static_cast<double>(logits[i]) - static_cast<double>(*likeliest)) / sampling.temperature);
  const std::vector<TokenId> ids = candidates(weights, sampling);
  double all = 0.0;
  for (const TokenId id : ids) all += weights[static_cast<size_t>(id)];
  double rest = uniform(sampling.seed, place) * all;
  for (const TokenId id : ids) {
    rest -= weights[static_cast<size_t>(id)];
    if (rest < 0.0) return id;
  }
  return ids.back();  // rounding
}

}  // namespace tessera::launcher
