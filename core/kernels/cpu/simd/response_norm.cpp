// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/simd/logarithm.h"
#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/normalisation.h"

TESSERA_ISA_BEGIN
namespace {

/// out[c] += the sum of terms[c + offset] over the window's offsets; `direction` -1 turns the window round.
void add_window(const float* terms, int64_t channels, int64_t window, int64_t direction, float* out) {
  for (int64_t k = -(window / 2); k <= (window - 1) / 2; ++k) {
    const int64_t offset = k * direction;
    const int64_t begin = offset < 0 ? -offset : 0, end = offset > 0 ? channels - offset : channels;
#pragma GCC ivdep
    for (int64_t c = begin; c < end; ++c) out[c] += terms[c + offset];
  }
}

/// s^-beta, s > 0
inline float negative_power(float s, float beta) { return exp_f32(-beta * log_f32(s)); }

void forward_row(const ResponseNormForward& args, int64_t row) {
  const int64_t channels = args.channels;
  const float* x = args.x + row * channels;
  float *y = args.y + row * channels, *divisor = args.divisor + row * channels;
  float squares[kMostNormalisedChannels];
  for (int64_t c = 0; c < channels; ++c) {
    squares[c] = x[c] * x[c];
    divisor[c] = 0.0f;
  }
  add_window(squares, channels, args.window, 1, divisor);
  const float share = args.alpha / static_cast<float>(args.window), start = args.start, beta = args.beta;
#pragma GCC ivdep
  for (int64_t c = 0; c < channels; ++c) {
    divisor[c] = start + share * divisor[c];
    y[c] = x[c] * negative_power(divisor[c], beta);
  }
}

void backward_row(const ResponseNormBackward& args, int64_t row) {
  const int64_t channels = args.channels;
  const float *x = args.x + row * channels, *divisor = args.divisor + row * channels, *dy = args.dy + row * channels;
  float* dx = args.dx + row * channels;
  float terms[kMostNormalisedChannels], sums[kMostNormalisedChannels], factors[kMostNormalisedChannels];
  const float beta = args.beta;
#pragma GCC ivdep
  for (int64_t c = 0; c < channels; ++c) {
    factors[c] = negative_power(divisor[c], beta);
    terms[c] = dy[c] * x[c] * factors[c] / divisor[c];
    sums[c] = 0.0f;
  }
  add_window(terms, channels, args.window, -1, sums);
  const float scale = 2.0f * beta * args.alpha / static_cast<float>(args.window);
#pragma GCC ivdep
  for (int64_t c = 0; c < channels; ++c) dx[c] = dy[c] * factors[c] - scale * x[c] * sums[c];
}

}  // namespace

void response_norm_forward(const ResponseNormForward& args) {
  parallel_for(args.rows, args.channels, [&](int64_t row) { forward_row(args, row); });
}

void response_norm_backward(const ResponseNormBackward& args) {
  parallel_for(args.rows, args.channels, [&](int64_t row) { backward_row(args, row); });
}

TESSERA_ISA_END
