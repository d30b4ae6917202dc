// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace tessera::distributed::mpi {
namespace {

// Of messages and of what is read at a time. All chunks in flight from a peer fit in a core's second cache: MPI often completes them together. A multiple of every
// element size.
constexpr size_t kChunkBytes = 256 << 10;
constexpr int kChunksInFlight = 4;    // with one peer and direction
constexpr size_t kPeersInFlight = 8;  // in one direction

size_t chunks_of(size_t size_bytes) { return (size_bytes + kChunkBytes - 1) / kChunkBytes; }

size_t bytes_of_chunk(size_t offset_bytes, size_t size_bytes) { return std::min(kChunkBytes, size_bytes - offset_bytes); }

const float* as_floats(const std::byte* bytes) { return reinterpret_cast<const float*>(bytes); }

}  // namespace

Exchange::Exchange(std::shared_ptr<WorkState> work, MPI_Comm comm, std::shared_ptr<PeerMemory> memory, int tag, CollectiveRequest request, Plan plan)
    : Operation(std::move(work)), comm_(comm), memory_(std::move(memory)), tag_(tag), request_(std::move(request)), plan_(std::move(plan)) {}

void Exchange::do_begin(Requests& requests) { open_phase(requests); }

// Opens phases until one has something to wait for; finishes the work after the last.
void Exchange::open_phase(Requests& requests) {
  for (; phase_ < plan_.phases.size(); ++phase_) {
    const Phase& phase = plan_.phases[phase_];
    const bool deferred = phase.combine_terms || (phase.reduce && !phase.receives.empty());  // `own` is the first operand of the sum instead
    if (!deferred && phase.own != phase.own_target && phase.own_bytes > 0) {
      work().write_output([&] { std::memcpy(phase.own_target, phase.own, phase.own_bytes); });
    }
    if (phase.combine_terms && phase.receives.empty() && phase.own_bytes > 0) {
      const float* own = as_floats(phase.own);
      work().write_output([&] { phase.combine_terms(0, phase.own_bytes / sizeof(float), {&own, 1}); });
    }
    open_lanes(phase);
    for (Lanes* lanes : {&receives_, &sends_}) {
      for (Lane& lane : lanes->all) {
        if (lane.by_reading) post_offer(requests, lane);
      }
      post(requests, *lanes);
    }
    if (!sends_.all.empty() || !receives_.all.empty()) return;
  }
  if (plan_.finish) work().write_output(plan_.finish);
  work().finish(nullptr);
}

void Exchange::open_lanes(const Phase& phase) {
  sends_ = {};
  receives_ = {};
  const auto by_reading = [this](const auto& transfer) { return transfer.size_bytes > kChunkBytes && memory_->reaches(transfer.peer); };
  for (const Outgoing& out : phase.sends) {
    sends_.all.push_back({.index = sends_.all.size(), .peer = out.peer, .source = out.data, .size_bytes = out.size_bytes, .by_reading = by_reading(out)});
  }
  std::vector<int> missing;
  for (const Incoming& in : phase.receives) {
    receives_.all.push_back(
        {.index = receives_.all.size(), .receives = true, .peer = in.peer, .target = in.target, .size_bytes = in.size_bytes, .by_reading = by_reading(in)});
    missing.push_back(in.peer);
  }
  combined_.assign(phase.reduce ? chunks_of(phase.own_bytes) : 0, false);
  terms_.clear();
  terms_.resize(phase.combine_terms ? chunks_of(phase.own_bytes) : 0);
  next_chunk_ = 0;
  work().set_missing(std::move(missing));
}

void Exchange::post(Requests& requests, Lanes& lanes) {
  while (lanes.first_open < lanes.all.size() && lanes.all[lanes.first_open].complete()) ++lanes.first_open;
  size_t open = 0;
  for (size_t i = lanes.first_open; i < lanes.all.size() && open < kPeersInFlight; ++i) {
    Lane& lane = lanes.all[i];
    if (lane.by_reading || lane.complete()) continue;  // what is read may wait for what is sent
    while (lane.in_flight < kChunksInFlight && lane.posted_bytes < lane.size_bytes) post_chunk(requests, lane);
    ++open;
  }
}

