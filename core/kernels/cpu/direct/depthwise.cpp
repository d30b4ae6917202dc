// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/depthwise.h"

#include <algorithm>

#include "core/kernels/cpu/direct/image.h"

namespace tessera::cpu::depthwise {
namespace {

/// [place][channel] of [channel][place].
Tensor by_place(const float* weight, int64_t channels) {
  const Tensor packed = direct::scratch(kDepthwisePlaces * channels);
  float* to = packed.data<float>();
  for (int64_t channel = 0; channel < channels; ++channel) {
    for (int place = 0; place < kDepthwisePlaces; ++place) to[place * channels + channel] = *weight++;
  }
  return packed;
}

/// One dim of a window: which places of it count for an output (of inputs), or for an input (of outputs).
struct Window {
  int64_t count = 0;
  int64_t place[3], from[3];

  void add(int64_t k, int64_t position, int64_t size) {
    if (position < 0 || position >= size) return;
    place[count] = k, from[count] = position;
    ++count;
  }
  static Window of_output(int64_t out, int64_t stride, int64_t padding, int64_t in_size) {
    Window window;
    for (int64_t k = 0; k < 3; ++k) window.add(k, out * stride - padding + k, in_size);
    return window;
  }
  static Window of_input(int64_t in, int64_t stride, int64_t padding, int64_t out_size) {
    Window window;
    for (int64_t k = 0; k < 3; ++k) {
      if ((in + padding - k) % stride == 0) window.add(k, (in + padding - k) / stride, out_size);
    }
    return window;
  }
};

/// A row of results: of each pixel the sum over what `columns` and `rows` say of an image of rows of `width` pixels.
void run_row(const Window& rows, const Window* columns, int64_t pixels, const float* image, int64_t width, const float* weight, DepthwiseSum sum) {
  const int64_t channels = sum.channels;
  for (int64_t pixel = 0; pixel < pixels; ++pixel, sum.out += channels) {
    const Window& column = columns[pixel];
    sum.places = 0;
    for (int64_t i = 0; i < rows.count; ++i) {
      for (int64_t j = 0; j < column.count; ++j, ++sum.places) {
        sum.x[sum.places] = image + (rows.from[i] * width + column.from[j]) * channels;
        sum.weight[sum.places] = weight + (3 * rows.place[i] + column.place[j]) * channels;
      }
    }
    depthwise_kernels().sum(sum);
  }
}

int threads_for(const ConvolutionGeometry& g, int64_t parts) {
  return direct::threads_for(parts, g.batch * g.out_height * g.out_width * g.out_channels * kDepthwisePlaces);
}

}  // namespace

bool fits(const ConvolutionGeometry& g) {
  return g.kernel_height == 3 && g.kernel_width == 3 && g.groups == g.in_channels && g.groups == g.out_channels && g.dilation_height == 1 && g.dilation_width == 1;
}

void forward(const ConvolutionForward& args) {
  const ConvolutionGeometry& g = args.geometry;
  const Tensor weight = by_place(args.weight, g.groups);
  std::vector<Window> columns;
  for (int64_t ow = 0; ow < g.out_width; ++ow) columns.push_back(Window::of_output(ow, g.stride_width, g.padding_width, g.in_width));
  const int64_t rows = g.batch * g.out_height;
  direct::for_each_part(rows, threads_for(g, rows), [&](int64_t row, int) {
    const Window window = Window::of_output(row % g.out_height, g.stride_height, g.padding_height, g.in_height);
    const float* image = args.x + row / g.out_height * g.in_height * g.in_width * g.groups;
    run_row(window, columns.data(), g.out_width, image, g.in_width, weight.data<float>(), {0, g.groups, {}, {}, args.bias, args.y + row * g.out_width * g.groups});
  });
}

void backward_data(const ConvolutionBackwardData& args) {
  const ConvolutionGeometry& g = args.geometry;
  const Tensor weight = by_place(args.weight, g.groups);
  std::vector<Window> columns;
  for (int64_t w = 0; w < g.in_width; ++w) columns.push_back(Window::of_input(w, g.stride_width, g.padding_width, g.out_width));
  const int64_t rows = g.batch * g.in_height;
  direct::for_each_part(rows, threads_for(g, rows), [&](int64_t row, int) {
    const Window window = Window::of_input(row % g.in_height, g.stride_height, g.padding_height, g.out_height);
    const float* image = args.dy + row / g.in_height * g.out_height * g.out_width * g.groups;
    run_row(window, columns.data(), g.in_width, image, g.out_width, weight.data<float>(), {0, g.groups, {}, {}, nullptr, args.dx + row * g.in_width * g.groups});
  });
}

}  // namespace tessera::cpu::depthwise
