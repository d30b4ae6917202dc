// SPDX-License-Identifier: Apache-2.0
// The tensors that a run's state consists of, and how they are cut into the parts that ranks write and read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/tensor.h"

namespace tessera::checkpoint {

enum class TensorRole : uint8_t { parameter, buffer, optimizer, grid, average, other };

/// "parameter", "buffer", ...
std::string_view name_of(TensorRole role);

/// Before the name of the parameter whose average it is.
inline constexpr std::string_view kAveragePrefix = "average.";

/// Whether a tensor belongs to the model itself, so to its exported weights.
inline bool is_weight(TensorRole role) { return role == TensorRole::parameter || role == TensorRole::buffer; }

/// PyTorch's count of batches beside running statistics, which nothing here depends on: exported never, read never.
inline bool is_batch_count(std::string_view name) { return name == "num_batches_tracked" || name.ends_with(".num_batches_tracked"); }

/// A whole tensor of the state. Names are unique over all roles. Several entries over the same memory (tied weights) are
/// one tensor: the first of them counts.
struct StateEntry {
  std::string name;
  TensorRole role = TensorRole::parameter;
  Tensor tensor;  ///< any strides; what is stored is the logical row-major order
};

/// A range of a tensor's elements, in logical row-major order, in contiguous memory. A rank that holds only a shard of a
/// tensor writes and reads such ranges.
struct Slice {
  std::string name;
  TensorRole role = TensorRole::parameter;
  Shape shape;  ///< of the whole tensor
  int64_t begin_elements = 0;
  Tensor values;  ///< one dim, contiguous

  int64_t end_elements() const { return begin_elements + values.elements(); }
  bool is_whole() const { return values.elements() == shape.elements(); }
};

/// The entries without those over the memory of an earlier one.
std::vector<StateEntry> without_ties(std::span<const StateEntry> entries);

/// Part `part` of `parts` (0 <= part < parts) of the entries' concatenated bytes, cut on element boundaries into nearly equal parts. Every
/// rank gives the same entries; together the parts hold every element once. Entries that are not contiguous are copied.
std::vector<Slice> plan_part(std::span<const StateEntry> entries, int part, int parts);

}  // namespace tessera::checkpoint
