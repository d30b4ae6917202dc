// SPDX-License-Identifier: Apache-2.0
// Results as text and as JSON.
#pragma once

#include <filesystem>

#include "launcher/bench/bench.h"

namespace tessera::launcher::bench {

/// What the numbers were measured on.
struct Machine {
  std::string host, platform;
  int threads = 1, cores = 1, ranks = 1, hosts = 1;
};

std::string describe(const Limits& limits, int threads);
std::string table_head();
std::string table_line(const Result& result);

/// Throws Error(usage) where the file cannot be written.
void write_json(const std::filesystem::path& path, const Machine& machine, const Limits& limits, const std::vector<Result>& results);

}  // namespace tessera::launcher::bench
