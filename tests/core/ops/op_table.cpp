// SPDX-License-Identifier: Apache-2.0
#include "tests/core/ops/op_table.h"

#include <algorithm>
#include <cmath>

#include "core/ops/activation.h"
#include "core/ops/convolution.h"
#include "core/ops/linear.h"
#include "core/ops/loss.h"
#include "core/ops/normalisation.h"
#include "core/ops/pooling.h"
#include "core/ops/shape.h"

namespace tessera::test {
namespace {

using autograd::Variable;

Numbers map(const Numbers& x, double (*function)(double)) {
  Numbers y(x.size());
  std::transform(x.begin(), x.end(), y.begin(), function);
  return y;
}

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

/// inputs: x, weight, bias and, where asked, residual
Numbers batch_norm_reference(const std::vector<Numbers>& in, int64_t samples, int64_t channels, int64_t pixels, bool relu) {
  Numbers y(in[0].size());
  const auto place = [&](int64_t n, int64_t c, int64_t p) { return static_cast<size_t>((n * channels + c) * pixels + p); };
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0.0, squares = 0.0;
    for (int64_t n = 0; n < samples; ++n)
      for (int64_t p = 0; p < pixels; ++p) sum += in[0][place(n, c, p)];
    const double mean = sum / static_cast<double>(samples * pixels);
    for (int64_t n = 0; n < samples; ++n)
      for (int64_t p = 0; p < pixels; ++p) squares += (in[0][place(n, c, p)] - mean) * (in[0][place(n, c, p)] - mean);
    const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(samples * pixels) + 1e-5);
    for (int64_t n = 0; n < samples; ++n)
      for (int64_t p = 0; p < pixels; ++p) {
        const size_t i = place(n, c, p);
        double value = (in[0][i] - mean) * inverse * in[1][static_cast<size_t>(c)] + in[2][static_cast<size_t>(c)];
        if (in.size() > 3) value += in[3][i];
        y[i] = relu ? std::max(value, 0.0) : value;
      }
  }
  return y;
}

OpRow batch_norm_row(const Shape& x, bool relu, bool residual) {
  const int64_t pixels = x.elements() / (x[0] * x[1]);
  const bool image = x.dims() == 4;
  std::vector<OpInput> inputs = {{x, image, -1.0, 3.0}, {{x[1]}, false, 0.5, 1.5}, {{x[1]}}};
  if (residual) inputs.push_back({x, image});
  return {"batch_norm " + x.text() + (relu ? " relu" : "") + (residual ? " residual" : ""), inputs,
          [=](const std::vector<Variable>& in) {
            const ops::BatchStatistics statistics{Tensor::empty({x[1]}), Tensor::empty({x[1]})};
            return ops::batch_norm(in[0], in[1], in[2], residual ? in[3] : Variable(), {1e-5, relu}, statistics);
          },
          [=](const std::vector<Numbers>& in) { return batch_norm_reference(in, x[0], x[1], pixels, relu); }};
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

OpRow linear_row(int64_t rows, int64_t in_features, int64_t out_features) {
  return {"linear " + Shape{rows, in_features, out_features}.text(),
          {{{rows, in_features}}, {{out_features, in_features}}, {{out_features}}},
          [](const std::vector<Variable>& in) { return ops::linear(in[0], in[1], in[2]); },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            for (int64_t r = 0; r < rows; ++r)
              for (int64_t o = 0; o < out_features; ++o) {
                double sum = in[2][static_cast<size_t>(o)];
                for (int64_t i = 0; i < in_features; ++i)
                  sum += in[0][static_cast<size_t>(r * in_features + i)] * in[1][static_cast<size_t>(o * in_features + i)];
                y.push_back(sum);
              }
            return y;
          }};
}

OpRow unary_row(const char* name, const OpInput& input, Variable (*op)(const Variable&), double (*function)(double)) {
  return {std::string(name) + " " + input.shape.text(), {input},
          [op](const std::vector<Variable>& in) { return op(in[0]); },
          [function](const std::vector<Numbers>& in) { return map(in[0], function); }};
}

OpRow cross_entropy_row(int64_t rows, int64_t classes, double range) {
  return {"cross_entropy " + Shape{rows, classes}.text(), {{{rows, classes}, false, -range, range}},
          [=](const std::vector<Variable>& in) {
            std::vector<int64_t> targets;
            for (int64_t r = 0; r < rows; ++r) targets.push_back((r * 7) % classes);
            return ops::cross_entropy(in[0], Tensor::of<int64_t>(targets, {rows}));
          },
          [=](const std::vector<Numbers>& in) {
            double loss = 0.0;
            for (int64_t r = 0; r < rows; ++r) {
              const double* logits = in[0].data() + r * classes;
              const double largest = *std::max_element(logits, logits + classes);
              double sum = 0.0;
              for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - largest);
              loss += std::log(sum) + largest - logits[(r * 7) % classes];
            }
            return Numbers{loss};
          }};
}

}  // namespace

