// SPDX-License-Identifier: Apache-2.0
// Pooling over bins of any size: adaptive, dilated and very large windows. The results of a bin stay in the first cache while its pixels pass by.
#include "core/kernels/pooling.h"

#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

int64_t in_elements(const PoolingBins& b) { return b.in_height * b.in_width * b.channels; }
int64_t out_elements(const PoolingBins& b) { return b.out_height * b.out_width * b.channels; }
int64_t size_of(const PoolingBin& bin) { return (bin.end - bin.begin + bin.step - 1) / bin.step; }

/// body(rows, columns, first element of the result) for every bin of an image.
template <typename Body>
inline void for_each_bin(const PoolingBins& b, Body body) {
  for (int64_t oh = 0; oh < b.out_height; ++oh) {
    for (int64_t ow = 0; ow < b.out_width; ++ow) body(b.rows[oh], b.columns[ow], (oh * b.out_width + ow) * b.channels);
  }
}

/// body(pixel) in row-major order.
template <typename Body>
inline void for_each_pixel(const PoolingBins& b, const PoolingBin& rows, const PoolingBin& columns, Body body) {
  for (int64_t h = rows.begin; h < rows.end; h += rows.step) {
    for (int64_t w = columns.begin; w < columns.end; w += columns.step) body(h * b.in_width + w);
  }
}

void take_maximum(int64_t channels, const float* x, int32_t pixel, float* y, int32_t* argmax) {
#pragma GCC ivdep
  for (int64_t c = 0; c < channels; ++c) {
    const bool larger = (x[c] > y[c]) | (x[c] != x[c]);
    y[c] = larger ? x[c] : y[c];
    argmax[c] = larger ? pixel : argmax[c];
  }
}

void max_of_bin(const PoolingBins& b, const PoolingBin& rows, const PoolingBin& columns, const float* x, float* y, int32_t* argmax) {
  const int64_t first = rows.begin * b.in_width + columns.begin;
  for (int64_t c = 0; c < b.channels; ++c) {
    y[c] = x[first * b.channels + c];
    argmax[c] = static_cast<int32_t>(first);
  }
  for_each_pixel(b, rows, columns, [&](int64_t pixel) { take_maximum(b.channels, x + pixel * b.channels, static_cast<int32_t>(pixel), y, argmax); });
}

void max_forward(const BinMaxForward& args) {
  const PoolingBins& b = args.bins;
  parallel_for(b.batch, in_elements(b), [&](int64_t image) {
    const int64_t first = image * out_elements(b);
    for_each_bin(b, [&](const PoolingBin& rows, const PoolingBin& columns, int64_t out) {
      max_of_bin(b, rows, columns, args.x + image * in_elements(b), args.y + first + out, args.argmax + first + out);
    });
  });
}

void max_backward(const BinMaxBackward& args) {
  const PoolingBins& b = args.bins;
  parallel_for(b.batch, in_elements(b), [&](int64_t image) {
    float* dx = args.dx + image * in_elements(b);
    __builtin_memset(dx, 0, static_cast<size_t>(in_elements(b)) * sizeof(float));
    const float* dy = args.dy + image * out_elements(b);
    const int32_t* argmax = args.argmax + image * out_elements(b);
    for (int64_t out = 0; out < out_elements(b); out += b.channels) {
      for (int64_t c = 0; c < b.channels; ++c) dx[argmax[out + c] * b.channels + c] += dy[out + c];
    }
  });
}

void average_forward(const BinAverageForward& args) {
  const PoolingBins& b = args.bins;
  parallel_for(b.batch, in_elements(b), [&](int64_t image) {
    for_each_bin(b, [&](const PoolingBin& rows, const PoolingBin& columns, int64_t out) {
      float* y = args.y + image * out_elements(b) + out;
      for (int64_t c = 0; c < b.channels; ++c) y[c] = 0.0f;
      for_each_pixel(b, rows, columns, [&](int64_t pixel) {
        const float* x = args.x + image * in_elements(b) + pixel * b.channels;
#pragma GCC ivdep
        for (int64_t c = 0; c < b.channels; ++c) y[c] += x[c];
      });
      const float scale = 1.0f / static_cast<float>(size_of(rows) * size_of(columns));
      for (int64_t c = 0; c < b.channels; ++c) y[c] *= scale;
    });
  });
}

void average_backward(const BinAverageBackward& args) {
  const PoolingBins& b = args.bins;
  parallel_for(b.batch, in_elements(b), [&](int64_t image) {
    float* to = args.dx + image * in_elements(b);
    __builtin_memset(to, 0, static_cast<size_t>(in_elements(b)) * sizeof(float));
    for_each_bin(b, [&](const PoolingBin& rows, const PoolingBin& columns, int64_t out) {
      const float* dy = args.dy + image * out_elements(b) + out;
      const float scale = 1.0f / static_cast<float>(size_of(rows) * size_of(columns));
      for_each_pixel(b, rows, columns, [&](int64_t pixel) {
        float* dx = to + pixel * b.channels;
#pragma GCC ivdep
        for (int64_t c = 0; c < b.channels; ++c) dx[c] += dy[c] * scale;
      });
    });
  });
}

}  // namespace

BinPoolingKernels bin_pooling_kernels() { return {max_forward, max_backward, average_forward, average_backward}; }

TESSERA_ISA_END
