// SPDX-License-Identifier: Apache-2.0
#include "core/nn/decoder.h"

#include "core/base/error.h"
#include "core/ops/linear.h"
#include "core/ops/linear_cross_entropy.h"
#include "core/ops/view.h"

namespace tessera::nn {
namespace {

/// [N, T, features] -> [N * T, features]
Variable rows_of(const Variable& x) { return ops::reshape(x, {-1, x.shape()[2]}); }

}  // namespace

std::pair<Tensor, Tensor> KeyValueCache::Layer::append(int64_t length, const Tensor& new_keys, const Tensor& new_values) {
  const int64_t tokens = new_keys.shape()[1];
  copy_into(new_keys, keys.narrow(1, length, tokens));
  copy_into(new_values, values.narrow(1, length, tokens));
  return {keys.narrow(1, 0, length + tokens), values.narrow(1, 0, length + tokens)};
}

void Decoder::check(const Tensor& ids, int64_t before) const {
  if (ids.dtype() != DType::i64 || ids.shape().dims() != 2 || ids.elements() == 0) {
    throw Error(ErrorKind::usage, "a language model takes ids i64 [samples, tokens], not " + std::string(name_of(ids.dtype())) + " " + ids.shape().text(), {},
                "take data of kind tokens or text");
  }
  const int64_t tokens = before + ids.shape()[1];
  if (tokens > context()) {
    throw Error(ErrorKind::usage, std::to_string(tokens) + " tokens are more than model.context, " + std::to_string(context()), {},
                "set data.context to " + std::to_string(context()) + " or less, or raise model.context");
  }
}

Variable Decoder::extend(const Tensor& ids, KeyValueCache& cache, ForwardContext& context) {
  const autograd::NoGrad no_grad;
  check(ids, cache.length);
  const Variable seen = hidden(ids, &cache, context);
  cache.length += ids.shape()[1];
  return logits(seen, context);
}

ops::LossSum Decoder::loss(const Tensor& ids, const Tensor& targets, const Tensor& weights, ForwardContext& context) {
  check(ids, 0);
  const Variable features = hidden(ids, nullptr, context);
  const auto tokens = [](const Tensor& x) { return x.defined() ? x.reshape({x.elements()}) : x; };
  ops::LinearCrossEntropyOptions options;
  options.loss.row_weights = tokens(weights);
  options.precision = context.precision();
  return ops::linear_cross_entropy(rows_of(features), output_weight().factor(context.precision()), {}, tokens(targets), options).loss;
}

Variable Decoder::logits(const Variable& hidden, const ForwardContext& context) const {
  const Shape& shape = hidden.shape();
  return checked(ops::reshape(ops::linear(rows_of(hidden), output_weight().factor(context.precision()), {}, {.precision = context.precision()}), {shape[0], shape[1], vocabulary()}), context);
}

Variable Decoder::forward(const Variable& x, ForwardContext& context) {
  check(x.value(), 0);
  return logits(hidden(x.value(), nullptr, context), context);
}

}  // namespace tessera::nn
