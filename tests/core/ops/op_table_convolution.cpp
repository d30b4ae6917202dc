// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/ops/convolution.h"
#include "core/ops/pooling.h"
#include "core/ops/shape.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

size_t at(const Shape& shape, int64_t n, int64_t c, int64_t h, int64_t w) {
  return static_cast<size_t>(((n * shape[1] + c) * shape[2] + h) * shape[3] + w);
}

struct Window {
  int64_t kernel, stride, padding, dilation = 1, groups = 1;
  int64_t out(int64_t size) const { return (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1; }
};

/// body(output place, n, c, first row, first column) over [N, channels, H', W'].
template <typename Body>
void for_each_output(const Shape& x, int64_t channels, const Window& window, Body body) {
  const Shape out{x[0], channels, window.out(x[2]), window.out(x[3])};
  for (int64_t n = 0; n < out[0]; ++n)
    for (int64_t c = 0; c < out[1]; ++c)
      for (int64_t h = 0; h < out[2]; ++h)
        for (int64_t w = 0; w < out[3]; ++w)
          body(at(out, n, c, h, w), n, c, h * window.stride - window.padding, w * window.stride - window.padding);
}

Numbers conv_reference(const std::vector<Numbers>& in, const Shape& x, const Shape& weight, const Window& window) {
  Numbers y(static_cast<size_t>(x[0] * weight[0] * window.out(x[2]) * window.out(x[3])));
  for_each_output(x, weight[0], window, [&](size_t place, int64_t n, int64_t o, int64_t top, int64_t left) {
    double sum = in[2][static_cast<size_t>(o)];
    const int64_t first = o / (weight[0] / window.groups) * weight[1];
    for (int64_t c = 0; c < weight[1]; ++c)
      for (int64_t i = 0; i < window.kernel; ++i)
        for (int64_t j = 0; j < window.kernel; ++j) {
          const int64_t h = top + i * window.dilation, w = left + j * window.dilation;
          if (h >= 0 && h < x[2] && w >= 0 && w < x[3]) sum += in[0][at(x, n, first + c, h, w)] * in[1][at(weight, o, c, i, j)];
        }
    y[place] = sum;
  });
  return y;
}

Numbers pool_reference(const Numbers& in, const Shape& x, const Window& window, bool maximum) {
  Numbers y(static_cast<size_t>(x[0] * x[1] * window.out(x[2]) * window.out(x[3])));
  for_each_output(x, x[1], window, [&](size_t place, int64_t n, int64_t c, int64_t top, int64_t left) {
    double sum = 0.0, largest = -1e300;
    for (int64_t i = 0; i < window.kernel; ++i)
      for (int64_t j = 0; j < window.kernel; ++j)
        if (top + i >= 0 && top + i < x[2] && left + j >= 0 && left + j < x[3]) {
          sum += in[at(x, n, c, top + i, left + j)];
          largest = std::max(largest, in[at(x, n, c, top + i, left + j)]);
        }
    y[place] = maximum ? largest : sum / static_cast<double>(window.kernel * window.kernel);
  });
  return y;
}

OpRow conv_row(const Shape& x, const Shape& weight, const ops::ConvolutionOptions& options) {
  const Window window{weight[2], options.stride, options.padding, options.dilation, options.groups};
  return {"conv2d " + x.text() + " " + weight.text() + " stride " + std::to_string(options.stride) + " padding " + std::to_string(options.padding) +
              " dilation " + std::to_string(options.dilation) + " groups " + std::to_string(options.groups),
          {{x, true}, {weight}, {{weight[0]}}},
          [=](const std::vector<Variable>& in) { return ops::conv2d(in[0], in[1], in[2], options, std::make_shared<PackedWeight>()); },
          [=](const std::vector<Numbers>& in) { return conv_reference(in, x, weight, window); }};
}

OpRow subsample_row(const Shape& x, int64_t stride, int64_t channels) {
  return {"subsample_and_pad " + x.text() + " stride " + std::to_string(stride) + " to " + std::to_string(channels), {{x, true}},
          [=](const std::vector<Variable>& in) { return ops::subsample_and_pad(in[0], stride, channels); },
          [=](const std::vector<Numbers>& in) {
            const Shape out{x[0], channels, (x[2] + stride - 1) / stride, (x[3] + stride - 1) / stride};
            Numbers y(static_cast<size_t>(out.elements()), 0.0);
            for (int64_t n = 0; n < x[0]; ++n)
              for (int64_t c = 0; c < x[1]; ++c)
                for (int64_t h = 0; h < out[2]; ++h)
                  for (int64_t w = 0; w < out[3]; ++w)
                    y[at(out, n, (channels - x[1]) / 2 + c, h, w)] = in[0][at(x, n, c, h * stride, w * stride)];
            return y;
          }};
}

OpRow global_pool_row(const Shape& x) {
  return {"global_average_pool2d " + x.text(), {{x, true}}, [](const std::vector<Variable>& in) { return ops::global_average_pool2d(in[0]); },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            const auto pixels = static_cast<size_t>(x[2] * x[3]);
            for (size_t start = 0; start < in[0].size(); start += pixels) {
              double sum = 0.0;
              for (size_t p = 0; p < pixels; ++p) sum += in[0][start + p];
              y.push_back(sum / static_cast<double>(pixels));
            }
            return y;
          }};
}

