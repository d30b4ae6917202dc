// SPDX-License-Identifier: Apache-2.0
#include "core/ops/rotary.h"

#include <cmath>
#include <string>

#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

struct RotaryCall {
  RotaryPairs pairs;
  int64_t rotated_heads;
  Tensor table;
};

Tensor rotated(const RotaryCall& call, const Tensor& x, bool back) {
  const Shape& shape = x.shape();
  Tensor y = Tensor::empty(shape);
  kernels_for(y.device())
      .rotary.rotate({shape[0], shape[1], shape[2], call.rotated_heads, shape[3], call.pairs, back, x.data<float>(), call.table.data<float>(), y.data<float>()});
  return y;
}

class RotaryNode final : public autograd::Node {
 public:
  explicit RotaryNode(RotaryCall call) : call_(std::move(call)) {}

  const char* name() const override { return "rotary"; }
  void backward(const Tensor& gradient) override { give(0, rotated(call_, contiguous(gradient), true)); }

 private:
  RotaryCall call_;
};

}  // namespace

Tensor rotary_table(int64_t first, int64_t rows, int64_t width, double base) {
  const int64_t pairs = width / 2;
  Tensor table = Tensor::empty({rows, 2, pairs});
  for (int64_t row = 0; row < rows; ++row) {
    float *cosines = table.data<float>() + row * 2 * pairs, *sines = cosines + pairs;
    for (int64_t i = 0; i < pairs; ++i) {
      const double angle = static_cast<double>(first + row) * std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(width));
      cosines[i] = static_cast<float>(std::cos(angle));
      sines[i] = static_cast<float>(std::sin(angle));
    }
  }
  return table;
}

Variable rotary(const Variable& x, const Tensor& table, RotaryPairs pairs, int64_t rotated_heads) {
  require_dims("rotary", x.value(), 4, "an input [samples, rows, heads, width]");
  const Shape& shape = x.shape();
  if (shape[3] % 2 != 0) fail("rotary", "the width of a head must be even, not " + std::to_string(shape[3]));
  if (table.shape() != Shape{shape[1], 2, shape[3] / 2}) fail_shapes("rotary", "input and table do not fit", shape, table.shape());
  if (rotated_heads < 0 || rotated_heads > shape[2]) fail("rotary", std::to_string(rotated_heads) + " heads to turn, of " + shape.text());
  const RotaryCall call{pairs, rotated_heads, contiguous(table)};
  return autograd::record<RotaryNode>(rotated(call, contiguous(x.value()), false), {&x}, call);
}

}  // namespace tessera::ops
