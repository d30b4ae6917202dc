// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/nn/module.h"
#include "core/ops/loss.h"

namespace tessera::nn {

/// Keys and values of the tokens that a decoder has seen, a layer each: [N, context, groups, width], of which the first `length` tokens are there.
struct KeyValueCache {
  struct Layer {
    Tensor keys, values;

    /// Puts those of the next tokens [N, T, groups, width] behind the first `length`; returns all there are then.
    std::pair<Tensor, Tensor> append(int64_t length, const Tensor& new_keys, const Tensor& new_values);
  };
  std::vector<Layer> layers;
  int64_t length = 0;
};

/// A language model that goes from left to right: ids i64 [N, T] -> logits [N, T, vocabulary] for the tokens that follow.
class Decoder : public Module {
 public:
  virtual int64_t vocabulary() const = 0;
  /// Most tokens that it can see.
  virtual int64_t context() const = 0;

  virtual KeyValueCache empty_cache(int64_t samples) const = 0;
  /// Logits for tokens that follow on what the cache holds, which then holds them, too. For evaluation: nothing is recorded.
  Variable extend(const Tensor& ids, KeyValueCache& cache, ForwardContext& context);
  /// The summed cross-entropy of all tokens (targets i64 [N, T]; weights f32 [N, T], or undefined: all 1), without ever holding all logits.
  ops::LossSum loss(const Tensor& ids, const Tensor& targets, const Tensor& weights, ForwardContext& context);

 protected:
  /// What the output layer makes logits of: [N, T, features]. `cache` may be null. Checks nothing.
  virtual Variable hidden(const Tensor& ids, KeyValueCache* cache, ForwardContext& context) = 0;
  /// The output layer: [vocabulary, features], without bias.
  virtual Parameter& output_weight() const = 0;

 private:
  Variable forward(const Variable& x, ForwardContext& context) final;
  Variable logits(const Variable& hidden, const ForwardContext& context) const;
  void check(const Tensor& ids, int64_t before) const;
};

}  // namespace tessera::nn
