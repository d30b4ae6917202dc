// SPDX-License-Identifier: Apache-2.0
// The cores that this process may run on.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace tessera::distributed {

struct Affinity {
  std::vector<int> allowed;  ///< cores that the calling thread may use, ascending
  int online = 0;            ///< cores of the machine
};

/// Of the calling thread. Ask the main thread before it starts others: children inherit.
Affinity read_affinity();

/// "core 3 of 8" or "cores 0-3,8 of 16", for the run's first line.
std::string describe(const Affinity& affinity);

/// Empty, or what is wrong and how to mend it: fewer cores than kernel threads (`threads` a rank, `ranks_on_host` ranks).
std::string affinity_warning(const Affinity& affinity, int threads, int ranks_on_host);

/// Lets the calling thread use all cores of its memory node that the system allows. mpirun binds a rank of a small job to
/// one core; a thread that polls there would take half of it from the computation while others idle. No effect where
/// forbidden.
void widen_affinity_of_this_thread();

/// For a thread that goes back and forth between the main thread's cores and all of its memory node.
class ThreadAffinity {
 public:
  /// Of the calling thread, which alone may use it.
  ThreadAffinity();
  ~ThreadAffinity();
  /// As above, or the cores that the main thread has at this moment. Cheap where nothing changes.
  void set_wide(bool wide);

 private:
  struct Cores;
  std::unique_ptr<Cores> cores_;
  bool wide_ = false;
};

}  // namespace tessera::distributed
