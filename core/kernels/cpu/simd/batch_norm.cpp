// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/kernels/cpu/simd/channel_sums.h"
#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/cpu/simd/vector.h"
#include "core/kernels/normalisation.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kPieceChannels = kMostSummedChannels;
static_assert(kBlockRows == kBatchNormBlockRows);

/// body(first channel, count) over pieces of the channels, as many as there are threads or more.
template <typename Body>
inline void for_channel_pieces(int64_t rows, int64_t channels, Body body) {
  const int64_t groups = (channels + kChannelLanes - 1) / kChannelLanes, threads = omp_get_max_threads();
  const int64_t fair = (groups + threads - 1) / threads * kChannelLanes, size = fair < kPieceChannels ? fair : kPieceChannels;
  parallel_for((channels + size - 1) / size, rows * size, [&](int64_t piece) {
    const int64_t first = piece * size;
    body(first, channels - first < size ? channels - first : size);
  });
}

struct DeviationSums {
  const BatchNormSums& args;

  void operator()(int64_t channel, int64_t count) const {
    const float* x = args.x + channel;
    const int64_t stride = args.channels;
    // Deviations from a value of the channel itself: sums of squares then lose nothing to a large mean.
    float pivot[kPieceChannels];
    for (int64_t c = 0; c < count; ++c) pivot[c] = x[c];
    double *sum = args.sums + channel, *squares = sum + args.channels;
    add_sums_of_rows(args.begin, args.end, count, sum, squares, [&](int64_t row, int64_t c, float& a, float& b) __attribute__((always_inline)) {
      const float deviation = x[row * stride + c] - pivot[c];
      a += deviation;
      b = multiply_add(deviation, deviation, b);
    });
  }
};

void batch_norm_sums(const BatchNormSums& args) { for_channel_pieces(args.end - args.begin, args.channels, DeviationSums{args}); }

void find_statistics(const BatchNormForward& args) {
  const auto rows = static_cast<double>(args.rows);
  for (int64_t c = 0; c < args.channels; ++c) {
    const double shift = args.sums[c] / rows;
    const double squared = args.sums[args.channels + c] - args.sums[c] * shift;
    const double variance = squared > 0.0 ? squared / rows : 0.0;
    args.mean[c] = static_cast<float>(static_cast<double>(args.x[c]) + shift);
    args.inverse_deviation[c] = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(args.epsilon)));
    args.unbiased_variance[c] = static_cast<float>(args.rows > 1 ? variance * rows / (rows - 1.0) : variance);
  }
}

constexpr int64_t kWideElements = 512;

/// A channel's coefficients, repeated so that several rows of few channels pass as one long row.
struct Coefficients {
  float values[kMostNormalisedChannels + kWideElements];

  void repeat(int64_t channels, int64_t columns) {
    for (int64_t c = channels; c < columns; ++c) values[c] = values[c - channels];
  }
};

int64_t wide_columns(int64_t channels) { return channels < kWideElements ? kWideElements / channels * channels : channels; }

/// body(first element, count) over rows * channels elements in pieces of wide rows. In the order of memory: from the end, where the pass before has left
/// its last rows in the cache, it takes half as long again, for then processors do not guess what comes next.
template <typename Body>
inline void for_wide_rows(int64_t rows, int64_t channels, Body body) {
  const int64_t elements = rows * channels, columns = wide_columns(channels);
  const int64_t pieces = (elements + columns - 1) / columns;
  parallel_for(pieces, columns, [&](int64_t i) {
    const int64_t begin = i * columns;
    body(begin, elements - begin < columns ? elements - begin : columns);
  });
}

struct Affine {
  int64_t rows, channels;
  float ceiling;
  const float* x;
  const float* residual;
  float* y;
};

template <bool kRelu, bool kResidual>
void affine(const Affine& args, const float* scale, const float* shift) {
  const float ceiling = args.ceiling;
  for_wide_rows(args.rows, args.channels, [&](int64_t begin, int64_t count) {
    const float* x = args.x + begin;
    const float* residual = kResidual ? args.residual + begin : nullptr;
    float* y = args.y + begin;
#pragma GCC ivdep
    for (int64_t c = 0; c < count; ++c) {
      float value = multiply_add(x[c], scale[c], shift[c]);
      if constexpr (kResidual) value += residual[c];
      if constexpr (kRelu) {
        value = value < 0.0f ? 0.0f : value;
        value = value > ceiling ? ceiling : value;
      }
      y[c] = value;
    }
  });
}

void affine(const Affine& args, Coefficients& scale, Coefficients& shift) {
  scale.repeat(args.channels, wide_columns(args.channels));
  shift.repeat(args.channels, wide_columns(args.channels));
  const auto run = args.ceiling != kNoRelu ? (args.residual ? affine<true, true> : affine<true, false>) : (args.residual ? affine<false, true> : affine<false, false>);
  run(args, scale.values, shift.values);
}

void batch_norm_forward(const BatchNormForward& args) {
  find_statistics(args);
  Coefficients scale, shift;
  for (int64_t c = 0; c < args.channels; ++c) {
    scale.values[c] = args.weight[c] * args.inverse_deviation[c];
    shift.values[c] = args.bias[c] - args.mean[c] * scale.values[c];
  }
  affine({args.rows, args.channels, args.ceiling, args.x, args.residual, args.y}, scale, shift);
}

void batch_norm_apply(const BatchNormApply& args) {
  Coefficients scale, shift;
  for (int64_t c = 0; c < args.channels; ++c) {
    scale.values[c] = args.weight[c] / __builtin_sqrtf(args.variance[c] + args.epsilon);
    shift.values[c] = args.bias[c] - args.mean[c] * scale.values[c];
  }
  affine({args.rows, args.channels, args.ceiling, args.x, args.residual, args.y}, scale, shift);
}

