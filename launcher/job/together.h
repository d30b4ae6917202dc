// SPDX-License-Identifier: Apache-2.0
// Things that may fail on one rank and must then fail on all, so that one of them reports it and all exit alike.
#pragma once

#include <functional>
#include <optional>

#include "distributed/runtime.h"

namespace tessera::launcher {

/// An error that every rank has: rank 0 prints it.
class AgreedError : public Error {
 public:
  explicit AgreedError(const Error& error) : Error(error) {}
};

/// Collective. Runs `action` on this rank; if it failed on any, throws the same AgreedError on all.
void together(distributed::Runtime& runtime, const std::function<void()>& action);

/// As together(), but the action runs on rank 0 only.
void on_rank_0(distributed::Runtime& runtime, const std::function<void()>& action);

/// What `action` threw, as an Error; nothing if it did not.
std::optional<Error> error_of(const std::function<void()>& action);

/// The body of a command that runs on all ranks. Prints an error once, and ends all ranks with its exit status.
int run_on_all_ranks(const std::function<int(distributed::Runtime&)>& body);

/// The body of a command that needs one process only: rank 0 runs it, and all ranks exit with its status.
int run_on_rank_0(const std::function<int()>& body);

/// "tessera: error: ..." on standard error.
void print_error(const Error& error);

}  // namespace tessera::launcher