std::vector<OpRow> op_table() {
  std::vector<OpRow> rows;
  const auto relu = [](double x) { return std::max(x, 0.0); };
  const auto sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  const auto hyperbolic = [](double x) { return std::tanh(x); };
  for (const OpInput& input : {OpInput{{7, 13}}, OpInput{{1}}, OpInput{{2, 3, 5, 7}, true}, OpInput{{4099}, false, -12.0, 12.0}, OpInput{{0, 5}}}) {
    rows.push_back(unary_row("relu", input, ops::relu, relu));
    rows.push_back(unary_row("tanh", input, ops::tanh, hyperbolic));
    rows.push_back(unary_row("sigmoid", input, ops::sigmoid, sigmoid));
  }
  for (const Shape& s : {Shape{1, 1, 1}, Shape{5, 7, 3}, Shape{64, 120, 84}, Shape{3, 1, 9}, Shape{0, 4, 3}, Shape{8, 8, 8}, Shape{1, 33, 17}, Shape{13, 9, 70}}) {
    rows.push_back(linear_row(s[0], s[1], s[2]));
  }
  rows.push_back(conv_row({2, 1, 12, 12}, {6, 1, 5, 5}, {.padding = 2}));
  rows.push_back(conv_row({3, 6, 9, 7}, {16, 6, 5, 5}, {}));
  rows.push_back(conv_row({1, 3, 8, 9}, {5, 3, 3, 3}, {.stride = 2, .padding = 1}));
  rows.push_back(conv_row({2, 16, 5, 5}, {8, 16, 1, 1}, {}));
  rows.push_back(conv_row({1, 1, 5, 5}, {1, 1, 5, 5}, {}));
  rows.push_back(conv_row({2, 16, 8, 8}, {32, 16, 3, 3}, {.stride = 2, .padding = 1}));
  rows.push_back(conv_row({2, 5, 11, 9}, {4, 5, 3, 3}, {.padding = 2, .dilation = 2}));
  rows.push_back(conv_row({2, 8, 7, 7}, {12, 2, 3, 3}, {.padding = 1, .groups = 4}));
  rows.push_back(conv_row({2, 16, 9, 9}, {16, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 16}));
  // Channels that leave every tail of a vector, odd sizes, and strides and paddings beside them.
  for (int64_t channels = 1; channels <= 9; ++channels) {
    const int64_t kernel = 1 + channels % 4, stride = 1 + channels % 3, padding = channels % 2;
    rows.push_back(conv_row({2, channels, 5 + 2 * channels, 23 - channels}, {10 - channels, channels, kernel, kernel},
                            {.stride = stride, .padding = padding}));
  }
  rows.push_back(conv_row({1, 3, 33, 31}, {16, 3, 7, 7}, {.stride = 2, .padding = 3}));
  rows.push_back(conv_row({5, 16, 9, 11}, {16, 16, 3, 3}, {.padding = 1}));
  rows.push_back(conv_row({0, 6, 9, 9}, {4, 6, 3, 3}, {.padding = 1}));
  for (const auto& [with_relu, residual] : {std::pair{false, false}, {true, false}, {false, true}, {true, true}}) {
    rows.push_back(batch_norm_row({3, 16, 5, 7}, with_relu, residual));
    rows.push_back(batch_norm_row({2, 21, 3, 3}, with_relu, residual));
  }
  rows.push_back(batch_norm_row({300, 5}, true, false));
  rows.push_back(batch_norm_row({2, 1, 9, 9}, true, true));
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
    rows.push_back(pool_row({2, 9, 11, 8}, 3, 3, 0, maximum));
    rows.push_back(pool_row({2, 16, 7, 7}, 2, 1, 1, maximum));
  }
  rows.push_back({"flatten [2, 3, 4, 5]", {{{2, 3, 4, 5}, true}}, [](const auto& in) { return ops::flatten(in[0]); },
                  [](const auto& in) { return in[0]; }});
  rows.push_back(cross_entropy_row(5, 10, 3.0));
  rows.push_back(cross_entropy_row(1, 2, 50.0));
  rows.push_back(cross_entropy_row(33, 1001, 5.0));
  return rows;
}

}  // namespace tessera::test
