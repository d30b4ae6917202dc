// SPDX-License-Identifier: Apache-2.0
// What a fuzzer holds the program to: a broken promise aborts, which libFuzzer reports with the input.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/base/error.h"

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

/// A refusal of the right kind, in one line.
inline void require_refusal(const tessera::Error& error, tessera::ErrorKind kind) {
  require(error.kind() == kind, "an error of another kind");
  require(std::string(error.what()).find('\n') == std::string::npos, "more than one line");
}
