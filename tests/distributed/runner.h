// SPDX-License-Identifier: Apache-2.0
// Test cases that run on all ranks of an mpirun at once.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "distributed/runtime.h"

namespace tessera::distributed::testing {

/// One rank's view of a running case. A failed expectation is noted; the case goes on, so that all ranks stay together.
class Context {
 public:
  explicit Context(Runtime& its_runtime)
      : runtime(its_runtime), world(its_runtime.world()), rank(its_runtime.rank()), size(its_runtime.size()) {}

  void expect(bool condition, const std::string& what);
  /// Notes unless `function` throws Error whose text holds `part`.
  void expect_error(const std::function<void()>& function, const std::string& part);

  Runtime& runtime;
  Communicator& world;
  int rank;
  int size;
  std::vector<std::string> failures;
};

struct Case {
  const char* name;
  void (*run)(Context&);
};

std::vector<Case> collective_cases();
std::vector<Case> async_cases();
std::vector<Case> group_cases();
std::vector<Case> sync_cases();

}  // namespace tessera::distributed::testing
