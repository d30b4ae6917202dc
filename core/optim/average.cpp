// SPDX-License-Identifier: Apache-2.0
#include "core/optim/average.h"

#include <algorithm>

#include "core/kernels/kernels.h"

namespace tessera::optim {

WeightAverage::WeightAverage(const nn::FlatParameters& parameters, double decay)
    : decay_(decay), flat_(parameters.zeros_like(MemoryCategory::optimizer)) {}

void WeightAverage::follow(const nn::FlatParameters& parameters, int64_t update, std::span<const nn::FlatRange> ranges) {
  const MovingShare share = MovingShare::of(update == 1 ? 0.0 : decay_);
  for (const nn::FlatRange& range : ranges) {
    const int64_t elements = std::min(range.end, parameters.trained_elements()) - range.begin;
    if (elements <= 0) continue;
    kernels_for(flat_.device()).optimizer.average({elements, share, parameters.values().data<float>() + range.begin, flat_.data<float>() + range.begin});
  }
}

}  // namespace tessera::optim
