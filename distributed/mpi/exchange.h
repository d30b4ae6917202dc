// SPDX-License-Identifier: Apache-2.0
// Pairwise exchange by MPI_Isend and MPI_Irecv: what every collective but the long floating-point sums is made of.
// Internal to distributed/mpi (brings in mpi.h).
#pragma once

#include <mpi.h>

#include <functional>
#include <vector>

#include "core/tensor/allocator.h"
#include "distributed/communicator.h"
#include "distributed/mpi/engine.h"

namespace tessera::distributed::mpi {

/// A block of library-owned memory that receives land in.
class Staging {
 public:
  Staging() = default;
  explicit Staging(size_t size_bytes);
  ~Staging();
  Staging(Staging&& other) noexcept;
  Staging& operator=(Staging&& other) noexcept;

  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

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

/// Carries a plan out, messages cut into chunks, the outstanding ones bounded. All messages bear one tag: MPI keeps the
/// order of those between two ranks.
class Exchange : public Operation {
 public:
  Exchange(std::shared_ptr<WorkState> work, MPI_Comm comm, int tag, CollectiveRequest request, Plan plan);

 protected:
  void do_begin(Requests& requests) override;
  void do_completed(Requests& requests, uint32_t slot, const MPI_Status& status) override;

 private:
  struct Lane {  // progress with one Outgoing or Incoming
    int peer = 0;
    const std::byte* source = nullptr;
    std::byte* target = nullptr;
    size_t size_bytes = 0;
    size_t posted_bytes = 0;
    int in_flight = 0;
    bool complete() const { return in_flight == 0 && posted_bytes == size_bytes; }
  };
  struct Lanes {
    std::vector<Lane> all;
    size_t first_open = 0;  // all before are complete
  };
  struct Chunk {
    bool receive = false;
    size_t lane = 0;
    size_t offset_bytes = 0;
    size_t size_bytes = 0;
    Staging staging;
  };

  void open_phase(Requests& requests);
  void post(Requests& requests, Lanes& lanes, bool receive);
  void post_chunk(Requests& requests, Lane& lane, size_t lane_index, bool receive);
  void take_in(Chunk& chunk, const Lane& lane, const MPI_Status& status);
  void reduce(const Chunk& chunk, std::byte* target);
  void keep_term(Chunk& chunk);
  uint32_t free_slot();

  MPI_Comm comm_;
  int tag_;
  CollectiveRequest request_;  // keeps the owners of the buffers
  Plan plan_;
  size_t phase_ = 0;
  Lanes sends_;
  Lanes receives_;
  std::vector<bool> combined_;  // chunks of the target that hold more than nothing; reduce only
  std::vector<std::vector<Staging>> terms_;  // by chunk of the own piece: what has arrived of it; combine_terms only
  std::vector<Chunk> chunks_;
  std::vector<uint32_t> free_;
};

}  // namespace tessera::distributed::mpi
