// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/rotary.h"

#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

/// kStep: between the elements of neighbouring pairs; the second element of a pair lies `distance` behind the first.
template <int64_t kStep>
void rotate_head(const float* x, const float* cosines, const float* sines, float sign, int64_t pairs, int64_t distance, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < pairs; ++i) {
    const float first = x[i * kStep], second = x[i * kStep + distance], sine = sign * sines[i];
    y[i * kStep] = first * cosines[i] - second * sine;
    y[i * kStep + distance] = first * sine + second * cosines[i];
  }
}

void rotate(const Rotary& args) {
  const int64_t pairs = args.width / 2;
  const float sign = args.back ? -1.0f : 1.0f;
  parallel_for(args.samples * args.rows, args.heads * args.width, [&](int64_t row) {
    const float *cosines = args.table + row % args.rows * args.width, *sines = cosines + pairs;
    const int64_t begin = row * args.heads * args.width;
    const float* x = args.x + begin;
    float* y = args.y + begin;
    for (int64_t head = 0; head < args.rotated_heads; ++head, x += args.width, y += args.width) {
      if (args.pairs == RotaryPairs::halves) rotate_head<1>(x, cosines, sines, sign, pairs, pairs, y);
      else rotate_head<2>(x, cosines, sines, sign, pairs, 1, y);
    }
    __builtin_memcpy(y, x, static_cast<size_t>((args.heads - args.rotated_heads) * args.width) * sizeof(float));
  });
}

}  // namespace

RotaryKernels rotary_kernels() { return {rotate}; }

TESSERA_ISA_END
