// SPDX-License-Identifier: Apache-2.0
#include "launcher/bench/report.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "core/base/file.h"

namespace tessera::launcher::bench {
namespace {

using Json = nlohmann::ordered_json;

double ms(double seconds) { return seconds * 1e3; }

Json to_json(const Result& r) {
  Json json = {{"part", r.part},           {"name", r.name}, {"median_ms", ms(r.timing.median_s)}, {"best_ms", ms(r.timing.best_s)},
               {"rate", r.rate}, {"unit", r.unit}};
  if (r.limit) json["limit"] = *r.limit, json["share"] = r.rate / *r.limit;
  return json;
}

}  // namespace

std::string describe(const Limits& limits, int threads) {
  return fmt::format("limits on {} thread{}: {:.1f} GFLOP/s (f32 multiply-adds on registers), {:.2f} GB/s (memory), last cache {} MiB", threads,
                     threads == 1 ? "" : "s", limits.flops_per_s / 1e9, limits.bytes_per_s / 1e9, limits.cache_bytes >> 20);
}

std::string table_head() { return fmt::format("{:12} {:58} {:>10} {:>10} {:>9} {:9} {:>9}", "part", "", "median ms", "best ms", "rate", "", "of limit"); }

std::string table_line(const Result& r) {
  const std::string share = r.limit ? fmt::format("{:.1f} %", 100.0 * r.rate / *r.limit) : "";
  return fmt::format("{:12} {:58} {:10.4f} {:10.4f} {:9.2f} {:9} {:>9}", r.part, r.name, ms(r.timing.median_s), ms(r.timing.best_s), r.rate, r.unit, share);
}

void write_json(const std::filesystem::path& path, const Machine& machine, const Limits& limits, const std::vector<Result>& results) {
  Json json = {{"host", machine.host},       {"platform", machine.platform}, {"threads", machine.threads}, {"cores", machine.cores},
               {"ranks", machine.ranks},     {"hosts", machine.hosts},
               {"limits", {{"flops_per_s", limits.flops_per_s}, {"bytes_per_s", limits.bytes_per_s}, {"cache_bytes", limits.cache_bytes}}},
               {"results", Json::array()}};
  for (const Result& result : results) json["results"].push_back(to_json(result));
  write_file_atomically(path, json.dump(1) + "\n", ErrorKind::usage);
}

}  // namespace tessera::launcher::bench
