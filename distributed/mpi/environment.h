// SPDX-License-Identifier: Apache-2.0
// Who started this process, and the MPI settings that suit it.
#pragma once

namespace tessera::distributed::mpi {

/// True under mpirun, srun and their like, as the variables that they set tell.
bool started_by_launcher();

/// How many processes the launcher says there are; 1 when it says nothing.
int launcher_world_size();

/// Before MPI_Init: settings of Open MPI that make it start faster where they cannot cost speed, unless the user chose
/// otherwise. Changes the environment of this process.
void prepare_environment();

}  // namespace tessera::distributed::mpi
