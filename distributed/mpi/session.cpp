// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/session.h"

#include <mpi.h>
#include <unistd.h>

#include "distributed/mpi/communicator.h"
#include "distributed/mpi/engine.h"
#include "distributed/mpi/peer_memory.h"

namespace tessera::distributed::mpi {

Session::Session(std::shared_ptr<FlightRecorder> recorder) : recorder_(std::move(recorder)), engine_(std::make_shared<Engine>(recorder_)) {
  engine_->call([this] {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    if (size_ > 1) host_leader_ = ranks_of_this_host(MPI_COMM_WORLD).front();
  });
}

Session::~Session() {
  recorder_->wait_until_none_open(Deadline::never());
  engine_->stop();
}

std::shared_ptr<Communicator> Session::world() {
  std::shared_ptr<Communicator> world;
  engine_->call([&] { world = MpiCommunicator::over(MPI_COMM_WORLD, "world", 0, recorder_, engine_); });
  return world;
}

void Session::set_crowded(bool crowded) { engine_->set_crowded(crowded); }

void Session::abort(int status) {
  engine_->try_call([status] { MPI_Abort(MPI_COMM_WORLD, status); }, 1.0);
  _exit(status);  // the thread is in the middle of something that does not end: the launcher sees the exit
}

}  // namespace tessera::distributed::mpi
