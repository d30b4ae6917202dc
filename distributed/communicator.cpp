// SPDX-License-Identifier: Apache-2.0
#include "distributed/communicator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "core/base/error.h"
#include "core/tensor/allocator.h"

namespace tessera::distributed {
namespace {

void check(bool condition, CollectiveKind kind, const char* caller, std::string_view what) {
  if (condition) return;
  throw Error(ErrorKind::runtime, fmt::format("internal error: {}", what), fmt::format("{} ({})", name_of(kind), caller ? caller : ""),
              "please report this");
}

bool are_bounds(std::span<const size_t> offsets, int size, size_t elements) {
  return offsets.size() == static_cast<size_t>(size) + 1 && offsets.front() == 0 && offsets.back() == elements &&
         std::is_sorted(offsets.begin(), offsets.end());
}

size_t piece_elements(std::span<const size_t> offsets, int rank) {
  const auto r = static_cast<size_t>(rank);
  return offsets[r + 1] - offsets[r];
}

constexpr const char* kNotBounds = "the offsets do not bound one piece a rank";
constexpr const char* kSizes = "element types or counts of input and output do not agree";

}  // namespace

Communicator::Communicator(int rank, int size, std::shared_ptr<CommunicatorIdentity> identity, std::shared_ptr<FlightRecorder> recorder,
                           std::shared_ptr<Executor> executor)
    : rank_(rank),
      size_(size),
      identity_(std::move(identity)),
      recorder_(std::move(recorder)),
      executor_(std::move(executor)),
      sends_(static_cast<size_t>(size)),
      receives_(static_cast<size_t>(size)) {
  recorder_->add(identity_);
}

std::shared_ptr<WorkState> Communicator::enter(CollectiveKind kind, size_t elements, ElementType type, int peer, const char* caller) {
  auto record = std::make_shared<CollectiveRecord>();
  record->communicator = identity_;
  record->kind = kind;
  record->elements = elements;
  record->type = type;
  if (record->is_point_to_point()) {
    record->peer = peer;
    record->sequence = ++(kind == CollectiveKind::send ? sends_ : receives_)[static_cast<size_t>(peer)];
  } else {
    record->sequence = identity_->submitted.fetch_add(1) + 1;
  }
  recorder_->submitted(record, caller);
  return std::make_shared<WorkState>(std::move(record), recorder_, executor_);
}

Work Communicator::submit(CollectiveKind kind, CollectiveRequest request, const ReadyEvent& ready, const char* caller) {
  const bool reads = kind != CollectiveKind::recv && kind != CollectiveKind::broadcast;
  const size_t elements = std::max(request.input.elements(), request.output.elements());
  const ElementType type = reads ? request.input.type() : request.output.type();
  const std::lock_guard lock(submit_mutex_);
  std::shared_ptr<WorkState> work = enter(kind, elements, type, request.peer, caller);
  start(work, std::move(request), ready);
  return Work(std::move(work));
}

Work Communicator::all_reduce(ConstBuffer input, Buffer output, ReduceOp op, const ReadyEvent& ready, const char* caller) {
  constexpr auto kind = CollectiveKind::all_reduce;
  check(input.type() == output.type() && input.elements() == output.elements(), kind, caller, kSizes);
  check(input.type() != ElementType::byte, kind, caller, "bytes have no arithmetic");
  return submit(kind, {.input = std::move(input), .output = std::move(output), .op = op}, ready, caller);
}

Work Communicator::reduce_scatter(ConstBuffer input, Buffer output, std::span<const size_t> offsets, ReduceOp op, const ReadyEvent& ready,
                                  const char* caller) {
  constexpr auto kind = CollectiveKind::reduce_scatter;
  check(are_bounds(offsets, size_, input.elements()), kind, caller, kNotBounds);
  check(input.type() == output.type() && output.elements() == piece_elements(offsets, rank_), kind, caller, kSizes);
  check(input.type() != ElementType::byte, kind, caller, "bytes have no arithmetic");
  return submit(kind, {.input = std::move(input), .output = std::move(output), .op = op, .input_offsets = {offsets.begin(), offsets.end()}},
                ready, caller);
}

Work Communicator::reduce_scatter(ConstBuffer input, std::span<const size_t> offsets, CombineTerms combine_terms, const ReadyEvent& ready, const char* caller) {
  constexpr auto kind = CollectiveKind::reduce_scatter;
  check(are_bounds(offsets, size_, input.elements()), kind, caller, kNotBounds);
  check(input.type() == ElementType::f32, kind, caller, "terms are f32");
  return submit(kind, {.input = std::move(input), .combine_terms = std::move(combine_terms), .input_offsets = {offsets.begin(), offsets.end()}}, ready, caller);
}

Work Communicator::all_gather(ConstBuffer input, Buffer output, std::span<const size_t> offsets, const ReadyEvent& ready,
                              const char* caller) {
  constexpr auto kind = CollectiveKind::all_gather;
  check(are_bounds(offsets, size_, output.elements()), kind, caller, kNotBounds);
  check(input.type() == output.type() && input.elements() == piece_elements(offsets, rank_), kind, caller, kSizes);
  return submit(kind, {.input = std::move(input), .output = std::move(output), .output_offsets = {offsets.begin(), offsets.end()}}, ready,
                caller);
}

Work Communicator::broadcast(Buffer buffer, int root, const ReadyEvent& ready, const char* caller) {
  constexpr auto kind = CollectiveKind::broadcast;
  check(root >= 0 && root < size_, kind, caller, "no such root");
  return submit(kind, {.output = std::move(buffer), .peer = root}, ready, caller);
}

Work Communicator::send(ConstBuffer input, int to, const ReadyEvent& ready, const char* caller) {
  check(to >= 0 && to < size_ && to != rank_, CollectiveKind::send, caller, "no such peer");
  return submit(CollectiveKind::send, {.input = std::move(input), .peer = to}, ready, caller);
}

Work Communicator::recv(Buffer output, int from, const ReadyEvent& ready, const char* caller) {
  check(from >= 0 && from < size_ && from != rank_, CollectiveKind::recv, caller, "no such peer");
  return submit(CollectiveKind::recv, {.output = std::move(output), .peer = from}, ready, caller);
}

Work Communicator::all_to_all(ConstBuffer input, std::span<const size_t> input_offsets, Buffer output,
                              std::span<const size_t> output_offsets, const ReadyEvent& ready, const char* caller) {
  constexpr auto kind = CollectiveKind::all_to_all;
  check(are_bounds(input_offsets, size_, input.elements()) && are_bounds(output_offsets, size_, output.elements()), kind, caller,
        kNotBounds);
  check(input.type() == output.type() && piece_elements(input_offsets, rank_) == piece_elements(output_offsets, rank_), kind, caller,
        kSizes);
  return submit(kind,
                {.input = std::move(input),
                 .output = std::move(output),
                 .input_offsets = {input_offsets.begin(), input_offsets.end()},
                 .output_offsets = {output_offsets.begin(), output_offsets.end()}},
                ready, caller);
}

std::shared_ptr<std::byte> Communicator::allocate(size_t size_bytes) {
  const MemoryCategory category = MemoryScope::current();
  auto* block = static_cast<std::byte*>(allocate_bytes(size_bytes, category));
  std::memset(block, 0, size_bytes);
  return {block, [=](std::byte* bytes) { free_bytes(bytes, size_bytes, category); }};
}

bool Communicator::allocates_huge_pages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  std::string choices;  // the one that holds is in brackets
  std::getline(file, choices);
  return !choices.empty() && choices.find("[never]") == std::string::npos && choices.find("[deny]") == std::string::npos;
}

Work Communicator::barrier(const ReadyEvent& ready, const char* caller) { return submit(CollectiveKind::barrier, {}, ready, caller); }

std::vector<size_t> even_offsets(size_t elements, int size, size_t granule_elements) {
  const auto pieces = static_cast<size_t>(size);
  const size_t granules = (elements + granule_elements - 1) / granule_elements;
  std::vector<size_t> offsets(pieces + 1);
  for (size_t r = 0; r <= pieces; ++r) offsets[r] = std::min(elements, granules * r / pieces * granule_elements);
  return offsets;
}

}  // namespace tessera::distributed
