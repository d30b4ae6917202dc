// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "core/kernels/kernels.h"
#include "launcher/bench/bench.h"

namespace tessera::launcher::bench {
namespace {

struct Layer {
  const char* what;
  int64_t batch, in_channels, side, out_channels, kernel, stride, padding;
};

constexpr Layer kLayers[] = {
    {"LeNet-5 conv1", 64, 1, 28, 6, 5, 1, 2},     {"LeNet-5 conv2", 64, 6, 14, 16, 5, 1, 0},
    {"ResNet-20 stage 1", 128, 16, 32, 16, 3, 1, 1}, {"ResNet-20 stage 3", 128, 64, 8, 64, 3, 1, 1},
    {"ResNet-50 stem", 8, 3, 224, 64, 7, 2, 3},   {"ResNet-50 1x1", 8, 256, 56, 64, 1, 1, 0},
    {"ResNet-50 3x3", 8, 64, 56, 64, 3, 1, 1},    {"ResNet-50 3x3", 8, 512, 7, 512, 3, 1, 1},
};

enum class Direction { forward, weight, input };
constexpr const char* kDirectionNames[] = {"forward", "weight", "input"};

ConvolutionGeometry geometry_of(const Layer& l) {
  ConvolutionGeometry g{};
  g.batch = l.batch, g.in_channels = l.in_channels, g.in_height = g.in_width = l.side, g.out_channels = l.out_channels;
  g.kernel_height = g.kernel_width = l.kernel, g.stride_height = g.stride_width = l.stride, g.padding_height = g.padding_width = l.padding;
  g.dilation_height = g.dilation_width = g.groups = 1;
  g.out_height = g.out_width = (l.side + 2 * l.padding - l.kernel) / l.stride + 1;
  return g;
}

std::string name_of(const Layer& l, Direction direction) {
  return fmt::format("{}, {} to {}, {}x{}, {}: batch {}", l.what, l.in_channels, l.out_channels, l.side, l.side,
                     kDirectionNames[static_cast<int>(direction)], l.batch);
}

Result run(const Layer& layer, Direction direction, double seconds, const Limits& limits) {
  const ConvolutionGeometry g = geometry_of(layer);
  const Tensor x = Tensor::zeros({g.batch * g.in_channels * g.in_height * g.in_width});
  const Tensor y = Tensor::zeros({g.batch * g.out_channels * g.out_height * g.out_width});
  const Tensor weight = Tensor::zeros({g.out_channels * g.in_channels * g.kernel_height * g.kernel_width});
  PackedWeight packed;
  const ConvolutionKernels& kernels = kernels_for(Device::cpu).convolution;
  const auto call = [&] {
    if (direction == Direction::forward) kernels.forward({g, x.data<float>(), weight.data<float>(), nullptr, y.data<float>(), &packed, 1});
    if (direction == Direction::weight) kernels.backward_weight({g, x.data<float>(), y.data<float>(), weight.data<float>(), nullptr});
    if (direction == Direction::input) kernels.backward_data({g, y.data<float>(), weight.data<float>(), x.data<float>(), &packed, 1});
  };
  const Timing timing = measure(seconds, call);
  const double flops = 2.0 * static_cast<double>(y.elements() * g.in_channels * g.kernel_height * g.kernel_width);
  const auto data_bytes = static_cast<double>(x.size_bytes() + y.size_bytes() + weight.size_bytes());
  return {"convolution", name_of(layer, direction), timing, flops / timing.median_s / 1e9, "GFLOP/s",
          flops / limits.floor_s(flops, data_bytes) / 1e9};
}

}  // namespace

std::vector<Measurement> convolution(const Options& options) {
  std::vector<Measurement> measurements;
  for (const Layer& layer : kLayers) {
    for (const Direction direction : {Direction::forward, Direction::weight, Direction::input}) {
      if (direction == Direction::input && layer.in_channels <= 3) continue;  // nobody asks for the gradient of an image
      const auto measurement = [&layer, direction, seconds = options.seconds](const Limits& limits) { return run(layer, direction, seconds, limits); };
      measurements.push_back({"convolution", name_of(layer, direction), false, measurement});
    }
  }
  return measurements;
}

}  // namespace tessera::launcher::bench
