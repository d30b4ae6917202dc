// SPDX-License-Identifier: Apache-2.0
#include "core/ops/convolution.h"
#include "core/ops/shape.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

size_t at(const Shape& shape, int64_t n, int64_t c, int64_t h, int64_t w) {
  return static_cast<size_t>(((n * shape[1] + c) * shape[2] + h) * shape[3] + w);
}

/// Windows along one dim of an image.
struct Windows {
  int64_t kernel, stride, padding, dilation = 1;
  bool ceil_mode = false;

  int64_t start(int64_t i) const { return i * stride - padding; }
  int64_t stop(int64_t i) const { return start(i) + dilation * (kernel - 1) + 1; }
  /// As many as end inside the padded image, or begin inside it before anyone has reached its end.
  int64_t count(int64_t size) const {
    int64_t i = 0;
    while (stop(i) <= size + padding || (ceil_mode && start(i) < size && (i == 0 || stop(i - 1) < size + padding))) ++i;
    return i;
  }
};

/// body(output place, n, c, first row, first column) over [N, channels, H', W'].
template <typename Body>
void for_each_output(const Shape& x, int64_t channels, const Windows& rows, const Windows& columns, Body body) {
  const Shape out{x[0], channels, rows.count(x[2]), columns.count(x[3])};
  for (int64_t n = 0; n < out[0]; ++n)
    for (int64_t c = 0; c < out[1]; ++c)
      for (int64_t h = 0; h < out[2]; ++h)
        for (int64_t w = 0; w < out[3]; ++w) body(at(out, n, c, h, w), n, c, rows.start(h), columns.start(w));
}

template <typename Options>
Windows rows_of(int64_t kernel, const Options& o) { return {kernel, o.stride.height, o.padding.height, o.dilation.height}; }
template <typename Options>
Windows columns_of(int64_t kernel, const Options& o) { return {kernel, o.stride.width, o.padding.width, o.dilation.width}; }

/// body(output place, input place, weight place) for every product of a convolution.
template <typename Options, typename Body>
void for_each_product(const Shape& x, const Shape& weight, const Options& options, Body body) {
  const Windows rows = rows_of(weight[2], options), columns = columns_of(weight[3], options);
  for_each_output(x, weight[0], rows, columns, [&](size_t place, int64_t n, int64_t o, int64_t top, int64_t left) {
    const int64_t first = o / (weight[0] / options.groups) * weight[1];
    for (int64_t c = 0; c < weight[1]; ++c)
      for (int64_t i = 0; i < weight[2]; ++i)
        for (int64_t j = 0; j < weight[3]; ++j) {
          const int64_t h = top + i * rows.dilation, w = left + j * columns.dilation;
          if (h >= 0 && h < x[2] && w >= 0 && w < x[3]) body(place, at(x, n, first + c, h, w), at(weight, o, c, i, j));
        }
  });
}

/// Every channel's bias in all its pixels.
Numbers start_with(const Numbers& bias, const Shape& out) {
  Numbers y;
  const int64_t pixels = out[2] * out[3];
  for (int64_t i = 0; i < out.elements(); ++i) y.push_back(bias[static_cast<size_t>(i / pixels % out[1])]);
  return y;
}

template <typename Options>
std::string text_of(const Options& o) {
  return " stride " + o.stride.text() + " padding " + o.padding.text() + " dilation " + o.dilation.text();
}

OpRow conv_row(const Shape& x, const Shape& weight, const ops::ConvolutionOptions& options) {
  const Shape out{x[0], weight[0], rows_of(weight[2], options).count(x[2]), columns_of(weight[3], options).count(x[3])};
  return {"conv2d " + x.text() + " " + weight.text() + text_of(options) + " groups " + std::to_string(options.groups),
          {{x, true}, {weight}, {{weight[0]}}},
          [=](const std::vector<Variable>& in) { return ops::conv2d(in[0], in[1], in[2], options, std::make_shared<PackedWeight>()); },
          [=](const std::vector<Numbers>& in) {
            Numbers y = start_with(in[2], out);
            for_each_product(x, weight, options, [&](size_t to, size_t from, size_t by) { y[to] += in[0][from] * in[1][by]; });
            return y;
          }};
}

