// SPDX-License-Identifier: Apache-2.0
// A sample at a time: sums of every channel first (as in batch norm), then those of the channels of a group. A sample that fits the cache is
// read from memory once.
#include <cmath>

#include "core/kernels/cpu/simd/channel_sums.h"
#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/normalisation.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kMostChannels = 16384;  // of the coefficients that are kept on the stack

/// body(first channel, count) over all channels, sixteen at a time, as a template of whether there are sixteen.
template <typename Body>
inline void for_channels(int64_t channels, Body body) {
  int64_t first = 0;
  for (; first + kChannelLanes <= channels; first += kChannelLanes) body.template operator()<true>(first, kChannelLanes);
  if (first < channels) body.template operator()<false>(first, channels - first);
}

/// Mean and sum of squared deviations of each channel over the pixels of a sample.
struct ChannelMoments {
  double mean[kMostChannels], squares[kMostChannels];
};

void channel_moments(const float* x, int64_t pixels, int64_t channels, ChannelMoments& moments) {
  for_channels(channels, [&]<bool kFull>(int64_t first, int64_t count) {
    // Deviations from a value of the channel itself: sums of squares then lose nothing to a large mean.
    float pivot[kChannelLanes] = {};
    for (int64_t c = 0; c < count; ++c) pivot[c] = x[first + c];
    double sum[kChannelLanes], squares[kChannelLanes];
    two_sums<kFull>(pixels, count, sum, squares, [&](int64_t pixel, int64_t c, float& a, float& b) {
      const float deviation = x[pixel * channels + first + c] - pivot[c];
      a += deviation;
      b += deviation * deviation;
    });
    for (int64_t c = 0; c < count; ++c) {
      const double shift = sum[c] / static_cast<double>(pixels), left = squares[c] - sum[c] * shift;
      moments.mean[first + c] = static_cast<double>(pivot[c]) + shift;
      moments.squares[first + c] = left > 0.0 ? left : 0.0;
    }
  });
}

void forward_sample(const GroupNormForward& args, int64_t sample) {
  const int64_t channels = args.channels, width = channels / args.groups;
  const float* x = args.x + sample * args.pixels * channels;
  float* y = args.y + sample * args.pixels * channels;
  ChannelMoments moments;
  channel_moments(x, args.pixels, channels, moments);
  float mean[kMostChannels], scale[kMostChannels];
  for (int64_t group = 0; group < args.groups; ++group) {
    const int64_t begin = group * width, end = begin + width;
    double total = 0.0, squares = 0.0;
    for (int64_t c = begin; c < end; ++c) total += moments.mean[c];
    const double centre = total / static_cast<double>(width);
    for (int64_t c = begin; c < end; ++c) {
      const double deviation = moments.mean[c] - centre;
      squares += moments.squares[c] + deviation * deviation * static_cast<double>(args.pixels);
    }
    const double variance = squares / static_cast<double>(width * args.pixels);
    const auto inverse = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(args.epsilon)));
    args.mean[sample * args.groups + group] = static_cast<float>(centre);
    args.inverse_deviation[sample * args.groups + group] = inverse;
    for (int64_t c = begin; c < end; ++c) {
      mean[c] = static_cast<float>(centre);
      scale[c] = args.weight[c] * inverse;
    }
  }
  const float* bias = args.bias;
  for (int64_t pixel = 0; pixel < args.pixels; ++pixel, x += channels, y += channels) {
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; ++c) y[c] = (x[c] - mean[c]) * scale[c] + bias[c];
  }
}

/// This sample's terms of the parameters' gradients; `means` holds each channel's group mean.
void parameter_terms(const GroupNormBackward& args, int64_t sample, const float* means, const float* inverses, float* dweight, float* dbias) {
  const int64_t channels = args.channels;
  const float *x = args.x + sample * args.pixels * channels, *dy = args.dy + sample * args.pixels * channels;
  for_channels(channels, [&]<bool kFull>(int64_t first, int64_t count) {
    float mean[kChannelLanes] = {};
    for (int64_t c = 0; c < count; ++c) mean[c] = means[first + c];
    double sum[kChannelLanes], product[kChannelLanes];
    two_sums<kFull>(args.pixels, count, sum, product, [&](int64_t pixel, int64_t c, float& a, float& b) {
      const int64_t at = pixel * channels + first + c;
      a += dy[at];
      b += dy[at] * (x[at] - mean[c]);
    });
    for (int64_t c = 0; c < count; ++c) {
      dbias[first + c] = static_cast<float>(sum[c]);
      dweight[first + c] = static_cast<float>(product[c] * static_cast<double>(inverses[first + c]));
    }
  });
}

void backward_sample(const GroupNormBackward& args, int64_t sample) {
  const int64_t channels = args.channels, width = channels / args.groups;
  float mean[kMostChannels], scale[kMostChannels], slope[kMostChannels], offset[kMostChannels];
  for (int64_t c = 0; c < channels; ++c) {
    mean[c] = args.mean[sample * args.groups + c / width];
    scale[c] = args.inverse_deviation[sample * args.groups + c / width];
  }
  float *dweight = args.partials + sample * 2 * channels, *dbias = dweight + channels;
  parameter_terms(args, sample, mean, scale, dweight, dbias);
  for (int64_t group = 0; group < args.groups; ++group) {
    const int64_t begin = group * width, end = begin + width;
    double sum = 0.0, product = 0.0;
    for (int64_t c = begin; c < end; ++c) {
      sum += static_cast<double>(args.weight[c]) * static_cast<double>(dbias[c]);
      product += static_cast<double>(args.weight[c]) * static_cast<double>(dweight[c]);
    }
    const double inverse = static_cast<double>(scale[begin]), elements = static_cast<double>(width * args.pixels);
    for (int64_t c = begin; c < end; ++c) {
      slope[c] = static_cast<float>(inverse * inverse * product / elements);
      offset[c] = static_cast<float>(inverse * sum / elements);
      scale[c] *= args.weight[c];
    }
  }
  const int64_t start = sample * args.pixels * channels;
  const float *x = args.x + start, *dy = args.dy + start;
  float* dx = args.dx + start;
  for (int64_t pixel = 0; pixel < args.pixels; ++pixel, x += channels, dy += channels, dx += channels) {
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; ++c) dx[c] = dy[c] * scale[c] - (x[c] - mean[c]) * slope[c] - offset[c];
  }
}

}  // namespace

void group_norm_forward(const GroupNormForward& args) {
  parallel_for(args.samples, args.pixels * args.channels, [&](int64_t sample) { forward_sample(args, sample); });
}

void group_norm_backward(const GroupNormBackward& args) {
  const int64_t channels = args.channels;
  parallel_for(args.samples, args.pixels * channels, [&](int64_t sample) { backward_sample(args, sample); });
  sum_blocks(args.samples, 2 * channels, channels, args.partials, args.dweight);
  sum_blocks(args.samples, 2 * channels, channels, args.partials + channels, args.dbias);
}

TESSERA_ISA_END
