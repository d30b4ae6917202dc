// SPDX-License-Identifier: Apache-2.0
#include "core/nn/masked_language_model.h"

#include <algorithm>
#include <vector>

#include "core/base/error.h"
#include "core/ops/linear.h"
#include "core/ops/movement.h"
#include "core/ops/view.h"

namespace tessera::nn {
namespace {

/// Rows are filled up to a multiple, so that products of few shapes are prepared.
constexpr int64_t kRowMultiple = 16;

/// The places of a batch that are predicted.
struct Places {
  Tensor indices;  ///< i64 [K] of N * T; undefined: all of them
  Tensor targets;  ///< i64 [K]
  Tensor weights;  ///< f32 [K]: 1, or 0 for rows that fill up; undefined: all 1
  int64_t predicted;
};

Places predicted_places(const Tensor& targets) {
  const Tensor dense = contiguous(targets);
  const std::span<const int64_t> all(dense.data<int64_t>(), static_cast<size_t>(dense.elements()));
  const int64_t predicted = std::ranges::count_if(all, [](int64_t target) { return target >= 0; });
  if (predicted == dense.elements()) return {{}, dense.reshape({predicted}), {}, predicted};
  const int64_t rows = std::max<int64_t>((predicted + kRowMultiple - 1) / kRowMultiple, 1) * kRowMultiple;
  Places places{Tensor::zeros({rows}, DType::i64), Tensor::zeros({rows}, DType::i64), Tensor::zeros({rows}), predicted};
  int64_t row = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i] < 0) continue;
    places.indices.data<int64_t>()[row] = static_cast<int64_t>(i);
    places.targets.data<int64_t>()[row] = all[i];
    places.weights.data<float>()[row++] = 1.0f;
  }
  std::fill(places.targets.data<int64_t>() + predicted, places.targets.data<int64_t>() + rows, -1);
  return places;
}

Variable rows_at(const Places& places, const Variable& features) {
  const Variable rows = ops::reshape(features, {-1, features.shape()[2]});
  return places.indices.defined() ? ops::gather(rows, 0, places.indices) : rows;
}

Variable logits_of(const Variable& rows, Parameter& weight, Parameter& bias, const ForwardContext& context) {
  return ops::linear(rows, weight.factor(context.precision()), bias.variable(), {.precision = context.precision()});
}

void check_targets(const Tensor& targets, const Shape& features) {
  TESSERA_ASSERT(targets.dtype() == DType::i64 && targets.shape() == (Shape{features[0], features[1]}), "targets are one a token");
}

}  // namespace

ops::LinearLoss MaskedLanguageModel::loss(const Variable& features, const Tensor& targets, ForwardContext& context) {
  check_targets(targets, features.shape());
  const Places places = predicted_places(targets);
  ops::LinearCrossEntropyOptions options;
  options.loss.row_weights = places.weights;
  options.count_correct = true;
  options.precision = context.precision();
  return ops::linear_cross_entropy(transform(rows_at(places, features), context), output_weight().factor(context.precision()), output_bias().variable(), places.targets,
                                   options);
}

Tensor MaskedLanguageModel::likeliest(const Variable& features, const Tensor& targets, ForwardContext& context) {
  const autograd::NoGrad no_grad;
  check_targets(targets, features.shape());
  const Places places = predicted_places(targets);
  const Tensor logits = logits_of(transform(rows_at(places, features), context), output_weight(), output_bias(), context).value();
  Tensor ids = Tensor::empty(targets.shape(), DType::i64);
  std::fill_n(ids.data<int64_t>(), ids.elements(), -1);
  for (int64_t row = 0; row < places.predicted; ++row) {
    const float* first = logits.data<float>() + row * vocabulary();
    ids.data<int64_t>()[places.indices.defined() ? places.indices.data<int64_t>()[row] : row] = std::max_element(first, first + vocabulary()) - first;
  }
  return ids;
}

Variable MaskedLanguageModel::logits(const Variable& features, ForwardContext& context) {
  const Shape shape = features.shape();
  const Variable rows = transform(ops::reshape(features, {-1, shape[2]}), context);
  const Variable flat = logits_of(rows, output_weight(), output_bias(), context);
  return checked(ops::reshape(flat, {shape[0], shape[1], vocabulary()}), context);
}

Variable MaskedLanguageModel::forward(const Variable& x, ForwardContext& context) { return logits(features({x.value()}, context), context); }

}  // namespace tessera::nn
