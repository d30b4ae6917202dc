// SPDX-License-Identifier: Apache-2.0
// Channels are taken sixteen at a time, so that their sums stay in registers while the rows go by.
#include <cmath>

#include "core/kernels/cpu/simd/channel_sums.h"
#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/normalisation.h"

TESSERA_ISA_BEGIN
namespace {

/// body(first channel, count) over all channels in groups of sixteen; the last may be smaller.
template <typename Body>
inline void for_channel_groups(int64_t rows, int64_t channels, Body body) {
  const int64_t groups = (channels + kChannelLanes - 1) / kChannelLanes;
  parallel_for(groups, rows * kChannelLanes, [&](int64_t group) {
    const int64_t first = group * kChannelLanes;
    if (channels - first >= kChannelLanes) {
      body.template operator()<true>(first, kChannelLanes);
    } else {
      body.template operator()<false>(first, channels - first);
    }
  });
}

struct Statistics {
  const BatchNormForward& args;

  template <bool kFull>
  void operator()(int64_t channel, int64_t count) const {
    const float* x = args.x + channel;
    const int64_t stride = args.channels;
    // Deviations from a value of the channel itself: sums of squares then lose nothing to a large mean.
    float pivot[kChannelLanes] = {};
    for (int64_t c = 0; c < count; ++c) pivot[c] = x[c];
    double sum[kChannelLanes], squares[kChannelLanes];
    two_sums<kFull>(args.rows, count, sum, squares, [&](int64_t row, int64_t c, float& a, float& b) {
      const float deviation = x[row * stride + c] - pivot[c];
      a += deviation;
      b += deviation * deviation;
    });
    const auto rows = static_cast<double>(args.rows);
    for (int64_t c = 0; c < count; ++c) {
      const double shift = sum[c] / rows;
      const double squared = squares[c] - sum[c] * shift;
      const double variance = squared > 0.0 ? squared / rows : 0.0;
      args.mean[channel + c] = static_cast<float>(static_cast<double>(pivot[c]) + shift);
      args.inverse_deviation[channel + c] = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(args.epsilon)));
      args.unbiased_variance[channel + c] = static_cast<float>(args.rows > 1 ? variance * rows / (rows - 1.0) : variance);
    }
  }
};

constexpr int64_t kMostChannels = 16384;  // of the scale and shift that are kept on the stack

struct Affine {
  int64_t rows, channels;
  const float* x;
  const float* residual;
  float* y;
  const float* scale;
  const float* shift;
};

template <bool kRelu, bool kResidual>
void affine(const Affine& args) {
  parallel_for(args.rows, args.channels, [&](int64_t row) {
    const float* x = args.x + row * args.channels;
    const float* residual = kResidual ? args.residual + row * args.channels : nullptr;
    float* y = args.y + row * args.channels;
    const float *scale = args.scale, *shift = args.shift;
#pragma GCC ivdep
    for (int64_t c = 0; c < args.channels; ++c) {
      float value = x[c] * scale[c] + shift[c];
      if constexpr (kResidual) value += residual[c];
      y[c] = kRelu && value < 0.0f ? 0.0f : value;
    }
  });
}

void affine(const Affine& args, bool relu) {
  if (relu) return args.residual ? affine<true, true>(args) : affine<true, false>(args);
  return args.residual ? affine<false, true>(args) : affine<false, false>(args);
}

void batch_norm_forward(const BatchNormForward& args) {
  for_channel_groups(args.rows, args.channels, Statistics{args});
  float scale[kMostChannels], shift[kMostChannels];
  for (int64_t c = 0; c < args.channels; ++c) {
    scale[c] = args.weight[c] * args.inverse_deviation[c];
    shift[c] = args.bias[c] - args.mean[c] * scale[c];
  }
  affine({args.rows, args.channels, args.x, args.residual, args.y, scale, shift}, args.relu);
}

