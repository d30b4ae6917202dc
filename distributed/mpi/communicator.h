// SPDX-License-Identifier: Apache-2.0
// Internal to distributed/mpi (brings in mpi.h).
#pragma once

#include <mpi.h>

#include <memory>
#include <string>

#include "distributed/communicator.h"
#include "distributed/mpi/engine.h"
#include "distributed/mpi/library_reduce.h"
#include "distributed/mpi/peer_memory.h"

namespace tessera::distributed::mpi {

/// Host memory over MPI. The handles belong to MPI until it is finalised: freeing is collective, and ranks drop their
/// communicators at different times.
class MpiCommunicator : public Communicator {
 public:
  /// Collective over `comm`, on the communication thread. Takes duplicates, so that nobody else's messages interfere.
  static std::shared_ptr<MpiCommunicator> over(MPI_Comm comm, const std::string& name, uint64_t id,
                                               std::shared_ptr<FlightRecorder> recorder, std::shared_ptr<Engine> engine);

  std::shared_ptr<Communicator> split(int color, int key, const std::string& axis) override;
  bool reads_memory() const override { return memory_->all_reach_all(); }
  std::shared_ptr<std::byte> allocate(size_t size_bytes) override;

 protected:
  void start(std::shared_ptr<WorkState> work, CollectiveRequest request, const ReadyEvent& ready) override;

 private:
  MpiCommunicator(int rank, int size, std::shared_ptr<CommunicatorIdentity> identity, std::shared_ptr<FlightRecorder> recorder,
                  std::shared_ptr<Engine> engine, MPI_Comm exchange, MPI_Comm library);

  int tag_of(const CollectiveRecord& record) const;
  void start_exchange(std::shared_ptr<WorkState> work, CollectiveRequest request, const ReadyEvent& ready);
  void start_library(std::shared_ptr<WorkState> work, CollectiveRequest request, const ReadyEvent& ready);

  std::shared_ptr<Engine> engine_;
  MPI_Comm exchange_;
  MPI_Comm library_;
  std::shared_ptr<PeerMemory> memory_;
  uint64_t tags_of_a_kind_;  // the lower half of all pairs of tags is for collectives, the upper for sends and receives
  std::shared_ptr<LibraryQueue> queue_ = std::make_shared<LibraryQueue>();
};

}  // namespace tessera::distributed::mpi