OpRow pool_row(const Shape& x, int64_t kernel, int64_t stride, int64_t padding, bool maximum) {
  const Window window{kernel, stride, padding};
  return {std::string(maximum ? "max_pool2d " : "average_pool2d ") + x.text() + " kernel " + std::to_string(kernel) + " stride " +
              std::to_string(stride) + " padding " + std::to_string(padding),
          {{x, true}},
          [=](const std::vector<Variable>& in) {
            const ops::PoolingOptions options{kernel, stride, padding};
            return maximum ? ops::max_pool2d(in[0], options) : ops::average_pool2d(in[0], options);
          },
          [=](const std::vector<Numbers>& in) { return pool_reference(in[0], x, window, maximum); }};
}

}  // namespace

std::vector<OpRow> convolution_rows() {
  std::vector<OpRow> rows;
  rows.push_back(conv_row({2, 1, 12, 12}, {6, 1, 5, 5}, {.padding = 2}));
  rows.push_back(conv_row({3, 6, 9, 7}, {16, 6, 5, 5}, {}));
  rows.push_back(conv_row({1, 3, 8, 9}, {5, 3, 3, 3}, {.stride = 2, .padding = 1}));
  rows.push_back(conv_row({2, 16, 5, 5}, {8, 16, 1, 1}, {}));
  rows.push_back(conv_row({1, 1, 5, 5}, {1, 1, 5, 5}, {}));
  rows.push_back(conv_row({2, 16, 8, 8}, {32, 16, 3, 3}, {.stride = 2, .padding = 1}));
  rows.push_back(conv_row({2, 5, 11, 9}, {4, 5, 3, 3}, {.padding = 2, .dilation = 2}));
  rows.push_back(conv_row({2, 8, 7, 7}, {12, 2, 3, 3}, {.padding = 1, .groups = 4}));
  rows.push_back(conv_row({2, 16, 9, 9}, {16, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 16}));
  rows.push_back(subsample_row({2, 4, 8, 8}, 2, 8));
  rows.push_back(subsample_row({1, 3, 7, 5}, 2, 6));
  rows.push_back(subsample_row({1, 3, 4, 4}, 1, 5));
  rows.push_back(global_pool_row({3, 7, 8, 8}));
  rows.push_back(global_pool_row({1, 1, 1, 1}));
  for (const bool maximum : {true, false}) {
    rows.push_back(pool_row({2, 6, 8, 8}, 2, 2, 0, maximum));
    rows.push_back(pool_row({1, 3, 7, 9}, 3, 2, 1, maximum));
    rows.push_back(pool_row({2, 1, 5, 5}, 2, 2, 0, maximum));
    rows.push_back(pool_row({0, 3, 4, 4}, 2, 2, 0, maximum));
  }
  return rows;
}

}  // namespace tessera::test
