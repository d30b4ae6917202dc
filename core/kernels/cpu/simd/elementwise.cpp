// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/elementwise.h"

#include <bit>

#include "core/kernels/cpu/simd/activations.h"
#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/cpu/simd/philox.h"

TESSERA_ISA_BEGIN
namespace {

template <typename Op>
void forward(const UnaryForward& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const UnaryOptions options = args.options;
    const float* x = args.x;
    float* y = args.y;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) y[i] = Op::value(x[i], options);
  });
}

template <typename Op>
void backward(const UnaryBackward& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const UnaryOptions options = args.options;
    const float *saved = args.saved, *dy = args.dy;
    float* dx = args.dx;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) dx[i] = Op::grad(saved[i], dy[i], options);
  });
}

void unary_forward(UnaryOp op, const UnaryForward& args) {
  with_functor(op, [&](auto functor) { forward<decltype(functor)>(args); });
}

void unary_backward(UnaryOp op, const UnaryBackward& args) {
  with_functor(op, [&](auto functor) { backward<decltype(functor)>(args); });
}

/// So many Philox blocks are drawn at once.
constexpr int64_t kPhiloxLanes = 64;

void dropout_forward(const DropoutForward& args) {
  const float scale = 1.0f / (1.0f - args.probability);
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    uint32_t random[4][kPhiloxLanes];
    for (int64_t start = begin; start < end; start += 4 * kPhiloxLanes) {
      philox_blocks(args.key, static_cast<uint64_t>(start / 4), args.use, args.quantum, args.step, random);
      const int64_t count = end - start < 4 * kPhiloxLanes ? end - start : 4 * kPhiloxLanes;
      for (int64_t i = 0; i < count; ++i) {
        const bool keep = uniform_f32(random[i % 4][i / 4]) >= args.probability;
        args.mask[start + i] = keep;
        args.y[start + i] = keep ? args.x[start + i] * scale : 0.0f;
      }
    }
  });
}

void dropout_backward(const DropoutBackward& args) {
  const float scale = 1.0f / (1.0f - args.probability);
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) args.dx[i] = args.mask[i] ? args.dy[i] * scale : 0.0f;
  });
}

void add(const BinaryAdd& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const float *a = args.a, *b = args.b;
    float* out = args.out;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) out[i] = a[i] + b[i];
  });
}

void gated_forward(const GatedForward& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const float *gate = args.gate, *x = args.x;
    float* y = args.y;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) y[i] = Silu::value(gate[i], {}) * x[i];
  });
}

void gated_backward(const GatedBackward& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const float *gate = args.gate, *x = args.x, *dy = args.dy;
    float *dgate = args.dgate, *dx = args.dx;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      dx[i] = dy[i] * Silu::value(gate[i], {});
      dgate[i] = Silu::grad(gate[i], dy[i] * x[i], {});
    }
  });
}

/// Half of what is cut off, less one where the last bit that stays is even, carries into it; a NaN must not overflow to infinity.
float nearest_bf16(float x) {
  constexpr uint32_t kHigh = 0xffff0000u, kQuiet = 0x00400000u;
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return std::bit_cast<float>((x != x ? bits | kQuiet : rounded) & kHigh);
}

void round_to_bf16(const RoundToBf16& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const float* x = args.x;
    float* y = args.y;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) y[i] = nearest_bf16(x[i]);
  });
}

}  // namespace

ElementwiseKernels elementwise_kernels() {
  return {unary_forward, unary_backward, dropout_forward, dropout_backward, add, gated_forward, gated_backward, round_to_bf16};
}

TESSERA_ISA_END
