// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/plans.h"

#include <cstring>

#include "core/base/error.h"

namespace tessera::distributed::mpi {
namespace {

// All ranks to all ranks in one exchange: least latency as long as little data is sent P times.
constexpr size_t kDirectTotalBytes = 256 << 10;
// Ranges are cut so that no two ranks write one cache line.
constexpr size_t kGranuleElements = 64;

struct Group {
  int rank;
  int size;
  // Peers in the order of sending and receiving: everybody starts with another one.
  int to(int k) const { return (rank + k) % size; }
  int from(int k) const { return (rank - k + size) % size; }
};

struct Piece {
  size_t offset_bytes;
  size_t size_bytes;
};

Piece piece(const std::vector<size_t>& offsets, int rank, ElementType type) {
  const auto r = static_cast<size_t>(rank);
  return {offsets[r] * size_bytes_of(type), (offsets[r + 1] - offsets[r]) * size_bytes_of(type)};
}

void send_piece(Phase& phase, int peer, const std::byte* data, Piece where) {
  if (where.size_bytes > 0) phase.sends.push_back({peer, data + where.offset_bytes, where.size_bytes});
}

void receive_piece(Phase& phase, int peer, std::byte* data, Piece where) {
  if (where.size_bytes > 0) phase.receives.push_back({peer, data + where.offset_bytes, where.size_bytes});
}

void own_piece(Phase& phase, const std::byte* from, std::byte* to, size_t size_bytes) {
  phase.own = from;
  phase.own_target = to;
  phase.own_bytes = size_bytes;
}

// Sums every rank's `mine` piece of `input` into `target`.
Phase reduce_phase(const Group& group, const std::byte* input, std::byte* target, const std::vector<size_t>& offsets, ElementType type) {
  Phase phase;
  phase.reduce = true;
  const Piece mine = piece(offsets, group.rank, type);
  own_piece(phase, input + mine.offset_bytes, target, mine.size_bytes);
  for (int k = 1; k < group.size; ++k) {
    send_piece(phase, group.to(k), input, piece(offsets, group.to(k), type));
    receive_piece(phase, group.from(k), target, {0, mine.size_bytes});
  }
  return phase;
}

// Gives every rank's `mine` piece of `input` to the caller's arithmetic.
Phase terms_phase(const Group& group, const CollectiveRequest& request) {
  Phase phase = reduce_phase(group, request.input.data(), nullptr, request.input_offsets, request.input.type());
  phase.reduce = false;
  phase.combine_terms = request.combine_terms;
  return phase;
}

// Everybody's piece, `mine` here, to everybody but `except` (-1: to all).
Phase gather_phase(const Group& group, const std::byte* mine, std::byte* output, const std::vector<size_t>& offsets, ElementType type,
                   int except = -1) {
  Phase phase;
  const Piece own = piece(offsets, group.rank, type);
  own_piece(phase, mine, output + own.offset_bytes, own.size_bytes);
  for (int k = 1; k < group.size; ++k) {
    if (group.to(k) != except) send_piece(phase, group.to(k), mine, {0, own.size_bytes});
    if (group.rank != except) receive_piece(phase, group.from(k), output, piece(offsets, group.from(k), type));
  }
  return phase;
}

Plan all_reduce_directly(const Group& group, const CollectiveRequest& request) {
  const size_t size_bytes = request.input.size_bytes();
  Plan plan;
  plan.scratch.emplace_back(size_bytes * static_cast<size_t>(group.size));
  std::byte* all = plan.scratch.front().data();
  const auto of_rank = [=](int rank) { return all + static_cast<size_t>(rank) * size_bytes; };
  Phase phase;
  own_piece(phase, request.input.data(), of_rank(group.rank), size_bytes);
  for (int k = 1; k < group.size; ++k) {
    send_piece(phase, group.to(k), request.input.data(), {0, size_bytes});
    receive_piece(phase, group.from(k), of_rank(group.from(k)), {0, size_bytes});
  }
  plan.phases.push_back(std::move(phase));
  plan.finish = [=, op = request.op, type = request.input.type(), elements = request.input.elements(), output = request.output.data(),
                 size = group.size] {
    for (int rank = 1; rank < size; ++rank) combine(op, type, all, of_rank(rank), all, elements);
    std::memcpy(output, all, size_bytes);
  };
  return plan;
}

Plan all_reduce(const Group& group, const CollectiveRequest& request) {
  const size_t size_bytes = request.input.size_bytes();
  if (size_bytes == 0) return {};
  const bool floating = request.input.type() == ElementType::f32 || request.input.type() == ElementType::f64;
  if (floating || size_bytes * static_cast<size_t>(group.size) <= kDirectTotalBytes) return all_reduce_directly(group, request);
  const std::vector<size_t> offsets = even_offsets(request.input.elements(), group.size, kGranuleElements);
  std::byte* mine = request.output.data() + piece(offsets, group.rank, request.output.type()).offset_bytes;
  Plan plan;
  plan.phases.push_back(reduce_phase(group, request.input.data(), mine, offsets, request.input.type()));
  plan.phases.push_back(gather_phase(group, mine, request.output.data(), offsets, request.input.type()));
  return plan;
}

// Long ones are scattered first, so that the root does not send everything to everybody (van de Geijn).
Plan broadcast(const Group& group, const CollectiveRequest& request) {
  const Buffer& buffer = request.output;
  const int root = request.peer;
  Plan plan;
  if (group.size == 2 || buffer.size_bytes() * static_cast<size_t>(group.size) <= kDirectTotalBytes) {
    Phase phase;
    for (int k = 1; k < group.size && group.rank == root; ++k) send_piece(phase, group.to(k), buffer.data(), {0, buffer.size_bytes()});
    if (group.rank != root) receive_piece(phase, root, buffer.data(), {0, buffer.size_bytes()});
    plan.phases.push_back(std::move(phase));
    return plan;
  }
  const std::vector<size_t> offsets = even_offsets(buffer.elements(), group.size, kGranuleElements);
  const Piece mine = piece(offsets, group.rank, buffer.type());
  Phase scatter;
  for (int k = 1; k < group.size && group.rank == root; ++k) {
    send_piece(scatter, group.to(k), buffer.data(), piece(offsets, group.to(k), buffer.type()));
  }
  if (group.rank != root) receive_piece(scatter, root, buffer.data(), mine);
  plan.phases.push_back(std::move(scatter));
  plan.phases.push_back(gather_phase(group, buffer.data() + mine.offset_bytes, buffer.data(), offsets, buffer.type(), root));
  return plan;
}

Plan all_to_all(const Group& group, const CollectiveRequest& request) {
  const ElementType type = request.input.type();
  Phase phase;
  const Piece from = piece(request.input_offsets, group.rank, type);
  const Piece to = piece(request.output_offsets, group.rank, type);
  own_piece(phase, request.input.data() + from.offset_bytes, request.output.data() + to.offset_bytes, from.size_bytes);
  for (int k = 1; k < group.size; ++k) {
    send_piece(phase, group.to(k), request.input.data(), piece(request.input_offsets, group.to(k), type));
    receive_piece(phase, group.from(k), request.output.data(), piece(request.output_offsets, group.from(k), type));
  }
  Plan plan;
  plan.phases.push_back(std::move(phase));
  return plan;
}

// Dissemination: after round k everybody has heard, directly or not, from 2^(k+1) - 1 others.
Plan barrier(const Group& group) {
  Plan plan;
  plan.scratch.emplace_back(1);
  for (int distance = 1; distance < group.size; distance *= 2) {
    Phase round;
    round.sends.push_back({group.to(distance), &kNothing, 1});
    round.receives.push_back({group.from(distance), plan.scratch.front().data(), 1});
    plan.phases.push_back(std::move(round));
  }
  return plan;
}

// One without elements still makes the receiver wait for the sender.
Plan point_to_point(const CollectiveRequest& request, bool sends) {
  Plan plan;
  Phase phase;
  if (sends) {
    const bool empty = request.input.elements() == 0;
    phase.sends.push_back({request.peer, empty ? &kNothing : request.input.data(), empty ? 1 : request.input.size_bytes()});
  } else if (request.output.elements() > 0) {
    phase.receives.push_back({request.peer, request.output.data(), request.output.size_bytes()});
  } else {
    plan.scratch.emplace_back(1);
    phase.receives.push_back({request.peer, plan.scratch.front().data(), 1});
  }
  plan.phases.push_back(std::move(phase));
  return plan;
}

Plan phases_of(CollectiveKind kind, const CollectiveRequest& request, const Group& group) {
  Plan plan;
  switch (kind) {
    case CollectiveKind::all_reduce: return all_reduce(group, request);
    case CollectiveKind::broadcast: return broadcast(group, request);
    case CollectiveKind::all_to_all: return all_to_all(group, request);
    case CollectiveKind::barrier: return barrier(group);
    case CollectiveKind::send: return point_to_point(request, true);
    case CollectiveKind::recv: return point_to_point(request, false);
    case CollectiveKind::reduce_scatter:
      plan.phases.push_back(request.combine_terms ? terms_phase(group, request)
                                                  : reduce_phase(group, request.input.data(), request.output.data(), request.input_offsets, request.input.type()));
      return plan;
    case CollectiveKind::all_gather:
      plan.phases.push_back(gather_phase(group, request.input.data(), request.output.data(), request.output_offsets, request.input.type()));
      return plan;
    case CollectiveKind::split: break;
  }
  TESSERA_ASSERT(false, "no exchange for this collective");
}

}  // namespace

Plan plan_of(CollectiveKind kind, const CollectiveRequest& request, int rank, int size) {
  Plan plan = phases_of(kind, request, {rank, size});
  plan.type = kind == CollectiveKind::recv || kind == CollectiveKind::broadcast ? request.output.type() : request.input.type();
  plan.op = request.op;
  return plan;
}

}  // namespace tessera::distributed::mpi
