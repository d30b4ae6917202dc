// SPDX-License-Identifier: Apache-2.0
#include "distributed/thread.h"

#include <pthread.h>

#include <csignal>

namespace tessera::distributed {

std::thread start_thread(std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);  // new threads inherit the mask
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace tessera::distributed