void Exchange::post_chunk(Requests& requests, Lane& lane) {
  const size_t offset = lane.posted_bytes;
  Message message{.offset_bytes = offset, .size_bytes = bytes_of_chunk(offset, lane.size_bytes)};
  lane.posted_bytes += message.size_bytes;
  if (lane.receives) {
    receive(requests, lane, std::move(message));
  } else {
    send(requests, lane, std::move(message), lane.source + offset);
  }
}

void Exchange::post_offer(Requests& requests, Lane& lane) {
  Message message{.content = Content::offer, .size_bytes = sizeof(Offer)};
  if (lane.receives) return receive(requests, lane, std::move(message));
  const Offer offer = memory_->offer(lane.source, lane.size_bytes);
  message.staging = Staging(sizeof offer);
  std::memcpy(message.staging.data(), &offer, sizeof offer);
  const std::byte* source = message.staging.data();
  send(requests, lane, std::move(message), source);
  receive(requests, lane, {.content = Content::done, .size_bytes = 1});
  lane.posted_bytes = lane.size_bytes;
}

// The sender may go on.
void Exchange::post_done(Requests& requests, Lane& lane) {
  lane.posted_bytes = lane.size_bytes;
  send(requests, lane, {.content = Content::done, .size_bytes = 1}, &kNothing);
}

void Exchange::send(Requests& requests, Lane& lane, Message message, const std::byte* source) {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Isend(source, static_cast<int>(message.size_bytes), MPI_BYTE, lane.peer, tag_of(message), comm_, &request), "MPI_Isend");
  track(requests, lane, std::move(message), request);
}

void Exchange::receive(Requests& requests, Lane& lane, Message message) {
  MPI_Request request = MPI_REQUEST_NULL;
  message.staging = Staging(message.size_bytes);
  check(MPI_Irecv(message.staging.data(), static_cast<int>(message.size_bytes), MPI_BYTE, lane.peer, tag_of(message), comm_, &request), "MPI_Irecv");
  track(requests, lane, std::move(message), request);
}

void Exchange::track(Requests& requests, Lane& lane, Message message, MPI_Request request) {
  message.of_receives = lane.receives;
  message.lane = lane.index;
  ++lane.in_flight;
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(messages_.size()));
    messages_.emplace_back();
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  messages_[slot] = std::move(message);
  requests.add(request, *this, slot);
}

void Exchange::do_completed(Requests& requests, uint32_t slot, const MPI_Status& status) {
  Message message = std::move(messages_[slot]);
  free_.push_back(slot);
  Lanes& lanes = message.of_receives ? receives_ : sends_;
  Lane& lane = lanes.all[message.lane];
  --lane.in_flight;
  if (lane.receives && message.content != Content::done) {
    int count = 0;
    MPI_Get_count(&status, MPI_BYTE, &count);
    expect_size(lane, static_cast<size_t>(count), message.size_bytes);
    take_in(requests, message, lane);
  }
  if (lane.receives && !lane.by_reading && lane.complete()) work().arrived(lane.peer);
  post(requests, lanes);
  if (receives_.first_open == receives_.all.size() && sends_.first_open == sends_.all.size()) {
    ++phase_;
    open_phase(requests);
  }
}

void Exchange::expect_size(const Lane& lane, size_t size_bytes, size_t expected_bytes) {
  if (size_bytes == expected_bytes) return;
  throw Error(ErrorKind::runtime,
              fmt::format("internal error: {} got {} bytes from rank {} where {} were expected", work().record().text(), size_bytes, lane.peer, expected_bytes), "",
              "please report this");
}

void Exchange::take_in(Requests& requests, Message& message, Lane& lane) {
  if (message.content == Content::offer) {
    take_offer(requests, message, lane);
  } else if (plan_.phases[phase_].combine_terms) {
    const size_t chunk = message.offset_bytes / kChunkBytes;
    terms_[chunk].push_back(std::move(message.staging));
    combine_terms(requests);
  } else {
    work().write_output([&] { put(lane, message.offset_bytes, message.size_bytes, message.staging.data()); });
  }
}

