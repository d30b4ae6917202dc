// SPDX-License-Identifier: Apache-2.0
// Layers with parameters or state of their own. What needs neither (flatten, say) is used as an op.
#pragma once

#include <memory>

#include "core/nn/module.h"
#include "core/ops/convolution.h"
#include "core/ops/pooling.h"

namespace tessera::nn {

/// [N, in] -> [N, out]; parameters weight [out, in] and bias [out].
class Linear final : public Module {
 public:
  Linear(int64_t in_features, int64_t out_features);
  std::string kind() const override { return "Linear"; }

 private:
  Variable forward(const Variable& x, ForwardContext&) override;

  Parameter& weight_;
  Parameter& bias_;
};

struct Conv2dOptions {
  int64_t in_channels = 1, out_channels = 1, kernel = 3, stride = 1, padding = 0;
};

/// [N, in, H, W] -> [N, out, H', W']; parameters weight [out, in, kernel, kernel] and bias [out].
class Conv2d final : public Module {
 public:
  explicit Conv2d(const Conv2dOptions& options);
  std::string kind() const override { return "Conv2d"; }

 private:
  Variable forward(const Variable& x, ForwardContext&) override;

  ops::ConvolutionOptions options_;
  Parameter& weight_;
  Parameter& bias_;
  std::shared_ptr<PackedWeight> packed_ = std::make_shared<PackedWeight>();
};

enum class Activation { relu, tanh, sigmoid };

/// "relu", "tanh" or "sigmoid"; anything else throws Error(usage).
Activation activation_from(const std::string& name);
Variable activate(Activation activation, const Variable& x);

/// Drops elements in training, does nothing in evaluation.
class Dropout final : public Module {
 public:
  explicit Dropout(double probability) : probability_(static_cast<float>(probability)) {}
  std::string kind() const override { return "Dropout"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override;

  float probability_;
};

}  // namespace tessera::nn
