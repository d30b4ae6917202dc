// SPDX-License-Identifier: Apache-2.0
// Long floating-point all-reduces by the library's own algorithms. Internal to distributed/mpi (brings in mpi.h).
#pragma once

#include <mpi.h>

#include <deque>
#include <memory>

#include "distributed/mpi/exchange.h"

namespace tessera::distributed::mpi {

/// One MPI_Iallreduce, or several when the element count passes what an int holds well, on a staging buffer.
class LibraryReduce : public Operation {
 public:
  LibraryReduce(std::shared_ptr<WorkState> work, MPI_Comm comm, CollectiveRequest request);

  /// Communication thread: the input may be read.
  void set_ready() { ready_ = true; }
  bool is_ready() const { return ready_; }

 protected:
  void do_begin(Requests& requests) override;
  void do_completed(Requests& requests, uint32_t slot, const MPI_Status& status) override;

 private:
  MPI_Comm comm_;
  CollectiveRequest request_;
  Staging staging_;
  size_t pending_ = 0;
  bool ready_ = false;
};

/// The library matches its collectives by the order in which they are posted, so a queue posts them in the order of
/// submission. All members are for the communication thread.
class LibraryQueue {
 public:
  void push(std::shared_ptr<LibraryReduce> operation);
  /// Posts what is ready at the head. An abandoned or failed operation that was never posted breaks the order among the
  /// ranks: everything behind it fails.
  void advance(Requests& requests);

 private:
  std::deque<std::shared_ptr<LibraryReduce>> waiting_;
  bool broken_ = false;
};

}  // namespace tessera::distributed::mpi
