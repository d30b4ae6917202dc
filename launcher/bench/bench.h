// SPDX-License-Identifier: Apache-2.0
// Measurements of `tessera bench`: the machine's own limits, and how near to them the parts of a training step come.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "distributed/runtime.h"

namespace tessera::launcher::bench {

struct Timing {
  double median_s = 0.0, best_s = 0.0;
};

/// Calls again and again for `seconds`, at least three times, after one call to warm up.
Timing measure(double seconds, const std::function<void()>& call);

/// What the machine gives at most, on the number of threads that the measurements use.
struct Limits {
  double flops_per_s = 0.0;  ///< f32 multiply-adds on registers, two operations each
  double bytes_per_s = 0.0;  ///< of arrays that no cache holds; the better of copy and triad
  int64_t cache_bytes = 0;   ///< of the last level

  /// The shortest time for so much arithmetic on so much data. Data that fits the cache costs nothing: it may be there already.
  double floor_s(double flops, double data_bytes) const;
};
Limits measure_limits(int threads, double seconds);

/// f32 multiply-adds on registers, two operations each, on so many threads at once.
double peak_flops_per_s(int threads, double seconds);

struct Result {
  std::string part, name;
  Timing timing;
  double rate = 0.0;            ///< at the median time
  std::string unit;             ///< of rate and limit
  std::optional<double> limit;  ///< the highest rate that the machine's limits allow
};

/// One line of the table. `run` gives the result on rank 0.
struct Measurement {
  std::string part, name;
  bool collective = false;  ///< all ranks run it, instead of rank 0 only
  std::function<Result(const Limits& limits)> run;
};

struct Options {
  int threads = 1;       ///< of kernels
  double seconds = 0.2;  ///< of one measurement
};

std::vector<Measurement> gemm(const Options& options);
std::vector<Measurement> convolution(const Options& options);
/// Copy and triad (McCalpin's STREAM) on one core, on `options.threads` threads and on all `cores`.
std::vector<Measurement> memory(const Options& options, int cores);
/// The exact sum of gradients and the library's f32 sum, by message size.
std::vector<Measurement> all_reduce(const Options& options, distributed::Runtime& runtime);

enum class MemoryLoop { copy, triad };
/// STREAM's count: every array read or written counts once.
Result measure_memory(MemoryLoop loop, int threads, double seconds);
int64_t last_level_cache_bytes();

}  // namespace tessera::launcher::bench
