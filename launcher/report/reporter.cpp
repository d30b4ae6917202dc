// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/reporter.h"

#include <fmt/core.h>

#include <algorithm>

namespace tessera::launcher {

Reporter::Reporter(bool enabled, const ReportPaths& paths, int64_t resumed_step, int64_t total_steps, double total_epochs,
                   int64_t log_every_steps, std::vector<std::string> metric_names)
    : enabled_(enabled),
      total_steps_(total_steps),
      log_every_steps_(log_every_steps),
      total_epochs_(total_epochs),
      metric_names_(std::move(metric_names)),
      progress_(enabled) {
  if (!enabled) return;
  metrics_log_ = std::make_unique<MetricsLog>(paths.metrics, resumed_step);
  events_ = std::make_unique<EventWriter>(paths.tensorboard, resumed_step + 1,
                                          [](const std::string& problem) { fmt::print(stderr, "tessera: warning: {}\n", problem); });
}

void Reporter::recipe(const std::string& text) {
  if (enabled_) events_->text("recipe", 0, code_block(text));
}

void Reporter::step(const StepLine& line) {
  if (!enabled_) return;
  step_ms_.push_back(static_cast<float>(line.step_s * 1e3));
  samples_ += line.samples;
  seconds_ += line.step_s;
  data_wait_s_ += line.data_wait_s;
  ++window_.steps;
  window_.skipped_samples += line.skipped_samples;
  window_.samples += line.samples;
  window_.seconds += line.step_s;
  window_.data_wait_s += line.data_wait_s;
  window_.communicating_s += line.communicating_s;
  window_.exposed_s += line.exposed_s;
  if (line.passes > 1 && line.step > 1) say(fmt::format("step {} was replayed: its gradients outgrew the grid", line.step));
  if (progress_.due()) show(line);
  if (line.step % log_every_steps_ == 0 || line.step == total_steps_) log(line);
}

void Reporter::show(const StepLine& line) {
  const double remaining_s = static_cast<double>(total_steps_ - line.step) * seconds_ / static_cast<double>(step_ms_.size());
  std::string metrics;
  for (size_t i = 0; i < metric_names_.size(); ++i) metrics += fmt::format(" {} {:.4f}", metric_names_[i], line.metrics->mean(i));
  progress_.update(fmt::format("step {}/{} ETA {} epoch {:.2f}/{:.2f}{} lr {:.4g} {:.0f} samples/s", line.step, total_steps_,
                               clock_text(remaining_s), line.epochs, total_epochs_, metrics, line.learning_rate, samples_per_s()));
}

void Reporter::log(const StepLine& line) {
  NamedValues values = {{"epoch", line.epochs}};
  for (size_t i = 0; i < metric_names_.size(); ++i) values.emplace_back(metric_names_[i], line.metrics->mean(i));
  values.insert(values.end(), {{"learning_rate", line.learning_rate},
                               {"gradient_norm", line.gradient_norm},
                               {"samples_per_s", static_cast<double>(window_.samples) / window_.seconds},
                               {"step_ms", window_.seconds / static_cast<double>(window_.steps) * 1e3},
                               {"data_wait_share", window_.data_wait_s / window_.seconds}});
  if (window_.communicating_s > 0.0) values.emplace_back("communication_hidden_share", 1.0 - window_.exposed_s / window_.communicating_s);
  if (window_.skipped_samples > 0) values.emplace_back("skipped_samples", static_cast<double>(window_.skipped_samples));
  metrics_log_->add("train", line.step, values);
  for (const auto& [name, value] : values) events_->scalar("train/" + name, line.step, value);
  window_ = {};
}

void Reporter::evaluation(const std::string& kind, int64_t step, const std::string& split, const NamedValues& values) {
  if (!enabled_) return;
  std::string text = fmt::format("{} after step {} on {}:", kind, step, split);
  for (const auto& [name, value] : values) {
    text += fmt::format(" {} {:.4f}", name, value);
    events_->scalar(kind + "/" + name, step, value);
  }
  say(text);
  metrics_log_->add(kind, step, values);
  events_->flush();
}

double Reporter::samples_per_s() const { return seconds_ > 0.0 ? static_cast<double>(samples_) / seconds_ : 0.0; }

double Reporter::data_wait_share() const { return seconds_ > 0.0 ? data_wait_s_ / seconds_ : 0.0; }

double Reporter::step_ms_median() const {
  if (step_ms_.empty()) return 0.0;
  std::vector<float> sorted = step_ms_;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2), sorted.end());
  return static_cast<double>(sorted[sorted.size() / 2]);
}

}  // namespace tessera::launcher
