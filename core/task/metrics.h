// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/exact/exact_scalar.h"

namespace tessera {

/// This metric is the exponential of its mean: of losses in nats.
inline constexpr std::string_view kPerplexity = "perplexity";

/// Weighted means that can be merged over quanta and ranks without a trace of the grouping. Every rank has the same names in the same order.
class Metrics {
 public:
  explicit Metrics(std::vector<std::string> names);

  const std::vector<std::string>& names() const { return names_; }
  /// Adds `sum` over samples of total `weight` to metric `index`.
  void add(size_t index, double sum, double weight);
  void clear();

  double mean(size_t index) const;
  double sum(size_t index) const { return sums_[2 * index].value(); }
  double weight(size_t index) const { return sums_[2 * index + 1].value(); }

  /// The whole state as integers: sums of these over ranks are the metrics of all ranks.
  std::vector<int64_t> words() const;
  void set_words(const std::vector<int64_t>& words);

 private:
  std::vector<std::string> names_;
  std::vector<ExactScalar> sums_;  // sum, weight, sum, weight, ...
};

}  // namespace tessera
