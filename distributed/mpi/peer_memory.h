// SPDX-License-Identifier: Apache-2.0
// Reading the memory of ranks on this host (process_vm_readv): one copy and two messages, however much is read. Internal to distributed/mpi (brings in mpi.h).
#pragma once

#include <mpi.h>
#include <sys/types.h>

#include <cstddef>
#include <vector>

namespace tessera::distributed::mpi {

/// Collective over `comm`: those of its ranks that run on this host, this one among them, in order.
std::vector<int> ranks_of_this_host(MPI_Comm comm);

class PeerMemory {
 public:
  /// Collective over `comm`. Tries to read from every rank of this host; containers may forbid it, and MPI's messages do then.
  explicit PeerMemory(MPI_Comm comm);

  /// Whether this rank reads from `peer` and `peer` from this rank: both know.
  bool reaches(int peer) const { return processes_[static_cast<size_t>(peer)] > 0; }
  /// Copies from the memory of `peer`. False when that rank has ended. Throws Error(runtime) where that memory is not there.
  bool read(int peer, const std::byte* address, std::byte* target, size_t size_bytes) const;

 private:
  std::vector<pid_t> processes_;  // by rank; 0: not reached
};

}  // namespace tessera::distributed::mpi
