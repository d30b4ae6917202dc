// SPDX-License-Identifier: Apache-2.0
#include "core/optim/average.h"

#include "core/kernels/kernels.h"

namespace tessera::optim {

WeightAverage::WeightAverage(const nn::FlatParameters& parameters, double decay)
    : decay_(decay), flat_(parameters.zeros_like(MemoryCategory::optimizer)) {}

void WeightAverage::follow(const nn::FlatParameters& parameters, int64_t update) {
  const double kept = update == 1 ? 0.0 : decay_;
  kernels_for(flat_.device())
      .optimizer.average({parameters.trained_elements(), MovingShare::of(kept), parameters.values().data<float>(),
                          flat_.data<float>()});
}

}  // namespace tessera::optim
