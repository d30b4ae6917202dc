// SPDX-License-Identifier: Apache-2.0
// MPI from initialisation to finalisation.
#pragma once

#include <memory>

#include "distributed/communicator.h"

namespace tessera::distributed::mpi {

class Engine;

class Session {
 public:
  /// Initialises MPI on a communication thread of its own. Throws Error(runtime).
  explicit Session(std::shared_ptr<FlightRecorder> recorder);
  /// Works first (waits for all that are open), then MPI_Finalize.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// World rank of the first rank of this host.
  int host_leader() const { return host_leader_; }
  /// Of all ranks; collective.
  std::shared_ptr<Communicator> world();

  void set_crowded(bool crowded);

  /// Ends the whole job with `status`.
  [[noreturn]] void abort(int status);

 private:
  std::shared_ptr<FlightRecorder> recorder_;
  std::shared_ptr<Engine> engine_;
  int rank_ = 0;
  int size_ = 1;
  int host_leader_ = 0;
};

}  // namespace tessera::distributed::mpi
