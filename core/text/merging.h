// SPDX-License-Identifier: Apache-2.0
// Byte-pair merging (Sennrich, Haddow, Birch, ACL 2016): of all neighbours that may be merged, the pair of lowest priority, leftmost first, becomes one token, until
// none may.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <tuple>
#include <vector>

#include "core/text/tokenizer.h"

namespace tessera::text {

template <typename Priority>
struct Merge {
  Priority priority;
  TokenId merged;
};

inline constexpr size_t kShortWord = 48;

/// For words of at most kShortWord tokens: looks at all pairs for every merge. `find(left, right)` is a std::optional<Merge>.
template <typename Priority, typename Find>
void merge_by_scanning(std::vector<TokenId>& ids, Find find) {
  std::array<std::optional<Merge<Priority>>, kShortWord> pairs;
  size_t count = ids.empty() ? 0 : ids.size() - 1;
  for (size_t i = 0; i < count; ++i) pairs[i] = find(ids[i], ids[i + 1]);
  for (;; --count) {
    size_t best = count;
    for (size_t i = 0; i < count; ++i) {
      if (pairs[i] && (best == count || pairs[i]->priority < pairs[best]->priority)) best = i;
    }
    if (best == count) break;
    ids[best] = pairs[best]->merged;
    std::move(ids.begin() + static_cast<ptrdiff_t>(best) + 2, ids.begin() + static_cast<ptrdiff_t>(count) + 1, ids.begin() + static_cast<ptrdiff_t>(best) + 1);
    std::move(pairs.begin() + static_cast<ptrdiff_t>(best) + 1, pairs.begin() + static_cast<ptrdiff_t>(count), pairs.begin() + static_cast<ptrdiff_t>(best));
    if (best + 1 < count) pairs[best] = find(ids[best], ids[best + 1]);
    if (best > 0) pairs[best - 1] = find(ids[best - 1], ids[best]);
  }
  if (!ids.empty()) ids.resize(count + 1);
}

/// For words of any length, of fewer than 2^32 tokens: a list of what is left and a queue of the pairs in it, n log n.
template <typename Priority, typename Find>
class MergeQueue {
 public:
  MergeQueue(std::vector<TokenId>& ids, Find find) : ids_(ids), find_(find), next_(ids.size()), previous_(ids.size()) {
    std::vector<Candidate> candidates;
    for (uint32_t i = 0; i < ids.size(); ++i) {
      next_[i] = i + 1, previous_[i] = i - 1;
      if (i + 1 == ids.size()) break;
      if (const auto found = find_(ids[i], ids[i + 1])) candidates.push_back({found->priority, i});
    }
    queue_ = std::priority_queue<Candidate>({}, std::move(candidates));
  }

  void run() {
    for (; !queue_.empty();) {
      const Candidate best = queue_.top();
      queue_.pop();
      const auto found = pair_at(best.place);
      if (found && found->priority == best.priority) merge(best.place, found->merged);  // or the pair is gone
    }
    std::erase(ids_, kGone);
  }

 private:
  static constexpr TokenId kGone = -1;

  struct Candidate {
    Priority priority;
    uint32_t place;
    bool operator<(const Candidate& other) const { return std::tie(other.priority, other.place) < std::tie(priority, place); }  // the queue's top is the least
  };

  std::optional<Merge<Priority>> pair_at(uint32_t place) const {
    if (ids_[place] == kGone || next_[place] >= ids_.size()) return std::nullopt;
    return find_(ids_[place], ids_[next_[place]]);
  }

  void offer(uint32_t place) {
    if (const auto found = pair_at(place)) queue_.push({found->priority, place});
  }

  void merge(uint32_t place, TokenId merged) {
    const uint32_t gone = next_[place], after = next_[gone];
    ids_[place] = merged;
    ids_[gone] = kGone;
    next_[place] = after;
    if (after < ids_.size()) previous_[after] = place;
    offer(place);
    if (place > 0) offer(previous_[place]);
  }

  std::vector<TokenId>& ids_;
  Find find_;
  std::vector<uint32_t> next_, previous_;
  std::priority_queue<Candidate> queue_;
};

/// Merges a word in place.
template <typename Priority, typename Find>
void merge_pairs(std::vector<TokenId>& ids, Find find) {
  if (ids.size() <= kShortWord) {
    merge_by_scanning<Priority>(ids, find);
  } else {
    MergeQueue<Priority, Find>(ids, find).run();
  }
}

}  // namespace tessera::text
