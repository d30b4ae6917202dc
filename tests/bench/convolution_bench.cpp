// SPDX-License-Identifier: Apache-2.0
// oneDNN's convolutions and our own ways side by side: what the thresholds of method_for() come from.
// Usage: convolution_bench batch in_channels size out_channels kernel stride padding [rounds] [groups]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <vector>

#include "core/kernels/cpu/direct/depthwise.h"
#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/grouped.h"
#include "core/kernels/cpu/direct/pointwise.h"
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

/// In the order of cpu::direct::Method; a way that cannot do a direction has no kernel for it.
struct Way {
  const char* name;
  ConvolutionKernels kernels;
  PackedWeight packed{};  ///< of its own: ways pack differently, and would pack anew at every call
};

std::vector<Way> ways_for(const ConvolutionGeometry& g) {
  std::vector<Way> ways = {{"oneDNN", cpu::onednn::convolution_kernels()},
                           {"direct", {cpu::direct::forward, cpu::direct::backward_data, cpu::direct::backward_weight}},
                           {"winograd", {}},
                           {"depthwise", {}},
                           {"panels", {}},
                           {"product", {}},
                           {"grouped", {}}};
  if (cpu::direct::fits_winograd(g)) ways[2].kernels = {cpu::winograd::forward, cpu::winograd::backward_data, cpu::winograd::backward_weight};
  if (cpu::depthwise::fits(g)) ways[3].kernels = {cpu::depthwise::forward, cpu::depthwise::backward_data, nullptr};
  if (cpu::grouped::fits(g)) ways[6].kernels = {cpu::grouped::forward, cpu::grouped::backward_data, cpu::grouped::backward_weight};
  if (g.groups == 1) ways[4].kernels.backward_weight = cpu::direct::backward_weight_by_panels;
  if (cpu::pointwise::fits(g)) ways[5].kernels.backward_weight = cpu::pointwise::backward_weight;
  if (cpu::pointwise::fits(g) && g.stride_height == 1) {
    ways[5].kernels.forward = cpu::pointwise::forward;
    ways[5].kernels.backward_data = cpu::pointwise::backward_data;
  }
  return ways;
}

/// Times of one direction, `*` behind the one that is chosen.
template <typename Arguments>
void measure(const char* direction, const ConvolutionGeometry& g, std::vector<Way>& ways, void (*ConvolutionKernels::*kernel)(const Arguments&),
             Arguments arguments, cpu::direct::Direction of, int rounds) {
  std::vector<std::function<void()>> calls;
  std::vector<size_t> numbers;
  for (size_t way = 0; way < ways.size(); ++way) {
    const auto run = ways[way].kernels.*kernel;
    if (!run) continue;
    if constexpr (requires { arguments.packed; }) arguments.packed = &ways[way].packed;
    calls.push_back([run, arguments] { run(arguments); });
    numbers.push_back(way);
  }
  const std::vector<double> times_ms = low_times_ms(calls, rounds);
  const double terms = static_cast<double>(g.in_channels / g.groups * g.kernel_height * g.kernel_width);
  const double flops = 2.0 * terms * static_cast<double>(g.batch * g.out_channels * g.out_height * g.out_width);
  fmt::print("  {:8}", direction);
  for (size_t i = 0; i < calls.size(); ++i) {
    const bool chosen = numbers[i] == static_cast<size_t>(cpu::direct::method_for(g, of));
    fmt::print(" {} {:.3f} ms {:.0f} GFLOP/s{}", ways[numbers[i]].name, times_ms[i], flops * 1e-6 / times_ms[i], chosen ? " *;" : ";");
  }
  fmt::print("\n");
}

void measure(const ConvolutionGeometry& g, int rounds) {
  const Tensor x = noise(g.batch * g.in_channels * g.in_height * g.in_width), y = noise(g.batch * g.out_channels * g.out_height * g.out_width);
  const Tensor weight = noise(g.out_channels * g.in_channels / g.groups * g.kernel_height * g.kernel_width), bias = noise(g.out_channels);
  std::vector<Way> ways = ways_for(g);
  fmt::print("{}->{} {}x{} k{} s{} p{} g{}\n", g.in_channels, g.out_channels, g.in_height, g.in_width, g.kernel_height, g.stride_height, g.padding_height, g.groups);
  using cpu::direct::Direction;
  const ConvolutionForward forward{g, x.data<float>(), weight.data<float>(), bias.data<float>(), y.data<float>(), nullptr, 1};
  measure("forward", g, ways, &ConvolutionKernels::forward, forward, Direction::forward, rounds);
  const ConvolutionBackwardData data{g, y.data<float>(), weight.data<float>(), x.data<float>(), nullptr, 1};
  measure("data", g, ways, &ConvolutionKernels::backward_data, data, Direction::backward_data, rounds);
  const ConvolutionBackwardWeight weights{g, x.data<float>(), y.data<float>(), weight.data<float>(), bias.data<float>()};
  measure("weight", g, ways, &ConvolutionKernels::backward_weight, weights, Direction::backward_weight, rounds);
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) {
  if (count < 8) {
    fmt::print("usage: {} batch in_channels size out_channels kernel stride padding [rounds] [groups]\nprints times and rates of every way that can do it; * behind the one that is chosen\n", arguments[0]);
    return 2;
  }
  const auto number = [&](int place) { return std::strtoll(arguments[place], nullptr, 10); };
  tessera::ConvolutionGeometry g{};
  g.batch = number(1), g.in_channels = number(2), g.in_height = g.in_width = number(3), g.out_channels = number(4);
  g.kernel_height = g.kernel_width = number(5), g.stride_height = g.stride_width = number(6), g.padding_height = g.padding_width = number(7);
  g.dilation_height = g.dilation_width = 1;
  g.groups = count > 9 ? number(9) : 1;
  g.out_height = g.out_width = (g.in_height + 2 * g.padding_height - g.kernel_height) / g.stride_height + 1;
  tessera::set_kernel_threads(1);
  tessera::measure(g, count > 8 ? static_cast<int>(number(8)) : 31);
  return 0;
}
