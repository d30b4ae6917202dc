// SPDX-License-Identifier: Apache-2.0
// Sums of a result over its pixels: the op that makes it takes them part by part, while it is near, for the batch norm behind it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor/tensor.h"

namespace tessera::ops {

/// Rows of channels that can be added to sums when the first `elements` in memory of `tensor` are there: whole blocks (kBatchNormBlockRows), or all.
int64_t rows_to_sum(const Tensor& tensor, int64_t elements);

class ChannelSums {
 public:
  /// Of the first `elements` in memory of `result`, whose channels are innermost; called with more each time, at last with all. However they are cut, the bits
  /// of the sums are the same.
  void take(const Tensor& result, int64_t elements);
  /// As batch norm's kernel takes them; nullptr: none were taken.
  const double* data() const { return sums_.empty() ? nullptr : sums_.data(); }

 private:
  int64_t rows_ = 0;
  std::vector<double> sums_;  // [2, channels]
};

/// A node whose op has taken them of its result.
class ChannelSummed {
 public:
  virtual ~ChannelSummed() = default;
  virtual const ChannelSums& channel_sums() const = 0;
};

}  // namespace tessera::ops
