// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/pooling.h"

#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

/// The part of a window that lies inside the image along one dim.
struct Window {
  int64_t origin;      ///< first index, may be negative
  int64_t begin, end;  ///< offsets inside the image

  Window(int64_t out, int64_t stride, int64_t padding, int64_t kernel, int64_t size) : origin(out * stride - padding) {
    begin = origin < 0 ? -origin : 0;
    end = origin + kernel > size ? size - origin : kernel;
  }
};

/// body(out_pixel, rows, columns) for every output pixel of one image, in row-major order.
template <typename Body>
inline void for_each_window(const PoolingGeometry& g, Body body) {
  for (int64_t oh = 0; oh < g.out_height; ++oh) {
    const Window rows(oh, g.stride_height, g.padding_height, g.kernel_height, g.in_height);
    for (int64_t ow = 0; ow < g.out_width; ++ow) {
      const Window columns(ow, g.stride_width, g.padding_width, g.kernel_width, g.in_width);
      body(oh * g.out_width + ow, rows, columns);
    }
  }
}

int64_t in_elements(const PoolingGeometry& g) { return g.in_height * g.in_width * g.channels; }
int64_t out_elements(const PoolingGeometry& g) { return g.out_height * g.out_width * g.channels; }

/// Offset of window place (ky, kx) in the image.
inline int64_t pixel_offset(const PoolingGeometry& g, const Window& rows, const Window& columns, int64_t ky, int64_t kx) {
  return ((rows.origin + ky) * g.in_width + columns.origin + kx) * g.channels;
}

void max_forward(const MaxPoolForward& args) {
  const PoolingGeometry& g = args.geometry;
  parallel_for(g.batch, in_elements(g), [&](int64_t image) {
    const float* x = args.x + image * in_elements(g);
    for_each_window(g, [&](int64_t pixel, const Window& rows, const Window& columns) {
      float* y = args.y + image * out_elements(g) + pixel * g.channels;
      uint8_t* argmax = args.argmax + image * out_elements(g) + pixel * g.channels;
      bool first = true;
      for (int64_t ky = rows.begin; ky < rows.end; ++ky) {
        for (int64_t kx = columns.begin; kx < columns.end; ++kx) {
          const float* from = x + pixel_offset(g, rows, columns, ky, kx);
          const auto place = static_cast<uint8_t>(ky * g.kernel_width + kx);
#pragma GCC ivdep
          for (int64_t c = 0; c < g.channels; ++c) {
            const bool larger = first || from[c] > y[c] || from[c] != from[c];
            y[c] = larger ? from[c] : y[c];
            argmax[c] = larger ? place : argmax[c];
          }
          first = false;
        }
      }
    });
  });
}

void max_backward(const MaxPoolBackward& args) {
  const PoolingGeometry& g = args.geometry;
  parallel_for(g.batch, in_elements(g), [&](int64_t image) {
    float* dx = args.dx + image * in_elements(g);
    __builtin_memset(dx, 0, static_cast<size_t>(in_elements(g)) * sizeof(float));
    for_each_window(g, [&](int64_t pixel, const Window& rows, const Window& columns) {
      const float* dy = args.dy + image * out_elements(g) + pixel * g.channels;
      const uint8_t* argmax = args.argmax + image * out_elements(g) + pixel * g.channels;
      for (int64_t ky = rows.begin; ky < rows.end; ++ky) {
        for (int64_t kx = columns.begin; kx < columns.end; ++kx) {
          float* to = dx + pixel_offset(g, rows, columns, ky, kx);
          const auto place = static_cast<uint8_t>(ky * g.kernel_width + kx);
#pragma GCC ivdep
          for (int64_t c = 0; c < g.channels; ++c) to[c] += argmax[c] == place ? dy[c] : 0.0f;
        }
      }
    });
  });
}

void average_forward(const AveragePoolForward& args) {
  const PoolingGeometry& g = args.geometry;
  const float scale = 1.0f / static_cast<float>(g.kernel_height * g.kernel_width);
  parallel_for(g.batch, in_elements(g), [&](int64_t image) {
    const float* x = args.x + image * in_elements(g);
    for_each_window(g, [&](int64_t pixel, const Window& rows, const Window& columns) {
      float* y = args.y + image * out_elements(g) + pixel * g.channels;
      for (int64_t c = 0; c < g.channels; ++c) y[c] = 0.0f;
      for (int64_t ky = rows.begin; ky < rows.end; ++ky) {
        for (int64_t kx = columns.begin; kx < columns.end; ++kx) {
          const float* from = x + pixel_offset(g, rows, columns, ky, kx);
#pragma GCC ivdep
          for (int64_t c = 0; c < g.channels; ++c) y[c] += from[c];
        }
      }
      for (int64_t c = 0; c < g.channels; ++c) y[c] *= scale;
    });
  });
}

void average_backward(const AveragePoolBackward& args) {
  const PoolingGeometry& g = args.geometry;
  const float scale = 1.0f / static_cast<float>(g.kernel_height * g.kernel_width);
  parallel_for(g.batch, in_elements(g), [&](int64_t image) {
    float* dx = args.dx + image * in_elements(g);
    __builtin_memset(dx, 0, static_cast<size_t>(in_elements(g)) * sizeof(float));
    for_each_window(g, [&](int64_t pixel, const Window& rows, const Window& columns) {
      const float* dy = args.dy + image * out_elements(g) + pixel * g.channels;
      for (int64_t ky = rows.begin; ky < rows.end; ++ky) {
        for (int64_t kx = columns.begin; kx < columns.end; ++kx) {
          float* to = dx + pixel_offset(g, rows, columns, ky, kx);
#pragma GCC ivdep
          for (int64_t c = 0; c < g.channels; ++c) to[c] += dy[c] * scale;
        }
      }
    });
  });
}

}  // namespace

PoolingKernels pooling_kernels() { return {max_forward, max_backward, average_forward, average_backward}; }

TESSERA_ISA_END
