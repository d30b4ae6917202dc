// SPDX-License-Identifier: Apache-2.0
#include "core/nn/flat_parameters.h"

namespace tessera::nn {
namespace {

constexpr int64_t kPaddingElements = kAlignmentBytes / sizeof(float);

}  // namespace

FlatParameters::FlatParameters(Module& model, uint64_t seed) {
  std::vector<Parameter*> parameters;
  model.for_each_parameter([&](Parameter& parameter) {
    const int64_t elements = parameter.shape.elements();
    slots_.push_back({parameter.name, parameter.shape, flat_elements_, elements});
    parameters.push_back(&parameter);
    flat_elements_ += (elements + kPaddingElements - 1) / kPaddingElements * kPaddingElements;
    parameter_elements_ += elements;
  });
  values_ = zeros_like(MemoryCategory::parameters);
  gradients_ = zeros_like(MemoryCategory::gradients);
  for (size_t i = 0; i < slots_.size(); ++i) {
    Parameter& parameter = *parameters[i];
    parameter.value = view(values_, slots_[i]);
    parameter.leaf = std::make_shared<autograd::Leaf>(i, view(gradients_, slots_[i]));
    leaves_.push_back(parameter.leaf);
    initialise(parameter.value, parameter.initialiser, seed, parameter.name);
  }
}

Tensor FlatParameters::zeros_like(MemoryCategory category, DType dtype) const {
  const MemoryScope scope(category);
  return Tensor::zeros({flat_elements_}, dtype);
}

Tensor FlatParameters::view(const Tensor& flat, const FlatSlot& slot) {
  return flat.narrow(0, slot.offset_elements, slot.elements).reshape(slot.shape);
}

void FlatParameters::set_hook(autograd::GradientHook* hook) {
  for (const auto& leaf : leaves_) leaf->set_hook(hook);
}

}  // namespace tessera::nn
