// SPDX-License-Identifier: Apache-2.0
// Every collective as phases of pairwise exchanges.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "distributed/communicator.h"
#include "distributed/mpi/staging.h"

namespace tessera::distributed::mpi {

inline const std::byte kNothing{};  // what messages without content carry

/// What goes to one peer, or comes from one: at least one byte.
struct Outgoing {
  int peer;
  const std::byte* data;
  size_t size_bytes;
};
struct Incoming {
  int peer;
  std::byte* target;
  size_t size_bytes;
};

/// Exchanges that run at the same time. With `reduce`, all receives have one target, which becomes own op received op...; with `combine_terms` they have none, and it
/// is given own and received chunk by chunk; otherwise `own` is copied to its target first and every receive to its own.
struct Phase {
  std::vector<Outgoing> sends;
  std::vector<Incoming> receives;
  bool reduce = false;
  CombineTerms combine_terms{};
  const std::byte* own = nullptr;
  std::byte* own_target = nullptr;
  size_t own_bytes = 0;
};

struct Plan {
  std::vector<Phase> phases;
  ElementType type = ElementType::byte;
  ReduceOp op = ReduceOp::sum;
  std::vector<Staging> scratch;  ///< targets that are not the caller's memory
  std::function<void()> finish;  ///< after the last phase; may write the output
};

/// The part of rank `rank` of `size`. The request must stay where its buffers are; it is only read.
Plan plan_of(CollectiveKind kind, const CollectiveRequest& request, int rank, int size);

}  // namespace tessera::distributed::mpi
