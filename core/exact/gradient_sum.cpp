// SPDX-License-Identifier: Apache-2.0
#include "core/exact/gradient_sum.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/exact/gradient_norm.h"
#include "core/kernels/kernels.h"

namespace tessera {
namespace {

/// What is converted and squared at a time: it stays in cache in between, and is enough for several threads.
constexpr int64_t kStripElements = 16 * kSquaresBlockElements;

/// Where the block of squares that `at` lies in begins.
int64_t block_start(const nn::FlatSlot& slot, int64_t at) {
  return slot.offset_elements + (at - slot.offset_elements) / kSquaresBlockElements * kSquaresBlockElements;
}

/// Of a grid's scale, 0 where no gradient was seen yet.
double inverse(double scale) { return scale > 0.0 ? 1.0 / scale : 0.0; }

}  // namespace

GradientSum::GradientSum(const nn::FlatParameters& parameters, Reduction reduction, bool terms, std::vector<bool> left_out)
    : parameters_(parameters), reduction_(reduction), terms_(terms), left_out_(std::move(left_out)) {
  if (reduction == Reduction::exact && !terms) integer_sums_ = parameters.zeros_like(MemoryCategory::gradients, DType::i64);
  if (reduction == Reduction::fastest) float_sums_ = parameters.zeros_like(MemoryCategory::gradients);
}

void GradientSum::begin_pass() {
  largest_bits_ = std::make_shared<std::vector<uint32_t>>(parameters_.slots().size(), 0);
  squares_ = std::make_shared<ExactScalar>();
}

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

/// The slot that `at` lies in, or in the padding behind.
std::vector<nn::FlatSlot>::const_iterator GradientSum::slot_at(int64_t at) const {
  const auto& slots = parameters_.slots();
  return std::prev(std::upper_bound(slots.begin(), slots.end(), at, [](int64_t place, const nn::FlatSlot& slot) { return place < slot.offset_elements; }));
}

/// body(tensor, first, last) for each tensor's part of [begin, end).
template <typename Body>
void GradientSum::for_each_range(int64_t begin, int64_t end, Body body) const {
  const auto& slots = parameters_.slots();
  for (auto slot = slot_at(begin); slot != slots.end() && slot->offset_elements < end; ++slot) {
    const int64_t first = std::max(begin, slot->offset_elements), last = std::min(end, slot->offset_elements + slot->elements);
    if (first < last) body(static_cast<size_t>(slot - slots.begin()), first, last);
  }
}

int64_t GradientSum::cut_before(int64_t at) const { return block_start(*slot_at(at), at); }

/// Of the blocks that end in [first, last): what lies before has been written.
void GradientSum::add_squares(size_t tensor, int64_t first, int64_t last) {
  const nn::FlatSlot& slot = parameters_.slots()[tensor];
  if (!counts_in_norm(parameters_, tensor, left_out_)) return;
  const Tensor& gradients = parameters_.gradients();
  const int64_t begin = block_start(slot, first), end = last == slot.offset_elements + slot.elements ? last : block_start(slot, last);
  squares_->merge(exact_squares(gradients.device(), gradients.data<float>() + begin, end - begin));
}

void GradientSum::convert(int64_t begin, int64_t end, const int64_t* integer_sums, const GradientGrid& grid) {
  const SummationKernels& kernels = kernels_for(parameters_.gradients().device()).summation;
  float* out = parameters_.gradients().data<float>();
  for_each_range(begin, end, [&](size_t tensor, int64_t first, int64_t last) {
    for (int64_t start = first; start < last; start += kStripElements) {
      const int64_t stop = std::min(start + kStripElements, last);
      kernels.grid_to_float({stop - start, inverse(grid.scale(tensor)), integer_sums + (start - begin), out + start});
      add_squares(tensor, start, stop);
    }
  });
}

double GradientSum::squared_norm() const {
  return reduction_ == Reduction::exact ? squares_->value() : squared_gradient_norm(parameters_, left_out_);
}

void GradientSum::sum_terms(int64_t begin, int64_t end, std::span<const float* const> gradients, const GradientGrid& grid) {
  const SummationKernels& kernels = kernels_for(parameters_.gradients().device()).summation;
  float* out = parameters_.gradients().data<float>();
  std::vector<const float*> terms(gradients.size());
  for_each_range(begin, end, [&](size_t tensor, int64_t first, int64_t last) {
    std::transform(gradients.begin(), gradients.end(), terms.begin(), [&](const float* gradient) { return gradient + (first - begin); });
    const double scale = grid.scale(tensor);
    saw(tensor, kernels.sum_on_grid({last - first, scale, inverse(scale), static_cast<int64_t>(terms.size()), terms.data(), out + first}));
    add_squares(tensor, first, last);
  });
}

}  // namespace tessera
