// SPDX-License-Identifier: Apache-2.0
#include "core/nn/flat_parameters.h"

#include "core/base/error.h"

namespace tessera::nn {
namespace {

constexpr int64_t kPaddingElements = kAlignmentBytes / sizeof(float);

}  // namespace

FlatParameters::FlatParameters(Module& model, uint64_t seed, const MakeBuffer& make_gradients) {
  model.for_each_parameter([&](Parameter& parameter) {
    add_slot(parameter.name, SlotKind::parameter, parameter.shape);
    parameters_.push_back(&parameter);
    parameter_elements_ += parameter.shape.elements();
  });
  trained_elements_ = flat_elements_;
  model.for_each_statistic([&](Statistic& statistic) {
    add_slot(statistic.name, SlotKind::statistic, statistic.shape);
    statistics_.push_back(&statistic);
  });
  values_ = zeros_like(MemoryCategory::parameters);
  gradients_ = make_gradients ? make_gradients(flat_elements_) : zeros_like(MemoryCategory::gradients);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& parameter = *parameters_[i];
    parameter.value = view(values_, slots_[i]);
    parameter.leaf = std::make_shared<autograd::Leaf>(i, view(gradients_, slots_[i]));
    leaves_.push_back(parameter.leaf);
    initialise(parameter.value, parameter.initialiser, seed, parameter.name);
  }
  for (size_t i = 0; i < statistics_.size(); ++i) {
    const FlatSlot& slot = slots_[parameters_.size() + i];
    statistics_[i]->value = view(values_, slot);
    statistics_[i]->sample = view(gradients_, slot);
    initialise(statistics_[i]->value, Initialiser::constant(statistics_[i]->initial), seed, slot.name);
  }
}

void FlatParameters::add_slot(const std::string& name, SlotKind kind, const Shape& shape) {
  slots_.push_back({name, kind, shape, flat_elements_, shape.elements()});
  flat_elements_ += (shape.elements() + kPaddingElements - 1) / kPaddingElements * kPaddingElements;
}

Tensor FlatParameters::zeros_like(MemoryCategory category, DType dtype) const {
  const MemoryScope scope(category);
  return Tensor::zeros({flat_elements_}, dtype);
}

Tensor FlatParameters::view(const Tensor& flat, const FlatSlot& slot) {
  return flat.narrow(0, slot.offset_elements, slot.elements).reshape(slot.shape);
}

void FlatParameters::fix(std::vector<bool> fixed) {
  TESSERA_ASSERT(fixed.size() == slots_.size() && fixed_.empty() && !hook_, "parameters are fixed once, and first");
  fixed_ = std::move(fixed);
  leaves_.clear();
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (fixed_[i]) {
      parameters_[i]->leaf = nullptr;
    } else {
      leaves_.push_back(parameters_[i]->leaf);
    }
  }
  for (size_t i = 0; i < statistics_.size(); ++i) statistics_[i]->fixed = fixed_[parameters_.size() + i];
}

void FlatParameters::set_hook(autograd::GradientHook* hook) {
  hook_ = hook;
  for (const auto& leaf : leaves_) leaf->set_hook(hook);
}

/// Last slot first, as backward will go on.
void FlatParameters::statistics_ready() {
  for (size_t i = slots_.size(); hook_ && i-- > parameters_.size();) {
    if (!is_fixed(i)) hook_->gradient_ready(i);
  }
}

void FlatParameters::update_statistics(int64_t quanta, std::span<const FlatRange> ranges) {
  const float share = 1.0f / static_cast<float>(quanta);
  float* value = values_.data<float>();
  const float* sum = gradients_.data<float>();
  for (size_t i = parameters_.size(); i < slots_.size(); ++i) {
    if (is_fixed(i)) continue;
    const float momentum = statistics_[i - parameters_.size()]->momentum;
    const FlatSlot& slot = slots_[i];
    for (const FlatRange& range : ranges) {
      const int64_t end = std::min(range.end, slot.offset_elements + slot.elements);
      for (int64_t at = std::max(range.begin, slot.offset_elements); at < end; ++at) value[at] += momentum * (sum[at] * share - value[at]);
    }
  }
}

}  // namespace tessera::nn