void batch_norm_apply(const BatchNormApply& args) {
  float scale[kMostChannels], shift[kMostChannels];
  for (int64_t c = 0; c < args.channels; ++c) {
    scale[c] = args.weight[c] / __builtin_sqrtf(args.variance[c] + args.epsilon);
    shift[c] = args.bias[c] - args.mean[c] * scale[c];
  }
  affine({args.rows, args.channels, args.x, args.residual, args.y, scale, shift}, args.relu);
}

template <bool kRelu>
struct ParameterGradients {
  const BatchNormBackward& args;

  template <bool kFull>
  void operator()(int64_t channel, int64_t count) const {
    const float *x = args.x + channel, *y = args.y + channel, *dy = args.dy + channel;
    const int64_t stride = args.channels;
    float mean[kChannelLanes] = {};
    for (int64_t c = 0; c < count; ++c) mean[c] = args.mean[channel + c];
    double sum[kChannelLanes], product[kChannelLanes];
    two_sums<kFull>(args.rows, count, sum, product, [&](int64_t row, int64_t c, float& a, float& b) {
      const int64_t at = row * stride + c;
      const float gradient = kRelu ? (y[at] > 0.0f ? dy[at] : 0.0f) : dy[at];
      a += gradient;
      b += gradient * (x[at] - mean[c]);
    });
    for (int64_t c = 0; c < count; ++c) {
      args.dbias[channel + c] = static_cast<float>(sum[c]);
      args.dweight[channel + c] = static_cast<float>(product[c] * static_cast<double>(args.inverse_deviation[channel + c]));
    }
  }
};

/// dx = g * scale + x * slope + offset, the coefficients a channel's own.
struct InputGradient {
  const float* scale;
  const float* slope;
  const float* offset;
};

template <bool kRelu, bool kResidual>
void input_gradient(const BatchNormBackward& args, const InputGradient& k) {
  parallel_for(args.rows, args.channels, [&](int64_t row) {
    const int64_t begin = row * args.channels;
    const float *x = args.x + begin, *y = args.y + begin, *dy = args.dy + begin;
    float *dx = args.dx + begin, *dresidual = kResidual ? args.dresidual + begin : nullptr;
    const float *scale = k.scale, *slope = k.slope, *offset = k.offset;
#pragma GCC ivdep
    for (int64_t c = 0; c < args.channels; ++c) {
      const float gradient = kRelu ? (y[c] > 0.0f ? dy[c] : 0.0f) : dy[c];
      dx[c] = gradient * scale[c] + x[c] * slope[c] + offset[c];
      if constexpr (kResidual) dresidual[c] = gradient;
    }
  });
}

void batch_norm_backward(const BatchNormBackward& args) {
  if (args.relu) {
    for_channel_groups(args.rows, args.channels, ParameterGradients<true>{args});
  } else {
    for_channel_groups(args.rows, args.channels, ParameterGradients<false>{args});
  }
  float scale[kMostChannels], slope[kMostChannels], offset[kMostChannels];
  const auto rows = static_cast<float>(args.rows);
  for (int64_t c = 0; c < args.channels; ++c) {
    const float inverse = args.inverse_deviation[c];
    scale[c] = args.weight[c] * inverse;
    slope[c] = -scale[c] * inverse * args.dweight[c] / rows;
    offset[c] = -scale[c] * args.dbias[c] / rows - slope[c] * args.mean[c];
  }
  const InputGradient k{scale, slope, offset};
  if (args.relu) return args.dresidual ? input_gradient<true, true>(args, k) : input_gradient<true, false>(args, k);
  return args.dresidual ? input_gradient<false, true>(args, k) : input_gradient<false, false>(args, k);
}

}  // namespace

NormalisationKernels normalisation_kernels() { 
  return {batch_norm_forward, batch_norm_apply,   batch_norm_backward, layer_norm_forward,
          layer_norm_backward, group_norm_forward, group_norm_backward};
}

TESSERA_ISA_END
