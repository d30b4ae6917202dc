// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/nn/module.h"

namespace tessera::nn {

/// Where a parameter lies in the flat buffers, in elements. Starts are multiples of 16 elements; padding holds zeros.
struct FlatSlot {
  std::string name;
  Shape shape;
  int64_t offset_elements;
  int64_t elements;
};

/// All parameters of a model, and their gradients, as views into two flat f32 buffers. Buckets, shards, checkpoints, norms and the
/// optimizer are ranges of them.
class FlatParameters {
 public:
  /// Lays out and initialises the model's parameters. The model must outlive this object.
  FlatParameters(Module& model, uint64_t seed);

  const std::vector<FlatSlot>& slots() const { return slots_; }
  /// Including padding.
  int64_t flat_elements() const { return flat_elements_; }
  /// Without padding.
  int64_t parameter_elements() const { return parameter_elements_; }

  const Tensor& values() const { return values_; }
  const Tensor& gradients() const { return gradients_; }
  /// A flat buffer of the same layout, zeroed, for optimizer state and the like.
  Tensor zeros_like(MemoryCategory category, DType dtype = DType::f32) const;
  /// The range of `flat` that belongs to a slot, in the parameter's shape.
  static Tensor view(const Tensor& flat, const FlatSlot& slot);

  std::span<const std::shared_ptr<autograd::Leaf>> leaves() const { return leaves_; }
  void set_hook(autograd::GradientHook* hook);
  /// To be called after every change of values().
  void values_changed() { values_.storage()->bump_version(); }

 private:
  std::vector<FlatSlot> slots_;
  int64_t flat_elements_ = 0, parameter_elements_ = 0;
  Tensor values_, gradients_;
  std::vector<std::shared_ptr<autograd::Leaf>> leaves_;
};

}  // namespace tessera::nn
