// SPDX-License-Identifier: Apache-2.0
#include "launcher/train/stop_signal.h"

#include <atomic>
#include <csignal>

namespace tessera::launcher {
namespace {

std::atomic<bool> requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void handle(int signal) {
  if (requested.exchange(true) && signal != SIGUSR1) std::signal(signal, SIG_DFL), std::raise(signal);
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGUSR1, SIGTERM, SIGINT}) sigaction(signal, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes (ulimit -f) shows as a failed write, which is reported, not as a death
}

bool stop_requested() { return requested.load(); }

}  // namespace tessera::launcher
