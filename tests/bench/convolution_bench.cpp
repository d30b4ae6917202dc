// SPDX-License-Identifier: Apache-2.0
// oneDNN's convolutions, direct and Winograd ones side by side: what the thresholds of method_for() come from.
// Usage: convolution_bench batch in_channels size out_channels kernel stride padding [rounds]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <tuple>
#include <vector>

#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/winograd.h"
#include "core/kernels/cpu/onednn/onednn.h"

namespace tessera {
namespace {

double seconds_of(const std::function<void()>& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Tenth percentiles of calls in ms, taken in turns: what a busy machine disturbs least.
std::vector<double> low_times_ms(const std::vector<std::function<void()>>& calls, int rounds) {
  std::vector<std::vector<double>> times(calls.size());
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < calls.size(); ++i) times[i].push_back(seconds_of(calls[i]));
  }
  std::vector<double> low;
  for (auto& of_call : times) {
    std::sort(of_call.begin(), of_call.end());
    low.push_back(of_call[of_call.size() / 10] * 1e3);
  }
  return low;
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
  const ConvolutionForward f{g, x.data<float>(), weight.data<float>(), bias.data<float>(), y.data<float>(), &packed, 1};
  const ConvolutionBackwardData d{g, y.data<float>(), weight.data<float>(), x.data<float>(), &packed, 1};
  const ConvolutionBackwardWeight w{g, x.data<float>(), y.data<float>(), weight.data<float>(), bias.data<float>()};
  std::vector<ConvolutionKernels> kernels = {cpu::onednn::convolution_kernels(),
                                             {cpu::direct::forward, cpu::direct::backward_data, cpu::direct::backward_weight}};
  if (cpu::direct::fits_winograd(g)) kernels.push_back({cpu::winograd::forward, cpu::winograd::backward_data, cpu::winograd::backward_weight});
  std::vector<std::function<void()>> forward, data, weights;
  for (const ConvolutionKernels& k : kernels) {
    forward.push_back([&f, run = k.forward] { run(f); });
    data.push_back([&d, run = k.backward_data] { run(d); });
    weights.push_back([&w, run = k.backward_weight] { run(w); });
  }
  fmt::print("{:>3}->{:<3} {:>3}x{:<3} k{} s{} p{}", g.in_channels, g.out_channels, g.in_height, g.in_width, g.kernel_height, g.stride_height, g.padding_height);
  using cpu::direct::Direction;
  for (const auto& [name, direction, calls] :
       {std::tuple{"forward", Direction::forward, &forward}, {"data", Direction::backward_data, &data}, {"weight", Direction::backward_weight, &weights}}) {
    constexpr const char* kNames[] = {"oneDNN", "direct", "winograd"};
    fmt::print("  {}", name);
    for (double time_ms : low_times_ms(*calls, rounds)) fmt::print(" {:8.4f}", time_ms);
    fmt::print(" {}", kNames[static_cast<size_t>(cpu::direct::method_for(g, direction))]);
  }
  fmt::print("\n");
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) {
  if (count < 8) {
    fmt::print("usage: {} batch in_channels size out_channels kernel stride padding [rounds]\nprints ms of oneDNN, direct and (where it fits) Winograd, and which is chosen\n", arguments[0]);
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
