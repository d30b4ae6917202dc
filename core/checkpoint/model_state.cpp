// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/model_state.h"

namespace tessera::checkpoint {
namespace {

/// Of a flat buffer that goes with the parameters: statistics have no part in it.
std::vector<StateEntry> entries_of(const nn::FlatParameters& parameters, const std::string& prefix, TensorRole role, const Tensor& flat) {
  std::vector<StateEntry> entries;
  for (const nn::FlatSlot& slot : parameters.slots()) {
    if (slot.kind == nn::SlotKind::parameter) entries.push_back({prefix + slot.name, role, nn::FlatParameters::view(flat, slot)});
  }
  return entries;
}

}  // namespace

std::vector<StateEntry> weight_entries(const nn::FlatParameters& parameters) {
  std::vector<StateEntry> entries;
  for (const nn::FlatSlot& slot : parameters.slots()) {
    const TensorRole role = slot.kind == nn::SlotKind::parameter ? TensorRole::parameter : TensorRole::buffer;
    entries.push_back({slot.name, role, nn::FlatParameters::view(parameters.values(), slot)});
  }
  return entries;
}

std::vector<StateEntry> optimizer_entries(const nn::FlatParameters& parameters, const std::string& buffer, const Tensor& flat) {
  return entries_of(parameters, "optimizer." + buffer + ".", TensorRole::optimizer, flat);
}

std::vector<StateEntry> average_entries(const nn::FlatParameters& parameters, const Tensor& flat) {
  return entries_of(parameters, std::string(kAveragePrefix), TensorRole::average, flat);
}

}  // namespace tessera::checkpoint
