// SPDX-License-Identifier: Apache-2.0
#include "core/exact/gradient_norm.h"

#include <algorithm>

#include "core/exact/exact_scalar.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera {
namespace {

constexpr int64_t kNormBlockElements = 4096;

}  // namespace

double squared_gradient_norm(const nn::FlatParameters& parameters) {
  const Tensor& gradients = parameters.gradients();
  const SummationKernels& kernels = kernels_for(gradients.device()).summation;
  ExactScalar sum;
  for (const nn::FlatSlot& slot : parameters.slots()) {
    if (slot.kind != nn::SlotKind::parameter) continue;
    const float* gradient = gradients.data<float>() + slot.offset_elements;
    for (int64_t start = 0; start < slot.elements; start += kNormBlockElements) {
      sum.add(kernels.sum_of_squares(std::min(kNormBlockElements, slot.elements - start), gradient + start));
    }
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
