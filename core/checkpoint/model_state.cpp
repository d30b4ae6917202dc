// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/model_state.h"

namespace tessera::checkpoint {
namespace {

StateEntry entry_of(const std::string& name, TensorRole role, const Tensor& flat, const nn::FlatSlot& slot) {
  return {name, role, nn::FlatParameters::view(flat, slot)};
}

}  // namespace

std::vector<StateEntry> weight_entries(const nn::FlatParameters& parameters) {
  std::vector<StateEntry> entries;
  for (const nn::FlatSlot& slot : parameters.slots()) {
    const TensorRole role = slot.kind == nn::SlotKind::parameter ? TensorRole::parameter : TensorRole::buffer;
    entries.push_back(entry_of(slot.name, role, parameters.values(), slot));
  }
  return entries;
}

std::vector<StateEntry> optimizer_entries(const nn::FlatParameters& parameters, const std::string& buffer, const Tensor& flat) {
  std::vector<StateEntry> entries;
  for (const nn::FlatSlot& slot : parameters.slots()) {
    if (slot.kind != nn::SlotKind::parameter) continue;
    entries.push_back(entry_of("optimizer." + buffer + "." + slot.name, TensorRole::optimizer, flat, slot));
  }
  return entries;
}

}  // namespace tessera::checkpoint
