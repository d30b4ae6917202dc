// SPDX-License-Identifier: Apache-2.0
#include "core/ops/upsample.h"

#include <array>
#include <string>

#include "core/ops/checks.h"
#include "core/ops/reduction.h"

namespace tessera::ops {
namespace {

/// A channels-last image with its pixels in blocks: [N, H, block, W, block, C]; a view.
Tensor in_blocks(const Tensor& image, int64_t block) {
  constexpr std::array<size_t, 4> kMemoryOrder = {0, 2, 3, 1};
  const Shape& s = image.shape();
  return image.permute(kMemoryOrder).reshape({s[0], s[2] / block, block, s[3] / block, block, s[1]});
}

class UpsampleNode final : public autograd::Node {
 public:
  UpsampleNode(const Shape& shape, int64_t factor) : shape_(shape), factor_(factor) {}

  const char* name() const override { return "upsample_nearest2d"; }
  void backward(const Tensor& gradient) override {
    constexpr std::array<size_t, 4> kLogicalOrder = {0, 3, 1, 2};
    const Tensor sums = sum_over(in_blocks(channels_last(gradient), factor_), {false, false, true, false, true, false}, 1.0);
    give(0, sums.reshape({shape_[0], shape_[2], shape_[3], shape_[1]}).permute(kLogicalOrder));
  }

 private:
  Shape shape_;
  int64_t factor_;
};

}  // namespace

Variable upsample_nearest2d(const Variable& x, int64_t factor) {
  require_dims("upsample_nearest2d", x.value(), 4, "an input [samples, channels, height, width]");
  if (factor < 1) fail("upsample_nearest2d", "the factor must be at least 1, not " + std::to_string(factor) + ": input " + x.shape().text());
  const Shape& s = x.shape();
  Tensor output = Tensor::empty_channels_last({s[0], s[1], s[2] * factor, s[3] * factor});
  const Tensor blocks = in_blocks(output, factor);
  copy_into(in_blocks(channels_last(x.value()), 1).expand(blocks.shape()), blocks);
  return autograd::record<UpsampleNode>(output, {&x}, s, factor);
}

}  // namespace tessera::ops
