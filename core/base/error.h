// SPDX-License-Identifier: Apache-2.0
// The one exception type of the project. A message is a single line: where, what, how to fix it.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace tessera {

/// What went wrong, as far as the exit status of a command is concerned (docs/architecture.md, "Exit statuses").
enum class ErrorKind {
  usage,       ///< command line or recipe: exit status 2
  data,        ///< data set or weights: exit status 3
  checkpoint,  ///< saving or loading a checkpoint: exit status 3
  runtime,     ///< anything else: exit status 1
};

/// Process exit statuses that users and schedulers rely on.
enum ExitStatus : int { kExitDone = 0, kExitOther = 1, kExitUsage = 2, kExitData = 3, kExitStopped = 75 };

int exit_status_of(ErrorKind kind);

/// `where` is a place a person can go to (file:line, key, tensor, rank, host); `fix` says what to do about it. Both may
/// be empty. what() reads "where: what; fix".
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string_view what, std::string_view where = {}, std::string_view fix = {});

  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// For conditions that only a defect of Tessera itself can violate.
[[noreturn]] void fail_internal(std::string_view what, const char* file, int line);

}  // namespace tessera

#define TESSERA_ASSERT(condition, what)                                \
  do {                                                                 \
    if (!(condition)) ::tessera::fail_internal(what, __FILE__, __LINE__); \
  } while (false)
