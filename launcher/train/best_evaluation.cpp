// SPDX-License-Identifier: Apache-2.0
#include "launcher/train/best_evaluation.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace tessera::launcher {
namespace {

constexpr const char* kStepKey = "best_step";
constexpr const char* kValueKey = "best_value";

bool small_is_good(const std::string& metric) { return metric == "loss" || metric == "perplexity"; }

}  // namespace

void BestEvaluation::require_metric(const std::vector<std::string>& names) const {
  if (!metric_ || std::ranges::find(names, *metric_) != names.end()) return;
  throw Error(ErrorKind::usage, "evaluations have no metric '" + *metric_ + "'", "checkpoint.keep_best", fmt::format("take one of {}", fmt::join(names, ", ")));
}

bool BestEvaluation::improves(int64_t step, const NamedValues& values) {
  if (!metric_) return false;
  const auto found = std::ranges::find(values, *metric_, &NamedValues::value_type::first);
  TESSERA_ASSERT(found != values.end(), "an evaluation lacks its metric");
  const double value = found->second;
  if (std::isnan(value) || (step_ && (small_is_good(*metric_) ? value >= value_ : value <= value_))) return false;
  step_ = step;
  value_ = value;
  return true;
}

std::string BestEvaluation::text() const { return step_ ? fmt::format("{} {:.4f} after step {}", *metric_, value_, *step_) : ""; }

void BestEvaluation::save(State& state) const {
  if (!step_) return;
  state[kStepKey] = *step_;
  state[kValueKey] = value_;
}

void BestEvaluation::restore(const State& state) {
  const auto step = state.find(kStepKey), value = state.find(kValueKey);
  if (!metric_ || step == state.end() || value == state.end()) return;
  step_ = std::get<int64_t>(step->second);
  value_ = std::get<double>(value->second);
}

}  // namespace tessera::launcher
