// SPDX-License-Identifier: Apache-2.0
#include "core/data/position.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/error.h"

namespace tessera::data {

void check(const BatchGeometry& batch) {
  if (batch.global_samples < 1) {
    throw Error(ErrorKind::usage, fmt::format("{} samples are no batch", batch.global_samples), "batch.global_samples", "give at least 1");
  }
  if (batch.micro_samples < 1) {
    throw Error(ErrorKind::usage, fmt::format("{} samples are no quantum", batch.micro_samples), "batch.micro_samples", "give at least 1");
  }
  if (batch.global_samples % batch.micro_samples != 0) {
    throw Error(ErrorKind::usage, fmt::format("{} is not a divisor of batch.global_samples {}", batch.micro_samples, batch.global_samples),
                "batch.micro_samples", "make batch.global_samples a multiple of it");
  }
}

int64_t steps_of_epochs(double epochs, int64_t samples, int64_t global_samples) {
  constexpr double kLargest = 0x1p53;
  const double exact = epochs * static_cast<double>(samples);
  if (!(epochs > 0) || !(exact <= kLargest)) {
    throw Error(ErrorKind::usage, fmt::format("{} epochs of {} samples cannot be run", epochs, samples), "train.epochs",
                "give a positive number, or train.steps");
  }
  const double nearest = std::round(exact);
  const bool whole = std::abs(exact - nearest) <= 1e-12 * std::max(1.0, nearest);
  return static_cast<int64_t>(whole ? nearest : std::floor(exact)) / global_samples;
}

}  // namespace tessera::data
