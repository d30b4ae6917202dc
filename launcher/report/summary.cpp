// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/summary.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/tensor/allocator.h"
#include "launcher/report/progress.h"

namespace tessera::launcher {
namespace {

using Json = nlohmann::ordered_json;

// How Reporter::speed_of names its values.
constexpr std::string_view kPerSecond = "_per_s", kUtilisation = "mfu";

Json to_json(const NamedValues& values) {
  Json json = Json::object();
  for (const auto& [name, value] : values) json[name] = value;
  return json;
}

Json to_json(const Summary& s) {
  Json json = {{"status", s.status},
          {"steps", s.steps},
          {"samples_seen", s.samples_seen},
          {"epochs", s.epochs},
          {"ranks", s.ranks},
          {"parameters", s.parameters},
          {"weights_sha256", s.weights_sha256},
          {"train_loss", s.train_loss},
          {"evaluation", to_json(s.evaluation)}};
  if (!s.best.empty()) json["best"] = s.best;
  if (!s.evaluation_ema.empty()) json["evaluation_ema"] = to_json(s.evaluation_ema);
  if (s.classes && s.classes->counts.has_matrix()) json["evaluation_classes"] = Json::parse(class_report_json(*s.classes));
  json.update(to_json(s.speed));
  json.update({{"step_ms_median", s.step_ms_median},
               {"data_wait_share", s.data_wait_share},
               {"skipped_samples", s.skipped_samples},
               {"wall_s", s.wall_s},
               {"peak_memory_bytes", s.peak_memory_bytes}});
  return json;
}

double number(const Json& json) { return json.is_number() ? json.get<double>() : 0.0; }

NamedValues values_of(const Json& json) {
  NamedValues values;
  for (const auto& [name, value] : json.items()) values.emplace_back(name, number(value));
  return values;
}

std::string describe(const NamedValues& values) {
  std::string text;
  for (const auto& [name, value] : values) text += fmt::format(" {} {:.4f}", name, value);
  return text.empty() ? " none" : text;
}

/// "120 samples/s, 61440 tokens/s, mfu 0.81"
std::string describe_speed(const NamedValues& speed) {
  std::string text;
  for (const auto& [name, value] : speed) {
    if (!text.empty()) text += ", ";
    text += name.ends_with(kPerSecond) ? fmt::format("{:.0f} {}/s", value, name.substr(0, name.size() - kPerSecond.size())) : fmt::format("{} {:.3f}", name, value);
  }
  return text;
}

}  // namespace

void write_summary(const std::filesystem::path& path, const Summary& summary) {
  write_file_atomically(path, to_json(summary).dump(2) + "\n", ErrorKind::runtime);
}

std::optional<Summary> read_summary(const std::filesystem::path& path) {
  try {
    const Json json = Json::parse(read_file(path, ErrorKind::runtime));
    Summary s;
    s.status = json.at("status");
    s.steps = json.at("steps");
    s.samples_seen = json.at("samples_seen");
    s.epochs = number(json.at("epochs"));
    s.ranks = json.at("ranks");
    s.parameters = json.at("parameters");
    s.weights_sha256 = json.at("weights_sha256");
    s.train_loss = number(json.at("train_loss"));
    s.evaluation = values_of(json.at("evaluation"));
    s.best = json.value("best", "");
    if (json.contains("evaluation_ema")) s.evaluation_ema = values_of(json.at("evaluation_ema"));
    for (const auto& [name, value] : json.items()) {
      if (name.ends_with(kPerSecond) || name == kUtilisation) s.speed.emplace_back(name, number(value));
    }
    s.step_ms_median = number(json.at("step_ms_median"));
    s.data_wait_share = json.value("data_wait_share", 0.0);
    s.skipped_samples = json.value("skipped_samples", int64_t{0});
    s.wall_s = number(json.at("wall_s"));
    s.peak_memory_bytes = json.at("peak_memory_bytes");
    return s;
  } catch (const std::exception&) {
    return std::nullopt;  // a summary is a report, never a state: without one the run is simply summed up anew
  }
}

std::string describe(const Summary& s) {
  std::string others = s.best.empty() ? "" : "; the best: " + s.best;
  if (!s.evaluation_ema.empty()) others += "; of the moving average:" + describe(s.evaluation_ema);
  return fmt::format(
      "{}: {} steps, {} samples ({:.2f} epochs) on {} rank{} in {}\n"
      "  train loss {:.4f}; evaluation:{}{}\n"
      "  {}, median step {:.2f} ms, {:.0f} % of it waiting for data, peak memory {:.0f} MiB a rank{}\n"
      "  weights sha256 {}",
      s.status, s.steps, s.samples_seen, s.epochs, s.ranks, s.ranks == 1 ? "" : "s", clock_text(s.wall_s), s.train_loss,
      describe(s.evaluation), others, describe_speed(s.speed), s.step_ms_median, 100.0 * s.data_wait_share, static_cast<double>(s.peak_memory_bytes) / 1048576.0,
      s.skipped_samples > 0 ? fmt::format("; {} samples could not be read and were skipped", s.skipped_samples) : "", s.weights_sha256);
}

std::string describe_memory() {
  const MemoryUse use = memory_use();
  std::string text;
  for (size_t i = 0; i < kMemoryCategories; ++i) {
    text += fmt::format("{}{} {:.1f} MiB", text.empty() ? "" : ", ", name_of(static_cast<MemoryCategory>(i)), static_cast<double>(use.peak_bytes[i]) / 1048576.0);
  }
  return text;
}

}  // namespace tessera::launcher
