// SPDX-License-Identifier: Apache-2.0
// Direct convolutions against oneDNN's, side by side: what the thresholds of prefers_direct() come from.
// Usage: convolution_bench batch in_channels size out_channels kernel stride padding [rounds]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <vector>

#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/onednn/onednn.h"

namespace tessera {
namespace {

double seconds_of(const std::function<void()>& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Tenth percentiles of two calls in ms, taken in turns: what a busy machine disturbs least.
std::pair<double, double> low_times(const std::function<void()>& a, const std::function<void()>& b, int rounds) {
  std::vector<double> times_a, times_b;
  for (int round = 0; round < rounds; ++round) {
    times_a.push_back(seconds_of(a));
    times_b.push_back(seconds_of(b));
  }
  std::sort(times_a.begin(), times_a.end());
  std::sort(times_b.begin(), times_b.end());
  return {times_a[times_a.size() / 10] * 1e3, times_b[times_b.size() / 10] * 1e3};
}

Tensor noise(int64_t elements) {
  Tensor tensor = Tensor::empty({elements});
  for (int64_t i = 0; i < elements; ++i) tensor.data<float>()[i] = static_cast<float>((i * 7919) % 1009) / 1009.0f - 0.5f;
  return tensor;
}

void measure(const ConvolutionGeometry& g, int rounds) {
  const Tensor x = noise(g.batch * g.in_channels * g.in_height * g.in_width), y = noise(g.batch * g.out_channels * g.out_height * g.out_width);
  const Tensor weight = noise(g.out_channels * g.in_channels * g.kernel_height * g.kernel_width), bias = noise(g.out_channels);
  PackedWeight packed;
  const ConvolutionKernels library = cpu::onednn::convolution_kernels();
  const ConvolutionForward f{g, x.data<float>(), weight.data<float>(), bias.data<float>(), y.data<float>(), &packed, 1};
  const ConvolutionBackwardData d{g, y.data<float>(), weight.data<float>(), x.data<float>(), &packed, 1};
  const ConvolutionBackwardWeight w{g, x.data<float>(), y.data<float>(), weight.data<float>(), bias.data<float>()};
  const auto forward = low_times([&] { cpu::direct::forward(f); }, [&] { library.forward(f); }, rounds);
  const auto weights = low_times([&] { cpu::direct::backward_weight(w); }, [&] { library.backward_weight(w); }, rounds);
  const auto data = low_times([&] { cpu::direct::backward_data(d); }, [&] { library.backward_data(d); }, rounds);
  const auto chosen = [&](cpu::direct::Direction direction) { return cpu::direct::prefers_direct(g, direction) ? "direct" : "oneDNN"; };
  using cpu::direct::Direction;
  fmt::print("{:>3}->{:<3} {:>3}x{:<3} k{} s{} p{}  forward {:8.4f} {:8.4f} {:5.2f} {}  data {:8.4f} {:8.4f} {:5.2f} {}  weight {:8.4f} {:8.4f} {:5.2f} {}\n",
             g.in_channels, g.out_channels, g.in_height, g.in_width, g.kernel_height, g.stride_height, g.padding_height, forward.first,
             forward.second, forward.second / forward.first, chosen(Direction::forward), data.first, data.second, data.second / data.first,
             chosen(Direction::backward_data), weights.first, weights.second, weights.second / weights.first, chosen(Direction::backward_weight));
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) {
  if (count < 8) {
    fmt::print("usage: {} batch in_channels size out_channels kernel stride padding [rounds]\nprints ms direct, ms oneDNN, and their ratio\n", arguments[0]);
    return 2;
  }
  const auto number = [&](int place) { return std::strtoll(arguments[place], nullptr, 10); };
  tessera::ConvolutionGeometry g{};
  g.batch = number(1), g.in_channels = number(2), g.in_height = g.in_width = number(3), g.out_channels = number(4);
  g.kernel_height = g.kernel_width = number(5), g.stride_height = g.stride_width = number(6), g.padding_height = g.padding_width = number(7);
  g.dilation_height = g.dilation_width = g.groups = 1;
  g.out_height = g.out_width = (g.in_height + 2 * g.padding_height - g.kernel_height) / g.stride_height + 1;
  tessera::set_kernel_threads(1);
  tessera::measure(g, count > 8 ? static_cast<int>(number(8)) : 31);
  return 0;
}