/// Against a convolution without padding of the image in a border of zeros, `before` and `after` it in both dims.
OpRow same_conv_row(const Shape& x, const Shape& weight, ops::ConvolutionOptions options, int64_t before, int64_t after) {
  options.same = true;
  const Shape bordered{x[0], x[1], x[2] + before + after, x[3] + before + after};
  const Shape out{x[0], weight[0], (x[2] + options.stride.height - 1) / options.stride.height, (x[3] + options.stride.width - 1) / options.stride.width};
  return {"conv2d " + x.text() + " " + weight.text() + text_of(options) + " same groups " + std::to_string(options.groups),
          {{x, true}, {weight}, {{weight[0]}}},
          [=](const std::vector<Variable>& in) { return ops::conv2d(in[0], in[1], in[2], options, std::make_shared<PackedWeight>()); },
          [=](const std::vector<Numbers>& in) {
            Numbers image(static_cast<size_t>(bordered.elements()), 0.0), y = start_with(in[2], out);
            for_each_output(x, x[1], {1, 1, 0}, {1, 1, 0}, [&](size_t place, int64_t n, int64_t c, int64_t h, int64_t w) {
              image[at(bordered, n, c, h + before, w + before)] = in[0][place];
            });
            for_each_product(bordered, weight, options, [&](size_t to, size_t from, size_t by) { y[to] += image[from] * in[1][by]; });
            return y;
          }};
}

