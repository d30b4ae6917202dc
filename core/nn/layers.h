// SPDX-License-Identifier: Apache-2.0
// Layers with parameters or state of their own. What needs neither (flatten, say) is used as an op.
#pragma once

#include <memory>

#include "core/kernels/normalisation.h"
#include "core/nn/module.h"
#include "core/ops/activation.h"
#include "core/ops/convolution.h"
#include "core/ops/pooling.h"

namespace tessera::nn {

/// [N, in] -> [N, out]; parameters weight [out, in] and bias [out].
class Linear final : public Module {
 public:
  Linear(int64_t in_features, int64_t out_features);
  std::string kind() const override { return "Linear"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override;

  Parameter& weight_;
  Parameter& bias_;
};

struct Conv2dOptions {
  int64_t in_channels = 1, out_channels = 1;
  ops::Size2d kernel = 3, stride = 1, padding = 0, dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  bool same = false;  ///< TensorFlow's SAME padding in place of `padding` (ops::ConvolutionOptions)
};

/// [N, in, H, W] -> [N, out, H', W']; parameters weight [out, in / groups, kernel height, width] and, where asked, bias [out].
class Conv2d final : public Module {
 public:
  explicit Conv2d(const Conv2dOptions& options);
  std::string kind() const override { return "Conv2d"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override;

  ops::ConvolutionOptions options_;
  Parameter& weight_;
  Parameter* bias_;  // nullptr: none
  std::shared_ptr<PackedWeight> packed_ = std::make_shared<PackedWeight>();
};

struct ConvTranspose2dOptions {
  int64_t in_channels = 1, out_channels = 1;
  ops::Size2d kernel = 3, stride = 1, padding = 0, output_padding = 0, dilation = 1;
  int64_t groups = 1;
  bool bias = true;
};

/// [N, in, H, W] -> [N, out, H', W'] (ops::conv_transpose2d); parameters weight [in, out / groups, kernel height, width] and, where asked, bias [out].
class ConvTranspose2d final : public Module {
 public:
  explicit ConvTranspose2d(const ConvTranspose2dOptions& options);
  std::string kind() const override { return "ConvTranspose2d"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override;

  ops::ConvolutionTransposeOptions options_;
  Parameter& weight_;
  Parameter* bias_;  // nullptr: none
  std::shared_ptr<PackedWeight> packed_ = std::make_shared<PackedWeight>();
};

/// Batch normalisation over [N, C, H, W] or [N, C]; parameters weight and bias [C], statistics running_mean and running_var [C]. The batch is the
/// quantum: batch.micro_samples, whatever the number of ranks. Where both statistics are fixed, they stand for the batch's.
class BatchNorm final : public Module {
 public:
  explicit BatchNorm(int64_t channels, double epsilon = 1e-5, double momentum = 0.1);
  std::string kind() const override { return "BatchNorm"; }

  /// relu(bn(x) + residual), or ReLU6, in one pass; an undefined residual adds nothing.
  Variable with_relu(const Variable& x, const Variable& residual, ForwardContext& context, float ceiling = kReluCeiling);
  /// bn(x) + residual in one pass.
  Variable with_residual(const Variable& x, const Variable& residual, ForwardContext& context);

  /// The scale starts at `scale` instead of 1: at 0, a residual block starts as the identity (Goyal 2017, section 5.1).
  void start_at(float scale) { weight_.initialiser = Initialiser::constant(scale); }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override;
  Variable normalise(const Variable& x, const Variable& residual, float ceiling, const ForwardContext& context);

  double epsilon_;
  Parameter& weight_;
  Parameter& bias_;
  Statistic& mean_;
  Statistic& variance_;
};

enum class Activation { relu, tanh, sigmoid, leaky_relu, gelu, gelu_tanh, silu, softplus, relu6 };

/// In the order of Activation, spelled alike: the choices of a recipe's key.
const std::vector<std::string>& activation_names();
/// One of activation_names(); anything else throws Error(usage).
Activation activation_from(const std::string& name);
Variable activate(Activation activation, const Variable& x);

/// Drops elements in training, does nothing in evaluation.
class Dropout final : public Module {
 public:
  explicit Dropout(double probability) : probability_(static_cast<float>(probability)) {}
  std::string kind() const override { return "Dropout"; }

  /// For ops that drop inside: the share in this pass, 0 in evaluation, and the numbers of the next use.
  float probability(const ForwardContext& context) const { return context.training() ? probability_ : 0.0f; }
  ops::DropoutKey next_key(ForwardContext& context);

 private:
  Variable forward(const Variable& x, ForwardContext& context) override;

  float probability_;
};

}  // namespace tessera::nn
