// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "core/kernels/kernels.h"
#include "launcher/bench/bench.h"

namespace tessera::launcher::bench {
namespace {

struct Shape3 {
  const char* what;
  int64_t m, n, k;
  bool transpose_a, transpose_b;
};

// Squares, then a linear layer's three products (output, gradient of the weight, gradient of the input).
constexpr Shape3 kShapes[] = {
    {"square", 128, 128, 128, false, false},
    {"square", 512, 512, 512, false, false},
    {"square", 1024, 1024, 1024, false, false},
    {"square", 2048, 2048, 2048, false, false},
    {"linear 400 to 120, batch 64, forward", 64, 120, 400, false, true},
    {"linear 400 to 120, batch 64, weight", 120, 400, 64, true, false},
    {"linear 400 to 120, batch 64, input", 64, 400, 120, false, false},
    {"linear 4096 to 4096, batch 8, forward", 8, 4096, 4096, false, true},
    {"linear 4096 to 4096, batch 8, weight", 4096, 4096, 8, true, false},
    {"linear 4096 to 4096, batch 8, input", 8, 4096, 4096, false, false},
};

std::string name_of(const Shape3& s) { return fmt::format("{}: {} x {} x {}", s.what, s.m, s.n, s.k); }

Result run(const Shape3& s, double seconds, const Limits& limits) {
  const Tensor a = Tensor::zeros({s.m * s.k}), b = Tensor::zeros({s.k * s.n}), out = Tensor::empty({s.m * s.n});
  const Matmul call{s.m, s.n, s.k, s.transpose_a, s.transpose_b, a.data<float>(), b.data<float>(), out.data<float>()};
  const auto matmul = kernels_for(Device::cpu).matmul.matmul;
  const Timing timing = measure(seconds, [&] { matmul(call); });
  const double flops = 2.0 * static_cast<double>(s.m * s.n * s.k);
  const auto data_bytes = static_cast<double>(a.size_bytes() + b.size_bytes() + out.size_bytes());
  return {"gemm", name_of(s), timing, flops / timing.median_s / 1e9, "GFLOP/s", flops / limits.floor_s(flops, data_bytes) / 1e9};
}

}  // namespace

std::vector<Measurement> gemm(const Options& options) {
  std::vector<Measurement> measurements;
  for (const Shape3& shape : kShapes) {
    measurements.push_back(
        {"gemm", name_of(shape), false, [&shape, seconds = options.seconds](const Limits& limits) { return run(shape, seconds, limits); }});
  }
  return measurements;
}

}  // namespace tessera::launcher::bench
