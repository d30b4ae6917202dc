// SPDX-License-Identifier: Apache-2.0
#include "core/exact/gradient_sum.h"

#include <algorithm>

#include "core/kernels/kernels.h"

namespace tessera {

GradientSum::GradientSum(const nn::FlatParameters& parameters, Reduction reduction)
    : parameters_(parameters), reduction_(reduction), largest_bits_(parameters.slots().size(), 0) {
  if (reduction == Reduction::exact) integer_sums_ = parameters.zeros_like(MemoryCategory::gradients, DType::i64);
  if (reduction == Reduction::fastest) float_sums_ = parameters.zeros_like(MemoryCategory::gradients);
}

void GradientSum::begin_pass() { std::fill(largest_bits_.begin(), largest_bits_.end(), 0u); }

void GradientSum::add(size_t tensor, bool first, const GradientGrid& grid) {
  const nn::FlatSlot& slot = parameters_.slots()[tensor];
  const float* gradient = parameters_.gradients().data<float>() + slot.offset_elements;
  const SummationKernels& kernels = kernels_for(parameters_.gradients().device()).summation;
  if (reduction_ == Reduction::fastest) {
    kernels.accumulate({slot.elements, first, gradient, float_sums_.data<float>() + slot.offset_elements});
  } else if (reduction_ == Reduction::exact) {
    const uint32_t bits = kernels.round_to_grid(
        {slot.elements, grid.scale(tensor), first, gradient, integer_sums_.data<int64_t>() + slot.offset_elements});
    largest_bits_[tensor] = std::max(largest_bits_[tensor], bits);
  }
}

void GradientSum::convert(int64_t begin, int64_t end, const int64_t* integer_sums, const GradientGrid& grid, float* out) const {
  const auto& slots = parameters_.slots();
  const SummationKernels& kernels = kernels_for(parameters_.gradients().device()).summation;
  auto slot = std::upper_bound(slots.begin(), slots.end(), begin, [](int64_t at, const nn::FlatSlot& s) { return at < s.offset_elements; });
  if (slot != slots.begin()) --slot;
  for (; slot != slots.end() && slot->offset_elements < end; ++slot) {
    const int64_t from = std::max(begin, slot->offset_elements), to = std::min(end, slot->offset_elements + slot->elements);
    if (from >= to) continue;
    const double scale = grid.scale(static_cast<size_t>(slot - slots.begin()));
    kernels.grid_to_float({to - from, scale > 0.0 ? 1.0 / scale : 0.0, integer_sums + (from - begin), out + (from - begin)});
  }
}

}  // namespace tessera