/// How the backward pass knows where ReLU let a value through.
enum class Mask { none, from_result, from_input };

/// The gradient before ReLU. scale and shift are the forward pass's.
template <Mask kMask>
inline float before_relu(float ceiling, float dy, float x, float y, float scale, float shift) {
  if constexpr (kMask == Mask::none) return dy;
  const float value = kMask == Mask::from_result ? y : multiply_add(x, scale, shift);
  const float below = value < ceiling ? dy : 0.0f;
  return value > 0.0f ? below : 0.0f;
}

template <Mask kMask, bool kKept>
struct GradientSums {
  const BatchNormGradientSums& args;

  void operator()(int64_t channel, int64_t count) const {
    const float *x = args.x + channel, *dy = args.dy + channel;
    const float* y = kMask == Mask::from_result ? args.y + channel : x;
    float* kept = kKept ? args.before_relu + channel : nullptr;
    const int64_t stride = args.channels;
    const float ceiling = args.ceiling;
    float mean[kPieceChannels], scale[kPieceChannels], shift[kPieceChannels];
    for (int64_t c = 0; c < count; ++c) {
      mean[c] = args.mean[channel + c];
      scale[c] = args.weight[channel + c] * args.inverse_deviation[channel + c];
      shift[c] = args.bias[channel + c] - mean[c] * scale[c];
    }
    double *sum = args.sums + channel, *product = sum + args.channels;
    add_sums_of_rows(args.begin, args.end, count, sum, product, [&](int64_t row, int64_t c, float& a, float& b) __attribute__((always_inline)) {
      const int64_t at = row * stride + c;
      const float gradient = before_relu<kMask>(ceiling, dy[at], x[at], y[at], scale[c], shift[c]);
      a += gradient;
      b = multiply_add(gradient, x[at] - mean[c], b);
      if constexpr (kKept) kept[at] = gradient;
    });
  }
};

template <Mask kMask>
void gradient_sums(const BatchNormGradientSums& args) {
  if (args.before_relu) return for_channel_pieces(args.end - args.begin, args.channels, GradientSums<kMask, true>{args});
  for_channel_pieces(args.end - args.begin, args.channels, GradientSums<kMask, false>{args});
}

void batch_norm_gradient_sums(const BatchNormGradientSums& args) {
  if (args.ceiling == kNoRelu) return gradient_sums<Mask::none>(args);
  return args.y ? gradient_sums<Mask::from_result>(args) : gradient_sums<Mask::from_input>(args);
}

/// dx = g * scale + x * slope + offset, the coefficients a channel's own; shift is the forward pass's.
struct InputGradient {
  Coefficients scale, shift, slope, offset;
};

template <Mask kMask, bool kReceived>
void input_gradient(const BatchNormInputGradient& args, const InputGradient& k) {
  const float ceiling = args.ceiling;
  const auto run = [&](int64_t begin, int64_t count, const float* received) {
    const float *x = args.x + begin, *dy = args.dy + begin;
    float* dx = args.dx + begin;
    const float *scale = k.scale.values, *shift = k.shift.values, *slope = k.slope.values, *offset = k.offset.values;
#pragma GCC ivdep
    for (int64_t c = 0; c < count; ++c) {
      const float gradient = before_relu<kMask>(ceiling, dy[c], x[c], 0.0f, scale[c], shift[c]);
      float value = multiply_add(gradient, scale[c], multiply_add(x[c], slope[c], offset[c]));
      if constexpr (kReceived) value += received[c];
      dx[c] = value;
    }
  };
  if (!kReceived || args.received_step == args.channels) {
    return for_wide_rows(args.rows, args.channels, [&](int64_t begin, int64_t count) { run(begin, count, kReceived ? args.received + begin : nullptr); });
  }
  parallel_for(args.rows, args.channels, [&](int64_t row) { run(row * args.channels, args.channels, args.received + row * args.received_step); });
}

template <Mask kMask>
void input_gradient(const BatchNormInputGradient& args, const InputGradient& k) {
  return args.received ? input_gradient<kMask, true>(args, k) : input_gradient<kMask, false>(args, k);
}

void batch_norm_input_gradient(const BatchNormInputGradient& args) {
  InputGradient k;
  const auto rows = static_cast<float>(args.batch_rows);
  for (int64_t c = 0; c < args.channels; ++c) {
    const float inverse = args.inverse_deviation[c], scale = args.weight[c] * inverse;
    const float slope = -scale * inverse * args.dweight[c] / rows;
    k.scale.values[c] = scale;
    k.shift.values[c] = args.bias[c] - args.mean[c] * scale;
    k.slope.values[c] = slope;
    k.offset.values[c] = -scale * args.dbias[c] / rows - slope * args.mean[c];
  }
  for (Coefficients* each : {&k.scale, &k.shift, &k.slope, &k.offset}) each->repeat(args.channels, wide_columns(args.channels));
  return args.ceiling == kNoRelu ? input_gradient<Mask::none>(args, k) : input_gradient<Mask::from_input>(args, k);
}

}  // namespace

NormalisationKernels normalisation_kernels() { 
  return {batch_norm_sums, batch_norm_forward, batch_norm_apply, batch_norm_gradient_sums, batch_norm_input_gradient,
          layer_norm_forward, layer_norm_backward, rms_norm_forward,   rms_norm_backward,   group_norm_forward, group_norm_backward,
          response_norm_forward, response_norm_backward};
}

TESSERA_ISA_END
