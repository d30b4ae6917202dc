// SPDX-License-Identifier: Apache-2.0
// Normalisations that see one sample at a time (batch norm is in layers.h).
#pragma once

#include "core/nn/module.h"
#include "core/ops/normalisation.h"

namespace tessera::nn {

/// Layer normalisation over the last dims; parameters weight (starts at 1) and bias (0), both of the normalised shape.
class LayerNorm final : public Module {
 public:
  explicit LayerNorm(const Shape& normalised, double epsilon = 1e-5, bool bias = true);
  std::string kind() const override { return "LayerNorm"; }

  /// x + residual and its normalisation, in one pass.
  ops::NormalisedSum of_sum(const Variable& x, const Variable& residual, const ForwardContext& context) const;

 private:
  Variable forward(const Variable& x, ForwardContext&) override;

  Shape normalised_;
  double epsilon_;
  Parameter& weight_;
  Parameter* bias_;  // nullptr: none
};

/// Group normalisation of [N, C, H, W] or [N, C]; parameters weight (starts at 1) and bias (0), [C]. With as many groups as channels it is instance
/// normalisation, which usually has no parameters: affine = false.
class GroupNorm final : public Module {
 public:
  GroupNorm(int64_t groups, int64_t channels, double epsilon = 1e-5, bool affine = true);
  std::string kind() const override { return "GroupNorm"; }

 private:
  Variable forward(const Variable& x, ForwardContext&) override;

  int64_t groups_, channels_;
  double epsilon_;
  Parameter* weight_;  // nullptr: none
  Parameter* bias_;    // nullptr: none
};

}  // namespace tessera::nn
