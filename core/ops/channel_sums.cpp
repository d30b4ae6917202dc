// SPDX-License-Identifier: Apache-2.0
#include "core/ops/channel_sums.h"

#include "core/kernels/kernels.h"

namespace tessera::ops {

int64_t rows_to_sum(const Tensor& tensor, int64_t elements) {
  const int64_t rows = elements / tensor.shape()[1];
  return elements == tensor.elements() ? rows : rows / kBatchNormBlockRows * kBatchNormBlockRows;
}

void ChannelSums::take(const Tensor& result, int64_t elements) {
  const int64_t channels = result.shape()[1], rows = rows_to_sum(result, elements);
  sums_.resize(2 * static_cast<size_t>(channels), 0.0);
  kernels_for(result.device()).normalisation.batch_norm_sums({rows_, rows, channels, result.data<float>(), sums_.data()});
  rows_ = rows;
}

}  // namespace tessera::ops
