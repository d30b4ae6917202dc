// SPDX-License-Identifier: Apache-2.0
// Reading the memory of ranks on this host: where it lies in a block that they share, in place, otherwise by a copy (process_vm_readv). Two messages, however much is read.
// Internal to distributed/mpi (brings in mpi.h).
#pragma once

#include <mpi.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "distributed/mpi/shared_block.h"

namespace tessera::distributed::mpi {

/// Collective over `comm`: those of its ranks that run on this host, this one among them, in order.
std::vector<int> ranks_of_this_host(MPI_Comm comm);

/// Where data of a rank lies.
struct Offer {
  const std::byte* address;
  size_t size_bytes;
  SharedBlock::Name block{};  ///< that it lies in; without a file where that is the rank's alone
  size_t offset_bytes = 0;    ///< in the block
};

/// For the communication thread; whom it reaches is settled once, and any thread may ask.
class PeerMemory {
 public:
  /// Collective over `comm`. Tries to read from every rank of this host; containers may forbid it, and MPI's messages do then.
  explicit PeerMemory(MPI_Comm comm);

  /// Whether this rank reads from `peer` and `peer` from this rank: both know.
  bool reaches(int peer) const { return processes_[static_cast<size_t>(peer)] > 0; }
  bool reaches_any() const;
  /// Whether every rank reads from every other: all know alike.
  bool all_reach_all() const { return all_reach_all_; }

  /// From now on others read in place what lies in this block of the rank's own.
  void share(const std::shared_ptr<SharedBlock>& block);
  Offer offer(const std::byte* data, size_t size_bytes) const;
  /// What `peer` offers, in place; null where it must be read. Maps stay, and with them the memory of blocks that `peer` has given back.
  const std::byte* view(int peer, const Offer& offer);
  /// Copies from the memory of `peer`. False when that rank has ended. Throws Error(runtime) where that memory is not there.
  bool read(int peer, const std::byte* address, std::byte* target, size_t size_bytes) const;

 private:
  std::vector<pid_t> processes_;  // by rank; 0: not reached
  bool all_reach_all_;
  std::vector<std::weak_ptr<SharedBlock>> own_;
  std::map<std::pair<int, uint64_t>, std::shared_ptr<SharedBlock>> mapped_;  // by rank and inode; null: cannot be
};

}  // namespace tessera::distributed::mpi
