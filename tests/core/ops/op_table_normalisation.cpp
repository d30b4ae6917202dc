// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "core/ops/movement.h"
#include "core/ops/normalisation.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

/// inputs: x, weight, bias and, where asked, residual
Numbers batch_norm_reference(const std::vector<Numbers>& in, int64_t samples, int64_t channels, int64_t pixels, float ceiling) {
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
        y[i] = ceiling == kNoRelu ? value : std::clamp(value, 0.0, static_cast<double>(ceiling));
      }
  }
  return y;
}

OpRow batch_norm_row(const Shape& x, float ceiling, bool residual) {
  const int64_t pixels = x.elements() / (x[0] * x[1]);
  const bool image = x.dims() == 4;
  std::vector<OpInput> inputs = {{x, image, -1.0, 3.0}, {{x[1]}, false, 0.5, 1.5}, {{x[1]}}};
  if (residual) inputs.push_back({x, image});
  return {"batch_norm " + x.text() + (ceiling == kNoRelu ? "" : " ceiling " + std::to_string(ceiling)) + (residual ? " residual" : ""), inputs,
          [=](const std::vector<Variable>& in) {
            const ops::BatchStatistics statistics{Tensor::empty({x[1]}), Tensor::empty({x[1]})};
            return ops::batch_norm(in[0], in[1], in[2], residual ? in[3] : Variable(), {1e-5, ceiling}, statistics);
          },
          [=](const std::vector<Numbers>& in) { return batch_norm_reference(in, x[0], x[1], pixels, ceiling); }};
}

/// The input goes into the result, too, beside the normalised one, as in DenseNet: its gradient has two parts, of which one lies among other channels.
OpRow dense_batch_norm_row(const Shape& x, float ceiling) {
  OpRow row = batch_norm_row(x, ceiling, false);
  row.name = "concatenated " + row.name;
  row.run = [run = row.run](const std::vector<Variable>& in) { return ops::concatenate(std::array{in[0], run(in)}, 1); };
  const int64_t block = x.elements() / x[0];
  row.reference = [samples = x[0], block, reference = row.reference](const std::vector<Numbers>& in) {
    const Numbers y = reference(in);
    Numbers both;
    for (int64_t n = 0; n < samples; ++n) {
      for (const Numbers* part : {&in[0], &y}) both.insert(both.end(), part->begin() + n * block, part->begin() + (n + 1) * block);
    }
    return both;
  };
  return row;
}

/// With mean c / 4 and variance 1/2 + c of channel c.
OpRow batch_norm_apply_row(const Shape& x, float ceiling, bool residual) {
  OpRow row = batch_norm_row(x, ceiling, residual);
  const auto channels = static_cast<size_t>(x[1]), pixels = static_cast<size_t>(x.elements() / (x[0] * x[1]));
  row.name = "batch_norm_apply" + row.name.substr(std::string("batch_norm").size());
  row.run = [=](const std::vector<Variable>& in) {
    const Tensor mean = Tensor::empty({x[1]}), variance = Tensor::empty({x[1]});
    for (int64_t c = 0; c < x[1]; ++c) mean.data<float>()[c] = 0.25f * static_cast<float>(c), variance.data<float>()[c] = 0.5f + static_cast<float>(c);
    return ops::batch_norm_apply(in[0], in[1], in[2], residual ? in[3] : Variable(), {1e-5, ceiling}, mean, variance);
  };
  row.reference = [=](const std::vector<Numbers>& in) {
    Numbers y(in[0].size());
    for (size_t i = 0; i < y.size(); ++i) {
      const size_t c = i / pixels % channels;
      const double value = (in[0][i] - 0.25 * static_cast<double>(c)) / std::sqrt(0.5 + static_cast<double>(c) + 1e-5) * in[1][c] + in[2][c] + (residual ? in[3][i] : 0.0);
      y[i] = ceiling == kNoRelu ? value : std::clamp(value, 0.0, static_cast<double>(ceiling));
    }
    return y;
  };
  return row;
}

/// inputs: x and, where asked, weight and bias; `group_of(i)` and `channel_of(i)` say what element i of x is normalised with and scaled by
template <typename GroupOf, typename ChannelOf>
Numbers group_reference(const std::vector<Numbers>& in, size_t groups, GroupOf group_of, ChannelOf channel_of) {
  const size_t elements = in[0].size();
  Numbers count(groups, 0.0), mean(groups, 0.0), variance(groups, 0.0), y(elements);
  for (size_t i = 0; i < elements; ++i) {
    count[group_of(i)] += 1.0;
    mean[group_of(i)] += in[0][i];
  }
  for (size_t g = 0; g < groups; ++g) mean[g] /= count[g];
  for (size_t i = 0; i < elements; ++i) variance[group_of(i)] += (in[0][i] - mean[group_of(i)]) * (in[0][i] - mean[group_of(i)]) / count[group_of(i)];
  for (size_t i = 0; i < elements; ++i) {
    const double normalised = (in[0][i] - mean[group_of(i)]) / std::sqrt(variance[group_of(i)] + 1e-5);
    y[i] = in.size() == 1 ? normalised : normalised * in[1][channel_of(i)] + in[2][channel_of(i)];
  }
  return y;
}

