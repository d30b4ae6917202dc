// SPDX-License-Identifier: Apache-2.0
// Every collective as phases of pairwise exchanges. Internal to distributed/mpi (brings in mpi.h).
#pragma once

#include "distributed/mpi/exchange.h"

namespace tessera::distributed::mpi {

/// The part of rank `rank` of `size`. The request must stay where its buffers are; it is only read.
Plan plan_of(CollectiveKind kind, const CollectiveRequest& request, int rank, int size);

}  // namespace tessera::distributed::mpi