void Exchange::take_offer(Requests& requests, const Message& message, Lane& lane) {
  Offer offer;
  std::memcpy(&offer, message.staging.data(), sizeof offer);
  expect_size(lane, offer.size_bytes, lane.size_bytes);
  lane.source = offer.address;
  lane.view = memory_->view(lane.peer, offer);
  work().arrived(lane.peer);
  if (plan_.phases[phase_].combine_terms) {
    combine_terms(requests);
  } else if (read(lane)) {
    post_done(requests, lane);
  }
}

// Where the chunk can be read: in the peer's own memory, or copied to `staging`. Null when the peer has ended.
const std::byte* Exchange::read_chunk(const Lane& lane, size_t offset_bytes, size_t size_bytes, std::byte* staging) {
  if (lane.view) return lane.view + offset_bytes;
  return memory_->read(lane.peer, lane.source + offset_bytes, staging, size_bytes) ? staging : nullptr;
}

// False when the work is over or the peer has ended; whoever watches over the ranks says so.
bool Exchange::read(const Lane& lane) {
  const Phase& phase = plan_.phases[phase_];
  const Staging staging(phase.reduce && !lane.view ? kChunkBytes : 0);
  bool there = true;
  for (size_t offset = 0; offset < lane.size_bytes && there; offset += kChunkBytes) {
    const size_t size_bytes = bytes_of_chunk(offset, lane.size_bytes);
    std::byte* target = phase.reduce ? staging.data() : lane.target + offset;
    const bool goes_on = work().write_output([&] {
      const std::byte* chunk = read_chunk(lane, offset, size_bytes, target);
      there = chunk != nullptr;
      if (there && (phase.reduce || lane.view)) put(lane, offset, size_bytes, chunk);
    });
    there = there && goes_on;
  }
  return there;
}

// Puts what has come in its place.
void Exchange::put(const Lane& lane, size_t offset_bytes, size_t size_bytes, const std::byte* received) {
  if (plan_.phases[phase_].reduce) return reduce(lane, offset_bytes, size_bytes, received);
  std::memcpy(lane.target + offset_bytes, received, size_bytes);
}

void Exchange::reduce(const Lane& lane, size_t offset_bytes, size_t size_bytes, const std::byte* received) {
  const size_t chunk = offset_bytes / kChunkBytes;
  std::byte* target = lane.target + offset_bytes;
  const std::byte* first = combined_[chunk] ? target : plan_.phases[phase_].own + offset_bytes;
  combine(plan_.op, plan_.type, first, received, target, size_bytes / size_bytes_of(plan_.type));
  combined_[chunk] = true;
}

// In their order the chunks whose terms are all here or can be read. Only then is anything read, so that it stays in the caches until it is combined.
void Exchange::combine_terms(Requests& requests) {
  size_t sent = 0;
  for (const Lane& lane : receives_.all) {
    if (lane.by_reading && lane.source == nullptr) return;
    sent += !lane.by_reading;
  }
  for (; next_chunk_ < terms_.size(); ++next_chunk_) {
    if (terms_[next_chunk_].size() < sent || !combine_chunk(next_chunk_)) return;
  }
  for (Lane& lane : receives_.all) {
    if (lane.by_reading) post_done(requests, lane);
  }
}

// False as read().
bool Exchange::combine_chunk(size_t chunk) {
  const Phase& phase = plan_.phases[phase_];
  std::vector<Staging> received = std::move(terms_[chunk]);
  const size_t offset = chunk * kChunkBytes, size_bytes = bytes_of_chunk(offset, phase.own_bytes);
  std::vector<const float*> terms{as_floats(phase.own + offset)};
  for (const Staging& term : received) terms.push_back(as_floats(term.data()));
  bool there = false;
  const bool goes_on = work().write_output([&] {
    for (const Lane& lane : receives_.all) {
      if (!lane.by_reading) continue;
      std::byte* staging = lane.view ? nullptr : received.emplace_back(size_bytes).data();
      terms.push_back(as_floats(read_chunk(lane, offset, size_bytes, staging)));
      if (!terms.back()) return;
    }
    phase.combine_terms(offset / sizeof(float), size_bytes / sizeof(float), terms);
    there = true;
  });
  return goes_on && there;
}

}  // namespace tessera::distributed::mpi
