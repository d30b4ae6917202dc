// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tessera::launcher {

/// From now on SIGUSR1, SIGTERM and SIGINT ask for a checkpoint and an orderly stop. A second SIGTERM or SIGINT ends the process at once.
void catch_stop_signals();

/// Whether a signal asked this process to stop.
bool stop_requested();

}  // namespace tessera::launcher
