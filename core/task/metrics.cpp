// SPDX-License-Identifier: Apache-2.0
#include "core/task/metrics.h"

#include <algorithm>
#include <cmath>

namespace tessera {

Metrics::Metrics(std::vector<std::string> names) : names_(std::move(names)), sums_(2 * names_.size()) {}

void Metrics::add(size_t index, double sum, double weight) {
  sums_[2 * index].add(sum);
  sums_[2 * index + 1].add(weight);
}

void Metrics::clear() { sums_.assign(sums_.size(), ExactScalar()); }

double Metrics::mean(size_t index) const {
  const double mean = sum(index) / weight(index);
  return names_[index] == kPerplexity ? std::exp(mean) : mean;
}

std::vector<int64_t> Metrics::words() const {
  std::vector<int64_t> words;
  for (const ExactScalar& sum : sums_) words.insert(words.end(), sum.words().begin(), sum.words().end());
  return words;
}

void Metrics::set_words(const std::vector<int64_t>& words) {
  auto next = words.begin();
  for (ExactScalar& sum : sums_) {
    std::copy_n(next, ExactScalar::kWords, sum.words().begin());
    next += ExactScalar::kWords;
  }
}

}  // namespace tessera
