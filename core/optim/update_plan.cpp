// SPDX-License-Identifier: Apache-2.0
#include "core/optim/update_plan.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/config/suggest.h"

namespace tessera::optim {
namespace {

constexpr size_t kNamesShown = 3;

bool matches(const config::ParameterGroup& group, const nn::FlatSlot& slot) { return fnmatch(group.match.c_str(), slot.name.c_str(), 0) == 0; }

bool matches_any(const config::ParameterGroup& group, const std::vector<nn::FlatSlot>& slots, nn::SlotKind kind) {
  return std::ranges::any_of(slots, [&](const nn::FlatSlot& slot) { return slot.kind == kind && matches(group, slot); });
}

[[noreturn]] void refuse_statistics(const config::ParameterGroup& group, size_t index) {
  throw Error(ErrorKind::usage, "pattern " + config::printable(group.match) + " of optimizer.groups[" + std::to_string(index) + "] is to fix statistics, but matches none",
              group.origin.text(), "match running_mean and running_var, too, as in 'layer1.*', or remove fixed_statistics");
}

void refuse_idle_patterns(const GroupRules& rules, const std::vector<nn::FlatSlot>& slots) {
  for (size_t i = 0; i < rules.groups.size(); ++i) {
    const config::ParameterGroup& group = rules.groups[i];
    const bool statistics = matches_any(group, slots, nn::SlotKind::statistic);
    if (matches_any(group, slots, nn::SlotKind::parameter) || (group.fixed_statistics && statistics)) {
      if (group.fixed_statistics && !statistics) refuse_statistics(group, i);
      continue;
    }
    std::vector<std::string> names;
    for (const nn::FlatSlot& slot : slots) {
      if (slot.kind == nn::SlotKind::parameter) names.push_back(slot.name);
    }
    const std::string near = config::join_names(config::names_near_pattern(group.match, names, kNamesShown));
    throw Error(ErrorKind::usage, "pattern " + config::printable(group.match) + " of optimizer.groups[" + std::to_string(i) + "].match matches no parameter",
                group.origin.text(), near.empty() ? "'tessera show' prints the names" : "near it: " + near);
  }
}

}  // namespace

UpdatePlan::UpdatePlan(const nn::FlatParameters& parameters, const GroupRules& rules, double weight_decay, Grain grain) : grain_(grain) {
  const std::vector<nn::FlatSlot>& slots = parameters.slots();
  refuse_idle_patterns(rules, slots);
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto group = std::ranges::find_if(rules.groups, [&](const auto& candidate) { return matches(candidate, slots[i]); });
    const config::ParameterGroup settings = group == rules.groups.end() ? config::ParameterGroup() : *group;
    const bool statistic = slots[i].kind == nn::SlotKind::statistic;
    frozen_.push_back(statistic || settings.frozen);
    fixed_.push_back(statistic ? settings.fixed_statistics : settings.frozen);
    if (statistic) continue;
    const bool spared = rules.no_decay_on_norms_and_biases && slots[i].shape.dims() <= 1;
    const int64_t begin = slots[i].offset_elements;
    const int64_t padded_end = i + 1 < slots.size() ? slots[i + 1].offset_elements : parameters.trained_elements();
    if (settings.frozen || slots[i].elements == 0) continue;
    append({i, begin, grain == Grain::merged ? padded_end : begin + slots[i].elements, settings.learning_rate_factor,
            settings.weight_decay.value_or(spared ? 0.0 : weight_decay)});
  }
  ranges_.resize(pieces_.size());
}

void UpdatePlan::append(const Piece& piece) {
  if (is_elementwise() && !pieces_.empty()) {
    Piece& last = pieces_.back();
    if (last.end == piece.begin && last.learning_rate_factor == piece.learning_rate_factor && last.weight_decay == piece.weight_decay) {
      last.end = piece.end;
      return;
    }
  }
  pieces_.push_back(piece);
}

void UpdatePlan::restrict_to(std::span<const nn::FlatRange> ranges) {
  TESSERA_ASSERT(is_elementwise(), "this optimizer needs whole tensors");
  std::vector<Piece> kept;
  for (Piece piece : pieces_) {
    const Piece whole = piece;
    for (const nn::FlatRange& range : ranges) {
      piece.begin = std::max(whole.begin, range.begin);
      piece.end = std::min(whole.end, range.end);
      if (piece.begin < piece.end) kept.push_back(piece);
    }
  }
  pieces_ = std::move(kept);
  ranges_.resize(pieces_.size());
}

std::span<UpdateRange> UpdatePlan::at(double learning_rate) {
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    ranges_[i] = {piece.begin, piece.end, static_cast<float>(learning_rate * piece.learning_rate_factor), static_cast<float>(piece.weight_decay)};
  }
  return ranges_;
}

}  // namespace tessera::optim
