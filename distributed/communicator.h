// SPDX-License-Identifier: Apache-2.0
// Collectives among a group of ranks. Every rank of the group must submit the same collectives in the same order; they
// start when their ready events are ready, overlap, and may complete in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "distributed/buffer.h"
#include "distributed/flight_recorder.h"
#include "distributed/ready_event.h"
#include "distributed/reduce.h"
#include "distributed/work.h"

namespace tessera::distributed {

/// Makes a rank's own sum of f32 pieces: of elements [first, first + elements) of its piece, whose values from all ranks are `terms`, its own in front, the others' in no order.
using CombineTerms = std::function<void(size_t first, size_t elements, std::span<const float* const> terms)>;

/// What a backend gets to carry out. Offsets are in elements, one more than there are ranks; empty where not used.
struct CollectiveRequest {
  ConstBuffer input{};
  Buffer output{};
  ReduceOp op = ReduceOp::sum;
  CombineTerms combine_terms{};  ///< of a reduce_scatter, instead of `op` and an output
  std::vector<size_t> input_offsets{};
  std::vector<size_t> output_offsets{};
  int peer = -1;  ///< of send and recv; the root of a broadcast
};

/// Counts are in elements. `offsets` bound the pieces of a buffer: rank r's piece is [offsets[r], offsets[r + 1]); pieces
/// may be empty and of unequal size. `ready` says when the input may be read and the output written; both must stay as
/// they are until the work is over. `caller` names the purpose in diagnostics ("gradient bucket 3"). Inputs and outputs
/// may be the same memory where said; they must not overlap otherwise. Wrong arguments throw at once, on the caller.
class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& name() const { return identity_->name; }
  const CommunicatorIdentity& identity() const { return *identity_; }

  /// Every rank gets the combination of all inputs. In place when input and output are the same. All ranks get the same
  /// bits. Integers, and floating point up to kSmallBytes, are combined in rank order or exactly, so that the result does
  /// not depend on timing either; long floating-point sums are the library's and promise nothing of the kind.
  Work all_reduce(ConstBuffer input, Buffer output, ReduceOp op, const ReadyEvent& ready, const char* caller);
  /// `input` is whole, `output` this rank's piece; it may be that piece of the input. Floating-point pieces are summed in
  /// the order of arrival: use integers where bits matter.
  Work reduce_scatter(ConstBuffer input, Buffer output, std::span<const size_t> offsets, ReduceOp op, const ReadyEvent& ready,
                      const char* caller);
  /// The same of f32 by the caller's own arithmetic: `combine_terms` gets this rank's piece of all inputs, range by range and in order, and may write its result over
  /// its own values, which no other rank reads. It runs on the communication thread and must not wait; after abandon() it is not called any more.
  Work reduce_scatter(ConstBuffer input, std::span<const size_t> offsets, CombineTerms combine_terms, const ReadyEvent& ready, const char* caller);
  /// `input` is this rank's piece, `output` whole; the input may be that piece of it.
  Work all_gather(ConstBuffer input, Buffer output, std::span<const size_t> offsets, const ReadyEvent& ready, const char* caller);
  /// Read on `root`, written elsewhere.
  Work broadcast(Buffer buffer, int root, const ReadyEvent& ready, const char* caller);
  /// The k-th send from a to b meets the k-th recv of b from a; their sizes must agree.
  Work send(ConstBuffer input, int to, const ReadyEvent& ready, const char* caller);
  Work recv(Buffer output, int from, const ReadyEvent& ready, const char* caller);
  /// Piece p of the input goes to rank p; piece p of the output comes from rank p. Not in place.
  Work all_to_all(ConstBuffer input, std::span<const size_t> input_offsets, Buffer output, std::span<const size_t> output_offsets,
                  const ReadyEvent& ready, const char* caller);
  Work barrier(const ReadyEvent& ready, const char* caller);

  /// A communicator of the ranks that give the same `color`, ordered by `key`, then by rank; null for a negative color.
  /// Blocks, also until all works of this process are over: for the time before training. `axis` names it in diagnostics.
  virtual std::shared_ptr<Communicator> split(int color, int key, const std::string& axis) = 0;

  /// Whether all ranks read each other's memory, so that what a collective carries costs them time of their cores and no link's: all know alike.
  virtual bool reads_memory() const { return false; }

  /// Zeroed memory for what collectives of this communicator carry, of the thread's current MemoryScope: other ranks of this host read there in place, where the system
  /// lets them. Not collective. May outlive the communicator; for buffers that stay, as others keep it mapped.
  virtual std::shared_ptr<std::byte> allocate(size_t size_bytes);
  /// Whether the system lays such memory on huge pages, as it does other large blocks. Where it does not, passes over it are slower.
  static bool allocates_huge_pages();

  static constexpr size_t kSmallBytes = 64 << 10;

 protected:
  Communicator(int rank, int size, std::shared_ptr<CommunicatorIdentity> identity, std::shared_ptr<FlightRecorder> recorder,
               std::shared_ptr<Executor> executor);

  /// Carries the collective out once `ready` is; must not block. Called in the order of submission.
  virtual void start(std::shared_ptr<WorkState> work, CollectiveRequest request, const ReadyEvent& ready) = 0;

  /// Draws the sequence number and enters the collective into the recorder.
  std::shared_ptr<WorkState> enter(CollectiveKind kind, size_t elements, ElementType type, int peer, const char* caller);

  const std::shared_ptr<FlightRecorder>& recorder() const { return recorder_; }
  const std::shared_ptr<Executor>& executor() const { return executor_; }

 private:
  Work submit(CollectiveKind kind, CollectiveRequest request, const ReadyEvent& ready, const char* caller);

  int rank_;
  int size_;
  std::shared_ptr<CommunicatorIdentity> identity_;
  std::shared_ptr<FlightRecorder> recorder_;
  std::shared_ptr<Executor> executor_;
  std::mutex submit_mutex_;      // keeps the order of sequence numbers that of start()
  std::vector<uint64_t> sends_;  // so far, to each peer
  std::vector<uint64_t> receives_;
};

/// Bounds of `size` pieces of `elements` that differ by at most one `granule_elements`.
std::vector<size_t> even_offsets(size_t elements, int size, size_t granule_elements = 1);

}  // namespace tessera::distributed
