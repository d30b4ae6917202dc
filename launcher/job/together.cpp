// SPDX-License-Identifier: Apache-2.0
#include "launcher/job/together.h"

#include <fmt/core.h>

#include <cstdio>
#include <new>

namespace tessera::launcher {
namespace {

std::string line_of(const Error& error) { return fmt::format("tessera: error: {}", error.what()); }

}  // namespace

std::optional<Error> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::runtime, "out of memory", {}, "lower batch.micro_samples or give the job more memory");
  } catch (const std::exception& error) {
    return Error(ErrorKind::runtime, error.what());
  }
  return std::nullopt;
}

void together(distributed::Runtime& runtime, const std::function<void()>& action) {
  if (const auto error = runtime.agree(error_of(action))) throw AgreedError(*error);
}

void on_rank_0(distributed::Runtime& runtime, const std::function<void()>& action) {
  together(runtime, [&] {
    if (runtime.rank() == 0) action();
  });
}

int run_on_all_ranks(const std::function<int(distributed::Runtime&)>& body) {
  distributed::Runtime runtime;
  try {
    int status = kExitDone;
    // Errors that only this rank knows of end the job from here: the others may be waiting for it.
    const auto own = error_of([&] {
      try {
        status = body(runtime);
      } catch (const AgreedError& error) {
        if (runtime.rank() == 0) print_error(error);
        status = exit_status_of(error.kind());
      }
    });
    if (own) {
      if (runtime.size() > 1) runtime.abort(exit_status_of(own->kind()), line_of(*own));
      print_error(*own);
      return exit_status_of(own->kind());
    }
    // Everybody has said what there is to say before the first exit makes mpirun end the others.
    runtime.world().barrier(distributed::ReadyEvent::now(), "exit").wait();
    return status;
  } catch (const Error& error) {
    runtime.abort(exit_status_of(error.kind()), line_of(error));
  }
}

int run_on_rank_0(const std::function<int()>& body) {
  return run_on_all_ranks([&](distributed::Runtime& runtime) {
    std::vector<int64_t> status(1, kExitDone);
    on_rank_0(runtime, [&] { status[0] = body(); });
    runtime.world().broadcast(status, 0, distributed::ReadyEvent::now(), "exit status").wait();
    return static_cast<int>(status[0]);
  });
}

void print_error(const Error& error) {
  fmt::print(stderr, "{}\n", line_of(error));
  std::fflush(stderr);
}

}  // namespace tessera::launcher