/// Every product of the convolution that the op is the gradient of, from its output to its input.
OpRow conv_transpose_row(const Shape& x, const Shape& weight, const ops::ConvolutionTransposeOptions& options) {
  const auto size = [](int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, int64_t extra) {
    return (in - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1;
  };
  const Shape out{x[0], weight[1] * options.groups,
                  size(x[2], weight[2], options.stride.height, options.padding.height, options.dilation.height, options.output_padding.height),
                  size(x[3], weight[3], options.stride.width, options.padding.width, options.dilation.width, options.output_padding.width)};
  return {"conv_transpose2d " + x.text() + " " + weight.text() + text_of(options) + " output padding " + options.output_padding.text() + " groups " +
              std::to_string(options.groups),
          {{x, true}, {weight}, {{out[1]}}},
          [=](const std::vector<Variable>& in) { return ops::conv_transpose2d(in[0], in[1], in[2], options, std::make_shared<PackedWeight>()); },
          [=](const std::vector<Numbers>& in) {
            Numbers y = start_with(in[2], out);
            for_each_product(out, weight, options, [&](size_t from, size_t to, size_t by) { y[to] += in[0][from] * in[1][by]; });
            return y;
          }};
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
  // Groups of four to sixteen channels, alone and in pairs; the gradient of the input with windows turned, and with steps of two.
  rows.push_back(conv_row({2, 24, 7, 6}, {24, 4, 3, 3}, {.padding = 1, .groups = 6}));
  rows.push_back(conv_row({1, 16, 6, 9}, {32, 8, 3, 3}, {.stride = 2, .padding = 1, .groups = 2}));
  rows.push_back(conv_row({3, 32, 5, 4}, {32, 16, 3, 3}, {.padding = 1, .groups = 2}));
  rows.push_back(conv_row({2, 16, 7, 6}, {16, 4, 3, 3}, {.padding = 1, .groups = 4}));
  rows.push_back(conv_row({1, 16, 6, 9}, {16, 4, 3, 3}, {.stride = 2, .padding = 1, .groups = 4}));
  rows.push_back(conv_row({1, 16, 5, 6}, {16, 8, 3, 3}, {.stride = 2, .padding = 1, .groups = 2}));
  rows.push_back(conv_row({2, 3, 9, 12}, {4, 3, 1, 5}, {.stride = {1, 2}, .padding = {0, 2}}));
  rows.push_back(conv_row({2, 16, 12, 7}, {24, 16, 5, 2}, {.stride = {3, 1}, .padding = {1, 0}, .dilation = {2, 1}}));
  rows.push_back(conv_row({0, 3, 6, 6}, {4, 3, 3, 3}, {}));
  rows.push_back(conv_row({0, 6, 9, 9}, {4, 6, 3, 3}, {.padding = 1}));
  rows.push_back(conv_row({1, 3, 33, 31}, {16, 3, 7, 7}, {.stride = 2, .padding = 3}));
  rows.push_back(conv_row({5, 16, 9, 11}, {16, 16, 3, 3}, {.padding = 1}));
  // Channels that leave every tail of a vector, odd sizes, and strides and paddings beside them.
  for (int64_t channels = 1; channels <= 9; ++channels) {
    const int64_t kernel = 1 + channels % 4, stride = 1 + channels % 3, padding = channels % 2;
    rows.push_back(conv_row({2, channels, 5 + 2 * channels, 23 - channels}, {10 - channels, channels, kernel, kernel},
                            {.stride = stride, .padding = padding}));
  }
  rows.push_back(same_conv_row({2, 3, 8, 10}, {8, 3, 3, 3}, {.stride = 2}, 0, 1));
  rows.push_back(same_conv_row({2, 3, 9, 7}, {5, 3, 3, 3}, {.stride = 2}, 1, 1));
  rows.push_back(same_conv_row({1, 16, 8, 6}, {16, 1, 3, 3}, {.stride = 2, .groups = 16}, 0, 1));
  rows.push_back(same_conv_row({2, 16, 7, 6}, {32, 16, 3, 3}, {}, 1, 1));
  rows.push_back(same_conv_row({1, 4, 6, 9}, {8, 4, 4, 4}, {}, 1, 2));
  rows.push_back(same_conv_row({1, 4, 9, 6}, {6, 4, 3, 3}, {.dilation = 2}, 2, 2));
  rows.push_back(same_conv_row({1, 8, 7, 5}, {8, 8, 1, 1}, {.stride = 2}, 0, 0));
  rows.push_back(conv_transpose_row({2, 4, 5, 6}, {4, 3, 3, 3}, {.stride = 2, .padding = 1, .output_padding = 1}));
  rows.push_back(conv_transpose_row({2, 16, 4, 4}, {16, 24, 4, 4}, {.stride = 2, .padding = 1}));
  rows.push_back(conv_transpose_row({1, 6, 3, 5}, {6, 2, 3, 2}, {.stride = {3, 2}, .padding = {0, 1}, .output_padding = {2, 1}, .groups = 3}));
  rows.push_back(conv_transpose_row({1, 16, 5, 6}, {16, 4, 3, 3}, {.padding = 1, .groups = 4}));
  rows.push_back(conv_transpose_row({2, 5, 4, 4}, {5, 4, 3, 3}, {.padding = 1, .dilation = 2}));
  rows.push_back(conv_transpose_row({1, 1, 1, 1}, {1, 1, 1, 1}, {.stride = 2, .output_padding = 1}));
  rows.push_back(conv_transpose_row({2, 16, 3, 3}, {16, 1, 3, 3}, {.stride = 2, .groups = 16}));
  rows.push_back(conv_transpose_row({0, 3, 4, 4}, {3, 2, 3, 3}, {}));
  rows.push_back(subsample_row({2, 4, 8, 8}, 2, 8));
  rows.push_back(subsample_row({1, 3, 7, 5}, 2, 6));
  rows.push_back(subsample_row({1, 3, 4, 4}, 1, 5));
  return rows;
}

}  // namespace tessera::test
