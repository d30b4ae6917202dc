// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "core/nn/flat_parameters.h"

namespace tessera::optim {

/// The exponential moving average of the weights (Polyak and Juditsky 1992 in its exponential form): after the first update the weights themselves, after later
/// ones decay * average + (1 - decay) * weights, as PyTorch's AveragedModel with get_ema_multi_avg_fn.
class WeightAverage {
 public:
  WeightAverage(const nn::FlatParameters& parameters, double decay);

  /// After update number `update` (from 1) of the parameters that lie in `ranges`.
  void follow(const nn::FlatParameters& parameters, int64_t update, std::span<const nn::FlatRange> ranges);
  /// In the layout of the parameters.
  const Tensor& flat() const { return flat_; }

 private:
  double decay_;
  Tensor flat_;
};

}  // namespace tessera::optim
