// SPDX-License-Identifier: Apache-2.0
// Pairwise exchange: what every collective but the long floating-point sums is made of. What is longer than a chunk is read from the peer's memory where that can be
// reached, everything else goes by MPI_Isend and MPI_Irecv. Internal to distributed/mpi (brings in mpi.h).
#pragma once

#include <mpi.h>

#include <memory>
#include <vector>

#include "distributed/communicator.h"
#include "distributed/mpi/engine.h"
#include "distributed/mpi/peer_memory.h"
#include "distributed/mpi/plans.h"

namespace tessera::distributed::mpi {

/// Carries a plan out, messages cut into chunks, the outstanding ones bounded. All that come from a sender bear one tag, `tag`: MPI keeps the order of those between
/// two ranks. Where the receiver reads, the sender's message is an offer: where its data lies. The receiver answers, under `tag` + 1, when it has read.
class Exchange : public Operation {
 public:
  Exchange(std::shared_ptr<WorkState> work, MPI_Comm comm, std::shared_ptr<PeerMemory> memory, int tag, CollectiveRequest request, Plan plan);

 protected:
  void do_begin(Requests& requests) override;
  void do_completed(Requests& requests, uint32_t slot, const MPI_Status& status) override;

 private:
  struct Lane {  // progress with one Outgoing or Incoming
    size_t index = 0;
    bool receives = false;
    int peer = 0;
    const std::byte* source = nullptr;  // of what this rank reads: the peer's address, once offered
    const std::byte* view = nullptr;    // the same, in place, where the peer shares it
    std::byte* target = nullptr;
    size_t size_bytes = 0;
    bool by_reading = false;
    size_t posted_bytes = 0;  // of what this rank reads: all of it, once read
    int in_flight = 0;
    bool complete() const { return in_flight == 0 && posted_bytes == size_bytes; }
  };
  struct Lanes {
    std::vector<Lane> all;
    size_t first_open = 0;  // all before are complete
  };
  enum class Content { data, offer, done };
  struct Message {
    Content content = Content::data;
    size_t offset_bytes = 0;  // of data
    size_t size_bytes = 0;
    bool of_receives = false;  // its lane
    size_t lane = 0;
    Staging staging{};
  };

  void open_phase(Requests& requests);
  void open_lanes(const Phase& phase);
  void post(Requests& requests, Lanes& lanes);
  void post_chunk(Requests& requests, Lane& lane);
  void post_offer(Requests& requests, Lane& lane);
  void post_done(Requests& requests, Lane& lane);
  void send(Requests& requests, Lane& lane, Message message, const std::byte* source);
  void receive(Requests& requests, Lane& lane, Message message);
  void track(Requests& requests, Lane& lane, Message message, MPI_Request request);

  int tag_of(const Message& message) const { return message.content == Content::done ? tag_ + 1 : tag_; }
  void expect_size(const Lane& lane, size_t size_bytes, size_t expected_bytes);
  void take_in(Requests& requests, Message& message, Lane& lane);
  void take_offer(Requests& requests, const Message& message, Lane& lane);
  bool read(const Lane& lane);
  void put(const Lane& lane, size_t offset_bytes, size_t size_bytes, const std::byte* received);
  void reduce(const Lane& lane, size_t offset_bytes, size_t size_bytes, const std::byte* received);
  void combine_terms(Requests& requests);
  bool combine_chunk(size_t chunk);
  const std::byte* read_chunk(const Lane& lane, size_t offset_bytes, size_t size_bytes, std::byte* staging);

  MPI_Comm comm_;
  std::shared_ptr<PeerMemory> memory_;
  int tag_;
  CollectiveRequest request_;  // keeps the owners of the buffers
  Plan plan_;
  size_t phase_ = 0;
  Lanes sends_;
  Lanes receives_;
  std::vector<bool> combined_;  // chunks of the target that hold more than nothing; with `reduce` only
  std::vector<std::vector<Staging>> terms_;  // by chunk of the own piece: what messages have brought of it; with `combine_terms` only
  size_t next_chunk_ = 0;                    // of these, to be combined
  std::vector<Message> messages_;
  std::vector<uint32_t> free_;
};

}  // namespace tessera::distributed::mpi
