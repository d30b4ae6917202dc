// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/nn/module.h"

namespace tessera::nn {

/// What a slot of the flat buffers holds.
enum class SlotKind {
  parameter,  ///< trained
  statistic,  ///< a running mean; its "gradient" is a sample (see Statistic)
};

/// Where a tensor lies in the flat buffers, in elements. Starts are multiples of 16 elements; padding holds zeros.
struct FlatSlot {
  std::string name;
  SlotKind kind;
  Shape shape;
  int64_t offset_elements;
  int64_t elements;
};

/// Elements [begin, end) of the flat buffers.
struct FlatRange {
  int64_t begin, end;
};

/// All parameters of a model, and their gradients, as views into two flat f32 buffers. Buckets, shards, checkpoints, norms and the
/// optimizer are ranges of them. Behind the parameters stand the statistics, so that their samples are summed over quanta and
/// ranks by the same exact sums as gradients.
class FlatParameters {
 public:
  /// Makes a flat f32 buffer of zeros.
  using MakeBuffer = std::function<Tensor(int64_t elements)>;

  /// Lays out and initialises the model's parameters. The model must outlive this object. `make_gradients`: for gradients that shall lie in memory of a kind.
  FlatParameters(Module& model, uint64_t seed, const MakeBuffer& make_gradients = {});

  const std::vector<FlatSlot>& slots() const { return slots_; }
  /// Including padding.
  int64_t flat_elements() const { return flat_elements_; }
  /// The range [0, trained_elements) holds the parameters, padding included; statistics come behind.
  int64_t trained_elements() const { return trained_elements_; }
  FlatRange whole() const { return {0, flat_elements_}; }
  /// Of the parameters, without padding.
  int64_t parameter_elements() const { return parameter_elements_; }

  const Tensor& values() const { return values_; }
  const Tensor& gradients() const { return gradients_; }
  /// A flat buffer of the same layout, zeroed, for optimizer state and the like.
  Tensor zeros_like(MemoryCategory category, DType dtype = DType::f32) const;
  /// The range of `flat` that belongs to a slot, in the parameter's shape.
  static Tensor view(const Tensor& flat, const FlatSlot& slot);

  /// Takes what never changes off the tape, once and before set_hook(): `fixed` says so of each slot. A fixed parameter gets no gradient, and nothing below
  /// the lowest that is not fixed runs backward; fixed statistics neither move nor are summed.
  void fix(std::vector<bool> fixed);
  /// Whether slot i never changes.
  bool is_fixed(size_t i) const { return !fixed_.empty() && fixed_[i]; }

  /// Of the parameters that are not fixed.
  std::span<const std::shared_ptr<autograd::Leaf>> leaves() const { return leaves_; }
  void set_hook(autograd::GradientHook* hook);
  /// To be called between forward and backward of a quantum: its samples are complete.
  void statistics_ready();
  /// Moves those running means that lie in `ranges` by the samples' sum over all `quanta` of the step, which the flat gradient buffer holds.
  void update_statistics(int64_t quanta, std::span<const FlatRange> ranges);
  /// To be called after every change of values().
  void values_changed() { values_.storage()->bump_version(); }

 private:
  std::vector<FlatSlot> slots_;
  void add_slot(const std::string& name, SlotKind kind, const Shape& shape);

  int64_t flat_elements_ = 0, trained_elements_ = 0, parameter_elements_ = 0;
  std::vector<Parameter*> parameters_;
  std::vector<Statistic*> statistics_;
  std::vector<bool> fixed_;  // by slot; empty: none
  autograd::GradientHook* hook_ = nullptr;
  Tensor values_, gradients_;
  std::vector<std::shared_ptr<autograd::Leaf>> leaves_;
};

}  // namespace tessera::nn
