// SPDX-License-Identifier: Apache-2.0
// Attention forward and backward over lengths of context: time, rate of its products, and memory.
// Usage: attention_bench heads width causal(0|1) length... (ascending, since the peak of memory is the process's)
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <vector>

#include "core/autograd/engine.h"
#include "core/autograd/leaf.h"
#include "core/kernels/kernels.h"
#include "core/ops/attention.h"
#include "core/ops/reduction.h"
#include "core/tensor/allocator.h"

namespace tessera {
namespace {

using autograd::Variable;

struct Times {
  double forward_s, backward_s;
};

Times step(const Tensor& qkv, const std::shared_ptr<autograd::Leaf>& leaf, int64_t heads, const ops::AttentionOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const Variable y = ops::self_attention(Variable(qkv, leaf), heads, heads, options);
  const auto middle = std::chrono::steady_clock::now();
  const std::vector<std::shared_ptr<autograd::Leaf>> leaves = {leaf};
  autograd::Engine().backward(ops::sum(y), leaves);
  const std::chrono::duration<double> forward = middle - start, backward = std::chrono::steady_clock::now() - middle;
  return {forward.count(), backward.count()};
}

void measure(int64_t heads, int64_t width, bool causal, int64_t length) {
  const Shape shape{1, length, 3 * heads * width};
  const Tensor qkv = Tensor::empty(shape), gradient = Tensor::empty(shape);
  for (int64_t i = 0; i < qkv.elements(); ++i) qkv.data<float>()[i] = static_cast<float>(i % 19) * 0.1f - 0.9f;
  const auto leaf = std::make_shared<autograd::Leaf>(0, gradient);
  ops::AttentionOptions options;
  options.causal = causal;
  const MemoryUse before = memory_use();
  std::vector<double> forward, backward;
  for (double spent = 0.0; forward.size() < 3 || (spent < 1.0 && forward.size() < 50);) {
    const Times times = step(qkv, leaf, heads, options);
    forward.push_back(times.forward_s), backward.push_back(times.backward_s);
    spent += times.forward_s + times.backward_s;
  }
  const auto median = [](std::vector<double>& values) {
    std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
  };
  const double forward_s = median(forward), backward_s = median(backward);
  const double product = 2.0 * static_cast<double>(heads * width * length) * static_cast<double>(length) * (causal ? 0.5 : 1.0);
  const auto total = [](const auto& bytes) { return std::accumulate(bytes.begin(), bytes.end(), size_t{0}); };
  fmt::print("T {:6}: forward {:8.2f} ms, {:5.1f} GFLOP/s; backward {:8.2f} ms, {:5.1f} GFLOP/s; memory beside qkv and its gradient {:.1f} MiB\n", length,
             forward_s * 1e3, 2.0 * product / forward_s * 1e-9, backward_s * 1e3, 5.0 * product / backward_s * 1e-9,
             static_cast<double>(total(memory_use().peak_bytes) - total(before.live_bytes)) / 1048576.0);
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) {
  if (count < 5) {
    fmt::print("usage: {} heads width causal(0|1) length...\nprints time, rate and memory of attention on one thread, forward and backward\n", arguments[0]);
    return 2;
  }
  tessera::set_kernel_threads(1);
  const auto number = [&](int place) { return std::strtoll(arguments[place], nullptr, 10); };
  for (int i = 4; i < count; ++i) tessera::measure(number(1), number(2), number(3) != 0, number(i));
  return 0;
}
