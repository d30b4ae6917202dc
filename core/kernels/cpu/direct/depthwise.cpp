// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/depthwise.h"

#include <algorithm>

#include "core/kernels/cpu/direct/image.h"

namespace tessera::cpu::depthwise {
namespace {

/// [place][channel] of [channel][place], the places from end to beginning where `turned`.
Tensor by_place(const float* weight, int64_t channels, bool turned) {
  const Tensor packed = direct::scratch(kDepthwisePlaces * channels);
  float* to = packed.data<float>();
  for (int64_t channel = 0; channel < channels; ++channel) {
    for (int place = 0; place < kDepthwisePlaces; ++place) to[(turned ? kDepthwisePlaces - 1 - place : place) * channels + channel] = *weight++;
  }
  return packed;
}

/// One dim of a convolution as one of its directions sees it: where results lie, and what they are sums of.
struct Dim {
  int64_t results, sources;  ///< pixels
  int64_t stride, padding;
};

/// One dim of a window: which places of it count for a result, and of which source pixels.
struct Window {
  int64_t count = 0;
  int64_t place[3], from[3];

  void add(int64_t k, int64_t position, int64_t size) {
    if (position < 0 || position >= size) return;
    place[count] = k, from[count] = position;
    ++count;
  }
  static Window of_output(int64_t out, const Dim& dim) {
    Window window;
    for (int64_t k = 0; k < 3; ++k) window.add(k, out * dim.stride - dim.padding + k, dim.sources);
    return window;
  }
  static Window of_input(int64_t in, const Dim& dim) {
    Window window;
    for (int64_t k = 0; k < 3; ++k) {
      if ((in + dim.padding - k) % dim.stride == 0) window.add(k, (in + dim.padding - k) / dim.stride, dim.sources);
    }
    return window;
  }
};

/// A direction: forward, or the gradient of the input.
struct Problem {
  int64_t batch, channels;
  Dim rows, columns;
  bool backward;
  const float* sources;
  const float* weight;
  const float* bias;  ///< nullptr: none
  float* results;

  Window window(int64_t result, const Dim& dim) const { return backward ? Window::of_input(result, dim) : Window::of_output(result, dim); }
};

/// Rows are pieces of work: run_row(image, row of the result, results).
template <typename Body>
void for_each_row(const Problem& problem, Body run_row) {
  const int64_t rows = problem.batch * problem.rows.results, row_elements = problem.columns.results * problem.channels;
  direct::for_each_part(rows, direct::threads_for(rows, rows * row_elements * kDepthwisePlaces), [&](int64_t row, int) {
    const float* image = problem.sources + row / problem.rows.results * problem.rows.sources * problem.columns.sources * problem.channels;
    run_row(image, row % problem.rows.results, problem.results + row * row_elements);
  });
}

/// Of each pixel the sum over what the windows of its row and its column say.
void sum_row(const Window& rows, const std::vector<Window>& columns, const float* image, int64_t width, const float* weight, DepthwiseSum sum) {
  const int64_t channels = sum.channels;
  for (const Window& column : columns) {
    sum.places = 0;
    for (int64_t i = 0; i < rows.count; ++i) {
      for (int64_t j = 0; j < column.count; ++j, ++sum.places) {
        sum.x[sum.places] = image + (rows.from[i] * width + column.from[j]) * channels;
        sum.weight[sum.places] = weight + (3 * rows.place[i] + column.place[j]) * channels;
      }
    }
    depthwise_kernels().sum(sum);
    sum.out += channels;
  }
}

/// Windows of any step.
void step(const Problem& problem) {
  const Tensor weight = by_place(problem.weight, problem.channels, false);
  std::vector<Window> columns;
  for (int64_t result = 0; result < problem.columns.results; ++result) columns.push_back(problem.window(result, problem.columns));
  for_each_row(problem, [&](const float* image, int64_t row, float* results) {
    sum_row(problem.window(row, problem.rows), columns, image, problem.columns.sources, weight.data<float>(), {0, problem.channels, {}, {}, problem.bias, results});
  });
}

/// Windows of step one: the gradient of the input is a convolution of the output's by turned weights.
void slide(const Problem& problem) {
  const int64_t channels = problem.channels, source_row = problem.columns.sources * channels;
  const Tensor weight = by_place(problem.weight, channels, problem.backward), outside = direct::scratch(source_row);
  fill_zero(outside);
  const auto before = [&](const Dim& dim) { return problem.backward ? 2 - dim.padding : dim.padding; };
  for_each_row(problem, [&](const float* image, int64_t row, float* results) {
    DepthwiseRow window{problem.columns.results, problem.columns.sources, channels, before(problem.columns), {}, weight.data<float>(), problem.bias, results};
    for (int64_t i = 0; i < 3; ++i) {
      const int64_t source = row - before(problem.rows) + i;
      window.rows[i] = source >= 0 && source < problem.rows.sources ? image + source * source_row : outside.data<float>();
    }
    depthwise_kernels().row(window);
  });
}

void run(const Problem& problem) {
  const auto slides = [](const Dim& dim) { return dim.stride == 1 && dim.padding <= 2; };
  return slides(problem.rows) && slides(problem.columns) ? slide(problem) : step(problem);
}

}  // namespace

bool fits(const ConvolutionGeometry& g) {
  return g.kernel_height == 3 && g.kernel_width == 3 && g.groups == g.in_channels && g.groups == g.out_channels && g.dilation_height == 1 && g.dilation_width == 1;
}

void forward(const ConvolutionForward& args) {
  const ConvolutionGeometry& g = args.geometry;
  run({g.batch, g.groups, {g.out_height, g.in_height, g.stride_height, g.padding_height}, {g.out_width, g.in_width, g.stride_width, g.padding_width},
       false, args.x, args.weight, args.bias, args.y});
}

void backward_data(const ConvolutionBackwardData& args) {
  const ConvolutionGeometry& g = args.geometry;
  run({g.batch, g.groups, {g.in_height, g.out_height, g.stride_height, g.padding_height}, {g.in_width, g.out_width, g.stride_width, g.padding_width},
       true, args.dy, args.weight, nullptr, args.dx});
}

}  // namespace tessera::cpu::depthwise
