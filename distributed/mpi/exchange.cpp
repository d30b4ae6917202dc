// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace tessera::distributed::mpi {
namespace {

// All chunks in flight from a peer fit in a core's second cache: MPI often completes them together. A multiple of every element size.
constexpr size_t kChunkBytes = 256 << 10;
constexpr int kChunksInFlight = 4;    // with one peer and direction
constexpr size_t kPeersInFlight = 8;  // in one direction

void give_terms(const Phase& phase, size_t offset_bytes, size_t size_bytes, const std::vector<Staging>& received) {
  std::vector<const float*> terms{reinterpret_cast<const float*>(phase.own + offset_bytes)};
  for (const Staging& term : received) terms.push_back(reinterpret_cast<const float*>(term.data()));
  phase.combine_terms(offset_bytes / sizeof(float), size_bytes / sizeof(float), terms);
}

}  // namespace

Staging::Staging(size_t size_bytes)
    : data_(static_cast<std::byte*>(allocate_bytes(size_bytes, MemoryCategory::communication))), size_bytes_(size_bytes) {}

Staging::~Staging() {
  if (data_) free_bytes(data_, size_bytes_, MemoryCategory::communication);
}

Staging::Staging(Staging&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}

Staging& Staging::operator=(Staging&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

Exchange::Exchange(std::shared_ptr<WorkState> work, MPI_Comm comm, int tag, CollectiveRequest request, Plan plan)
    : Operation(std::move(work)), comm_(comm), tag_(tag), request_(std::move(request)), plan_(std::move(plan)) {}

void Exchange::do_begin(Requests& requests) { open_phase(requests); }

// Opens phases until one has something to wait for; finishes the work after the last.
void Exchange::open_phase(Requests& requests) {
  for (; phase_ < plan_.phases.size(); ++phase_) {
    const Phase& phase = plan_.phases[phase_];
    const bool deferred = phase.combine_terms || (phase.reduce && !phase.receives.empty());  // `own` is the first operand of the sum instead
    if (!deferred && phase.own != phase.own_target && phase.own_bytes > 0) {
      work().write_output([&] { std::memcpy(phase.own_target, phase.own, phase.own_bytes); });
    }
    if (phase.combine_terms && phase.receives.empty() && phase.own_bytes > 0) work().write_output([&] { give_terms(phase, 0, phase.own_bytes, {}); });
    sends_ = {};
    receives_ = {};
    std::vector<int> missing;
    for (const Outgoing& out : phase.sends) sends_.all.push_back({.peer = out.peer, .source = out.data, .size_bytes = out.size_bytes});
    for (const Incoming& in : phase.receives) {
      receives_.all.push_back({.peer = in.peer, .target = in.target, .size_bytes = in.size_bytes});
      missing.push_back(in.peer);
    }
    const size_t own_chunks = (phase.own_bytes + kChunkBytes - 1) / kChunkBytes;
    combined_.assign(phase.reduce ? own_chunks : 0, false);
    terms_.resize(phase.combine_terms ? own_chunks : 0);
    work().set_missing(std::move(missing));
    post(requests, receives_, true);
    post(requests, sends_, false);
    if (!sends_.all.empty() || !receives_.all.empty()) return;
  }
  if (plan_.finish) work().write_output(plan_.finish);
  work().finish(nullptr);
}

void Exchange::post(Requests& requests, Lanes& lanes, bool receive) {
  while (lanes.first_open < lanes.all.size() && lanes.all[lanes.first_open].complete()) ++lanes.first_open;
  const size_t end = std::min(lanes.all.size(), lanes.first_open + kPeersInFlight);
  for (size_t i = lanes.first_open; i < end; ++i) {
    Lane& lane = lanes.all[i];
    while (lane.in_flight < kChunksInFlight && lane.posted_bytes < lane.size_bytes) post_chunk(requests, lane, i, receive);
  }
}

void Exchange::post_chunk(Requests& requests, Lane& lane, size_t lane_index, bool receive) {
  const size_t offset = lane.posted_bytes;
  const size_t size_bytes = std::min(kChunkBytes, lane.size_bytes - offset);
  const auto count = static_cast<int>(size_bytes);
  const uint32_t slot = free_slot();
  Chunk& chunk = chunks_[slot];
  chunk = {.receive = receive, .lane = lane_index, .offset_bytes = offset, .size_bytes = size_bytes, .staging = {}};
  MPI_Request request = MPI_REQUEST_NULL;
  if (receive) {
    chunk.staging = Staging(size_bytes);
    check(MPI_Irecv(chunk.staging.data(), count, MPI_BYTE, lane.peer, tag_, comm_, &request), "MPI_Irecv");
  } else {
    check(MPI_Isend(lane.source + offset, count, MPI_BYTE, lane.peer, tag_, comm_, &request), "MPI_Isend");
  }
  requests.add(request, *this, slot);
  lane.posted_bytes += size_bytes;
  ++lane.in_flight;
}

void Exchange::do_completed(Requests& requests, uint32_t slot, const MPI_Status& status) {
  Chunk chunk = std::move(chunks_[slot]);
  free_.push_back(slot);
  Lanes& lanes = chunk.receive ? receives_ : sends_;
  Lane& lane = lanes.all[chunk.lane];
  --lane.in_flight;
  if (chunk.receive) {
    take_in(chunk, lane, status);
    if (lane.complete()) work().arrived(lane.peer);
  }
  post(requests, lanes, chunk.receive);
  if (receives_.first_open == receives_.all.size() && sends_.first_open == sends_.all.size()) {
    ++phase_;
    open_phase(requests);
  }
}

void Exchange::take_in(Chunk& chunk, const Lane& lane, const MPI_Status& status) {
  int count = 0;
  MPI_Get_count(&status, MPI_BYTE, &count);
  if (static_cast<size_t>(count) != chunk.size_bytes) {
    throw Error(ErrorKind::runtime,
                fmt::format("internal error: {} got {} bytes from rank {} where {} were expected", work().record().text(), count, lane.peer,
                            chunk.size_bytes),
                "", "please report this");
  }
  const Phase& phase = plan_.phases[phase_];
  work().write_output([&] {
    if (phase.combine_terms) return keep_term(chunk);
    if (phase.reduce) return reduce(chunk, lane.target + chunk.offset_bytes);
    std::memcpy(lane.target + chunk.offset_bytes, chunk.staging.data(), chunk.size_bytes);
  });
}

void Exchange::reduce(const Chunk& chunk, std::byte* target) {
  const size_t index = chunk.offset_bytes / kChunkBytes;
  const std::byte* first = combined_[index] ? target : plan_.phases[phase_].own + chunk.offset_bytes;
  combine(plan_.op, plan_.type, first, chunk.staging.data(), target, chunk.size_bytes / size_bytes_of(plan_.type));
  combined_[index] = true;
}

// Until all peers' are there, which come in any order.
void Exchange::keep_term(Chunk& chunk) {
  const Phase& phase = plan_.phases[phase_];
  std::vector<Staging>& received = terms_[chunk.offset_bytes / kChunkBytes];
  received.push_back(std::move(chunk.staging));
  if (received.size() < phase.receives.size()) return;
  give_terms(phase, chunk.offset_bytes, chunk.size_bytes, received);
  received.clear();
}

uint32_t Exchange::free_slot() {
  if (free_.empty()) {
    chunks_.emplace_back();
    return static_cast<uint32_t>(chunks_.size() - 1);
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

}  // namespace tessera::distributed::mpi
