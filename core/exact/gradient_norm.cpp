// SPDX-License-Identifier: Apache-2.0
#include "core/exact/gradient_norm.h"

#include <algorithm>

#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera {

ExactScalar exact_squares(Device device, const float* x, int64_t elements) {
  const SummationKernels& kernels = kernels_for(device).summation;
  ExactScalar sum;
  for (int64_t start = 0; start < elements; start += kSquaresBlockElements) {
    sum.add(kernels.sum_of_squares(std::min(kSquaresBlockElements, elements - start), x + start));
  }
  return sum;
}

bool counts_in_norm(const nn::FlatParameters& parameters, size_t slot, const std::vector<bool>& left_out) {
  return parameters.slots()[slot].kind == nn::SlotKind::parameter && !(slot < left_out.size() && left_out[slot]);
}

double squared_gradient_norm(const nn::FlatParameters& parameters, const std::vector<bool>& left_out) {
  const Tensor& gradients = parameters.gradients();
  ExactScalar sum;
  for (size_t i = 0; i < parameters.slots().size(); ++i) {
    if (!counts_in_norm(parameters, i, left_out)) continue;
    const nn::FlatSlot& slot = parameters.slots()[i];
    sum.merge(exact_squares(gradients.device(), gradients.data<float>() + slot.offset_elements, slot.elements));
  }
  return sum.value();
}

std::string first_not_finite(const nn::FlatParameters& parameters, const Tensor& flat) {
  for (const nn::FlatSlot& slot : parameters.slots()) {
    if (!ops::all_finite(nn::FlatParameters::view(flat, slot))) return slot.name;
  }
  return {};
}

}  // namespace tessera
