// SPDX-License-Identifier: Apache-2.0
#include "core/exact/gradient_sum.h"

#include <algorithm>

#include "core/kernels/kernels.h"

namespace tessera {
namespace {

/// Of a grid's scale, 0 where no gradient was seen yet.
double inverse(double scale) { return scale > 0.0 ? 1.0 / scale : 0.0; }

}  // namespace

GradientSum::GradientSum(const nn::FlatParameters& parameters, Reduction reduction, bool terms)
    : parameters_(parameters), reduction_(reduction), terms_(terms) {
  if (reduction == Reduction::exact && !terms) integer_sums_ = parameters.zeros_like(MemoryCategory::gradients, DType::i64);
  if (reduction == Reduction::fastest) float_sums_ = parameters.zeros_like(MemoryCategory::gradients);
}

void GradientSum::begin_pass() { largest_bits_ = std::make_shared<std::vector<uint32_t>>(parameters_.slots().size(), 0); }

void GradientSum::saw(size_t tensor, uint32_t bits) {
  uint32_t& largest = (*largest_bits_)[tensor];
  largest = std::max(largest, bits);
}

void GradientSum::add(size_t tensor, bool first, const GradientGrid& grid) {
  const nn::FlatSlot& slot = parameters_.slots()[tensor];
  const float* gradient = parameters_.gradients().data<float>() + slot.offset_elements;
  const SummationKernels& kernels = kernels_for(parameters_.gradients().device()).summation;
  if (reduction_ == Reduction::fastest) {
    kernels.accumulate({slot.elements, first, gradient, float_sums_.data<float>() + slot.offset_elements});
  } else if (terms_) {
    saw(tensor, kernels.largest_magnitude_bits(slot.elements, gradient));
  } else if (reduction_ == Reduction::exact) {
    saw(tensor, kernels.round_to_grid({slot.elements, grid.scale(tensor), first, gradient, integer_sums_.data<int64_t>() + slot.offset_elements}));
  }
}

/// body(tensor, first, last) for each tensor's part of [begin, end).
template <typename Body>
void GradientSum::for_each_range(int64_t begin, int64_t end, Body body) const {
  const auto& slots = parameters_.slots();
  auto slot = std::upper_bound(slots.begin(), slots.end(), begin, [](int64_t at, const nn::FlatSlot& s) { return at < s.offset_elements; });
  if (slot != slots.begin()) --slot;
  for (; slot != slots.end() && slot->offset_elements < end; ++slot) {
    const int64_t first = std::max(begin, slot->offset_elements), last = std::min(end, slot->offset_elements + slot->elements);
    if (first < last) body(static_cast<size_t>(slot - slots.begin()), first, last);
  }
}

void GradientSum::convert(int64_t begin, int64_t end, const int64_t* integer_sums, const GradientGrid& grid) const {
  const SummationKernels& kernels = kernels_for(parameters_.gradients().device()).summation;
  float* out = parameters_.gradients().data<float>();
  for_each_range(begin, end, [&](size_t tensor, int64_t first, int64_t last) {
    kernels.grid_to_float({last - first, inverse(grid.scale(tensor)), integer_sums + (first - begin), out + first});
  });
}

void GradientSum::sum_terms(int64_t begin, int64_t end, std::span<const float* const> gradients, const GradientGrid& grid) {
  const SummationKernels& kernels = kernels_for(parameters_.gradients().device()).summation;
  float* out = parameters_.gradients().data<float>();
  std::vector<const float*> terms(gradients.size());
  for_each_range(begin, end, [&](size_t tensor, int64_t first, int64_t last) {
    std::transform(gradients.begin(), gradients.end(), terms.begin(), [&](const float* gradient) { return gradient + (first - begin); });
    const double scale = grid.scale(tensor);
    saw(tensor, kernels.sum_on_grid({last - first, scale, inverse(scale), static_cast<int64_t>(terms.size()), terms.data(), out + first}));
  });
}

}  // namespace tessera