/// With weight and bias of the shape `normalised`.
OpRow layer_norm_row(const Shape& x, const Shape& normalised, double mean = 1.0) {
  const auto columns = static_cast<size_t>(normalised.elements());
  return {"layer_norm " + x.text() + " over " + normalised.text(), {{x, false, mean - 2.0, mean + 2.0}, {normalised, false, 0.5, 1.5}, {normalised}},
          [=](const std::vector<Variable>& in) { return ops::layer_norm(in[0], normalised, in[1], in[2]); },
          [=](const std::vector<Numbers>& in) {
            return group_reference(in, in[0].size() / columns, [=](size_t i) { return i / columns; }, [=](size_t i) { return i % columns; });
          }};
}

OpRow group_norm_row(const Shape& x, int64_t groups, bool affine) {
  const auto channels = static_cast<size_t>(x[1]), width = channels / static_cast<size_t>(groups);
  const size_t pixels = x.dims() == 4 ? static_cast<size_t>(x[2] * x[3]) : 1;
  std::vector<OpInput> inputs = {{x, x.dims() == 4, -1.0, 3.0}};
  if (affine) inputs.insert(inputs.end(), {OpInput{{x[1]}, false, 0.5, 1.5}, OpInput{{x[1]}}});
  return {"group_norm " + x.text() + " groups " + std::to_string(groups) + (affine ? "" : " plain"), inputs,
          [=](const std::vector<Variable>& in) { return ops::group_norm(in[0], groups, affine ? in[1] : Variable(), affine ? in[2] : Variable()); },
          [=](const std::vector<Numbers>& in) {
            return group_reference(in, static_cast<size_t>(x[0] * groups), [=](size_t i) { return i / pixels / width; },
                                   [=](size_t i) { return i / pixels % channels; });
          }};
}

OpRow response_norm_row(const Shape& x, const ops::ResponseNormOptions& o) {
  const int64_t pixels = x.elements() == 0 ? 1 : x.elements() / (x[0] * x[1]);
  return {"local_response_norm " + x.text() + " window " + std::to_string(o.window), {{x, x.dims() == 4, -2.0, 2.0}},
          [=](const std::vector<Variable>& in) { return ops::local_response_norm(in[0], o); },
          [=](const std::vector<Numbers>& in) {
            Numbers y(in[0].size());
            const auto place = [&](int64_t n, int64_t c, int64_t p) { return static_cast<size_t>((n * x[1] + c) * pixels + p); };
            for (int64_t n = 0; n < x[0]; ++n)
              for (int64_t c = 0; c < x[1]; ++c)
                for (int64_t p = 0; p < pixels; ++p) {
                  double squares = 0.0;
                  for (int64_t k = std::max<int64_t>(0, c - o.window / 2); k <= std::min(x[1] - 1, c + (o.window - 1) / 2); ++k) {
                    squares += in[0][place(n, k, p)] * in[0][place(n, k, p)];
                  }
                  y[place(n, c, p)] = in[0][place(n, c, p)] / std::pow(o.start + o.alpha / static_cast<double>(o.window) * squares, o.beta);
                }
            return y;
          }};
}

}  // namespace

std::vector<OpRow> normalisation_rows() {
  std::vector<OpRow> rows;
  for (const float ceiling : {kNoRelu, kReluCeiling, 0.75f}) {
    for (const bool residual : {false, true}) {
      rows.push_back(batch_norm_row({3, 16, 5, 7}, ceiling, residual));
      rows.push_back(batch_norm_row({2, 21, 3, 3}, ceiling, residual));
      rows.push_back(batch_norm_apply_row({2, 5, 3, 4}, ceiling, residual));
    }
  }
  rows.push_back(dense_batch_norm_row({3, 16, 5, 7}, kReluCeiling));
  rows.push_back(dense_batch_norm_row({2, 5, 4, 3}, kNoRelu));
  rows.push_back(dense_batch_norm_row({30, 5}, kReluCeiling));
  rows.push_back(batch_norm_apply_row({30, 5}, kReluCeiling, false));
  rows.push_back(batch_norm_row({300, 5}, kReluCeiling, false));
  rows.push_back(batch_norm_row({2, 1, 9, 9}, kReluCeiling, true));
  rows.push_back(layer_norm_row({5, 7}, {7}));
  rows.push_back(layer_norm_row({2, 3, 33}, {33}));
  rows.push_back(layer_norm_row({2, 70, 8}, {8}));
  rows.push_back(layer_norm_row({4, 3, 5}, {3, 5}));
  rows.push_back(layer_norm_row({3, 4500}, {4500}));
  rows.push_back(layer_norm_row({4, 1}, {1}));
  rows.push_back(layer_norm_row({0, 6}, {6}));
  for (const bool affine : {true, false}) {
    rows.push_back(group_norm_row({2, 6, 5, 7}, 3, affine));
    rows.push_back(group_norm_row({1, 40, 3, 3}, 4, affine));
    rows.push_back(group_norm_row({3, 17, 4, 4}, 17, affine));
    rows.push_back(group_norm_row({2, 21, 13, 11}, 1, affine));
    rows.push_back(group_norm_row({5, 12}, 2, affine));
    rows.push_back(group_norm_row({0, 4, 3, 3}, 2, affine));
  }
  rows.push_back(response_norm_row({2, 7, 3, 4}, {.window = 5, .alpha = 0.5}));
  rows.push_back(response_norm_row({1, 33, 2, 2}, {.window = 4, .alpha = 1.0, .beta = 0.5, .start = 2.0}));
  rows.push_back(response_norm_row({3, 3}, {.window = 9, .alpha = 1.0}));
  rows.push_back(response_norm_row({1, 1, 5, 5}, {.window = 1, .alpha = 2.0}));
  rows.push_back(response_norm_row({0, 4, 2, 2}, {}));
  return rows;
}

}  // namespace tessera::test
