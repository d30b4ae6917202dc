// SPDX-License-Identifier: Apache-2.0
// A process's place among the ranks of its job, and everything that needs an end in the right order.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "distributed/communicator.h"
#include "distributed/flight_recorder.h"

namespace tessera::distributed {

namespace mpi {
class Session;
}
class CoreRotation;
namespace watchdog {
class Watchdog;
struct RankView;
}  // namespace watchdog

/// One a process. Under mpirun, srun and the like it starts a communication thread that initialises MPI; otherwise there is
/// one rank and MPI is not touched. Works and communicators must not be used after it. Its end waits for all works that
/// are neither over nor abandoned, tears down communicators, then finalises MPI. When it is destroyed by an exception in a
/// job of several ranks, it ends the job (the others may wait for this one): catch what all ranks agree on before.
class Runtime {
 public:
  struct Options {
    bool watchdog = true;
  };
  /// Throws Error(runtime) when MPI fails, Error(usage) when the launcher's ranks do not find each other.
  Runtime();
  explicit Runtime(const Options& options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  int rank() const { return world_->rank(); }
  int size() const { return world_->size(); }
  /// Among the ranks of this host.
  int local_rank() const;
  int local_size() const;
  int hosts() const;
  const std::string& host() const { return hosts_[static_cast<size_t>(rank())]; }
  /// Of every rank.
  const std::vector<std::string>& host_names() const { return hosts_; }
  Communicator& world() { return *world_; }
  /// Collective. Ranks of a host that have cores of their own hand these round within steps from now on (core_rotation.h). Returns with how many others this rank does.
  int rotate_cores();

  /// Where the training loop stands, for the diagnostics of all ranks: "backward of quantum 5".
  void set_step(int64_t step);
  void set_phase(std::string_view phase) { recorder_->set_phase(phase); }
  FlightRecorder& recorder() { return *recorder_; }
  /// What the watchdog knows of all ranks; empty without one.
  std::vector<watchdog::RankView> watch() const;

  /// See agreement.h; over the world.
  std::optional<Error> agree(const std::optional<Error>& mine);
  void require_same(std::string_view what, std::string_view mine, std::string_view fix);

  /// For a rank that cannot go on while others wait for it: prints the line and ends the whole job.
  [[noreturn]] void abort(int exit_status, std::string_view line);

 private:
  void exchange_hosts(const std::string& host);
  void start_watchdog();

  std::shared_ptr<FlightRecorder> recorder_;
  std::unique_ptr<mpi::Session> session_;
  std::shared_ptr<Communicator> world_;
  std::vector<std::string> hosts_;
  std::vector<int> leaders_;  // of every rank's host: its first rank
  std::unique_ptr<watchdog::Watchdog> watchdog_;
  std::unique_ptr<CoreRotation> rotation_;
  int exceptions_ = 0;  // in flight at the construction
};

}  // namespace tessera::distributed
