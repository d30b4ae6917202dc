// SPDX-License-Identifier: Apache-2.0
#include "core/data/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/base/error.h"

namespace tessera::data {

Tensor Field::empty_batch(int64_t samples) const {
  std::vector<int64_t> dims{samples};
  dims.insert(dims.end(), shape.begin(), shape.end());
  const Shape batch{std::span<const int64_t>(dims)};
  return image ? Tensor::empty_channels_last(batch, dtype) : Tensor::empty(batch, dtype);
}

const Tensor* Batch::find(std::string_view name) const {
  for (const auto& [own_name, tensor] : tensors) {
    if (own_name == name) return &tensor;
  }
  return nullptr;
}

const Tensor& Batch::at(std::string_view name) const {
  if (const Tensor* found = find(name)) return *found;
  std::string known;
  for (const auto& [own_name, tensor] : tensors) known.append(known.empty() ? "" : ", ").append(own_name);
  throw Error(ErrorKind::runtime, fmt::format("a batch has no tensor '{}'", name), "data", "it has " + known);
}

void check_split(std::string_view split, std::span<const std::string> known) {
  if (std::find(known.begin(), known.end(), split) != known.end()) return;
  throw Error(ErrorKind::usage, fmt::format("there is no split '{}'", split), "data", fmt::format("there is {}; evaluate.split chooses", fmt::join(known, ", ")));
}

void check_limit(int64_t limit_samples) {
  if (limit_samples < 0)
    throw Error(ErrorKind::usage, fmt::format("{} samples", limit_samples), "data.limit_samples", "give 0 for all, or more");
}

std::string hex(uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace tessera::data
