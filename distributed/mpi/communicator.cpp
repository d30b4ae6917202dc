// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/communicator.h"

#include <numeric>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "distributed/mpi/plans.h"

namespace tessera::distributed::mpi {
namespace {

MPI_Comm duplicate(MPI_Comm comm) {
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(comm, &copy), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN);
  return copy;
}

std::vector<int> world_ranks_of(MPI_Comm comm) {
  int size = 0;
  MPI_Comm_size(comm, &size);
  std::vector<int> ranks(static_cast<size_t>(size));
  std::iota(ranks.begin(), ranks.end(), 0);
  std::vector<int> world(ranks.size());
  MPI_Group group = MPI_GROUP_NULL;
  MPI_Group world_group = MPI_GROUP_NULL;
  MPI_Comm_group(comm, &group);
  MPI_Comm_group(MPI_COMM_WORLD, &world_group);
  MPI_Group_translate_ranks(group, size, ranks.data(), world_group, world.data());
  MPI_Group_free(&group);
  MPI_Group_free(&world_group);
  return world;
}

uint64_t tags_of_a_kind(MPI_Comm comm) {
  void* limit = nullptr;
  int found = 0;
  MPI_Comm_get_attr(comm, MPI_TAG_UB, &limit, &found);
  const int upper = found ? *static_cast<int*>(limit) : 32767;  // the least that the standard allows
  return (static_cast<uint64_t>(upper) + 1) / 4;
}

bool is_long_floating_sum(CollectiveKind kind, const CollectiveRequest& request) {
  const ElementType type = request.input.type();
  return kind == CollectiveKind::all_reduce && (type == ElementType::f32 || type == ElementType::f64) &&
         request.input.size_bytes() > Communicator::kSmallBytes;
}

}  // namespace

MpiCommunicator::MpiCommunicator(int rank, int size, std::shared_ptr<CommunicatorIdentity> identity,
                                 std::shared_ptr<FlightRecorder> recorder, std::shared_ptr<Engine> engine, MPI_Comm exchange,
                                 MPI_Comm library)
    : Communicator(rank, size, std::move(identity), std::move(recorder), engine),
      engine_(engine),
      exchange_(exchange),
      library_(library),
      memory_(std::make_shared<PeerMemory>(exchange)),
      tags_of_a_kind_(tags_of_a_kind(exchange)) {}

std::shared_ptr<MpiCommunicator> MpiCommunicator::over(MPI_Comm comm, const std::string& name, uint64_t id,
                                                       std::shared_ptr<FlightRecorder> recorder, std::shared_ptr<Engine> engine) {
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  auto identity = std::make_shared<CommunicatorIdentity>();
  identity->id = id;
  identity->name = name;
  identity->world_ranks = world_ranks_of(comm);
  return std::shared_ptr<MpiCommunicator>(
      new MpiCommunicator(rank, size, std::move(identity), std::move(recorder), std::move(engine), duplicate(comm), duplicate(comm)));
}

std::shared_ptr<Communicator> MpiCommunicator::split(int color, int key, const std::string& axis) {
  recorder()->wait_until_none_open(Deadline::never());
  const std::shared_ptr<WorkState> work = enter(CollectiveKind::split, 0, ElementType::byte, -1, axis.c_str());
  work->recorder().started(work->record());
  const uint64_t seed[3] = {identity().id, work->record().sequence, static_cast<uint64_t>(color)};
  std::shared_ptr<MpiCommunicator> part;
  std::exception_ptr error;
  try {
    engine_->call([&] {
      MPI_Comm comm = MPI_COMM_NULL;
      check(MPI_Comm_split(exchange_, color < 0 ? MPI_UNDEFINED : color, key, &comm), "MPI_Comm_split");
      if (comm == MPI_COMM_NULL) return;
      part = over(comm, axis, checksum(seed, sizeof seed), recorder(), engine_);
      MPI_Comm_free(&comm);
    });
  } catch (...) {
    error = std::current_exception();
  }
  work->finish(error);
  if (error) std::rethrow_exception(error);
  return part;
}

std::shared_ptr<std::byte> MpiCommunicator::allocate(size_t size_bytes) {
  const std::shared_ptr<SharedBlock> block = memory_->reaches_any() ? SharedBlock::make(size_bytes, MemoryScope::current()) : nullptr;
  if (!block) return Communicator::allocate(size_bytes);
  engine_->call([&] { memory_->share(block); });
  return {block, block->data()};
}

int MpiCommunicator::tag_of(const CollectiveRecord& record) const {
  const uint64_t place = record.sequence % tags_of_a_kind_;
  return static_cast<int>(2 * (record.is_point_to_point() ? tags_of_a_kind_ + place : place));
}

void MpiCommunicator::start(std::shared_ptr<WorkState> work, CollectiveRequest request, const ReadyEvent& ready) {
  if (size() > 1 && is_long_floating_sum(work->record().kind, request)) {
    start_library(std::move(work), std::move(request), ready);
  } else {
    start_exchange(std::move(work), std::move(request), ready);
  }
}

void MpiCommunicator::start_exchange(std::shared_ptr<WorkState> work, CollectiveRequest request, const ReadyEvent& ready) {
  Plan plan = plan_of(work->record().kind, request, rank(), size());
  const int tag = tag_of(work->record());
  auto operation = std::make_shared<Exchange>(work, exchange_, memory_, tag, std::move(request), std::move(plan));
  ready.on_finished([operation, engine = engine_](const std::exception_ptr& error) {
    if (error) {
      operation->work().finish(error);
    } else {
      engine->run_for(operation->work(), [operation, raw = engine.get()] { operation->begin(raw->requests()); });
    }
  });
}

void MpiCommunicator::start_library(std::shared_ptr<WorkState> work, CollectiveRequest request, const ReadyEvent& ready) {
  auto operation = std::make_shared<LibraryReduce>(work, library_, std::move(request));
  engine_->run([queue = queue_, operation] { queue->push(operation); });
  ready.on_finished([operation, queue = queue_, engine = engine_](const std::exception_ptr& error) {
    if (error) operation->work().finish(error);
    engine->run_for(operation->work(), [operation, queue, raw = engine.get()] {
      operation->set_ready();
      queue->advance(raw->requests());
    });
  });
}

}  // namespace tessera::distributed::mpi
