// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/metrics_log.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "core/base/file.h"

namespace tessera::launcher {
namespace {

/// The lines of an earlier run up to a step; a line cut short by a kill is dropped.
std::string earlier_lines(const std::filesystem::path& path, int64_t last_step) {
  std::ifstream file(path);
  std::string kept;
  for (std::string line; std::getline(file, line);) {
    const auto object = nlohmann::ordered_json::parse(line, nullptr, false);
    if (object.is_object() && object.contains("step") && object["step"].is_number_integer() && object["step"] <= last_step) kept += line + '\n';
  }
  return kept;
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& path, int64_t resumed_step) : path_(path) {
  try {
    write_file_atomically(path, earlier_lines(path, resumed_step), ErrorKind::runtime);
  } catch (const Error& error) {
    fmt::print(stderr, "tessera: warning: {}; metrics are not logged\n", error.what());
    failed_ = true;
  }
  file_.open(path, std::ios::app);
}

void MetricsLog::add(const std::string& kind, int64_t step, const NamedValues& values) {
  nlohmann::ordered_json object = {{"kind", kind}, {"step", step}};
  for (const auto& [name, value] : values) object[name] = value;
  write(object.dump());
}

void MetricsLog::write(const std::string& line) {
  if (failed_) return;
  file_ << line << std::endl;
  if (file_.good()) return;
  fmt::print(stderr, "tessera: warning: {}: cannot write; metrics are no longer logged\n", path_.string());
  failed_ = true;
}

}  // namespace tessera::launcher
