// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/reporter.h"

#include <fmt/core.h>

#include <algorithm>

namespace tessera::launcher {
namespace {

/// The unit that every run counts in.
constexpr const char* kSamples = "samples";

}  // namespace

void Pace::add(const StepLine& line) {
  ++steps;
  samples += line.samples;
  skipped_samples += line.skipped_samples;
  weight += line.weight;
  flops += line.flops;
  seconds += line.step_s;
  data_wait_s += line.data_wait_s;
  communicating_s += line.communicating_s;
  exposed_s += line.exposed_s;
}

Reporter::Reporter(bool enabled, ReportPlan plan) : enabled_(enabled), plan_(std::move(plan)), progress_(enabled) {
  if (!enabled) return;
  metrics_log_ = std::make_unique<MetricsLog>(plan_.paths.metrics, plan_.resumed_step);
  events_ = std::make_unique<EventWriter>(plan_.paths.tensorboard, plan_.resumed_step + 1,
                                          [](const std::string& problem) { fmt::print(stderr, "tessera: warning: {}\n", problem); });
}

void Reporter::recipe(const std::string& text) {
  if (enabled_) events_->text("recipe", 0, code_block(text));
}

void Reporter::step(const StepLine& line) {
  if (!enabled_) return;
  step_ms_.push_back(static_cast<float>(line.step_s * 1e3));
  window_.add(line);
  total_.add(line);
  if (line.passes > 1 && line.step > 1) say(fmt::format("step {} was replayed: its gradients outgrew the grid", line.step));
  if (progress_.due()) show(line);
  if (line.step % plan_.log_every_steps == 0 || line.step == plan_.total_steps) log(line);
}

void Reporter::show(const StepLine& line) {
  const double remaining_s = static_cast<double>(plan_.total_steps - line.step) * total_.seconds / static_cast<double>(total_.steps);
  std::string metrics;
  for (size_t i = 0; i < plan_.metric_names.size(); ++i) metrics += fmt::format(" {} {:.4f}", plan_.metric_names[i], line.metrics->mean(i));
  const bool by_samples = plan_.weight_unit == kSamples;
  progress_.update(fmt::format("step {}/{} ETA {} epoch {:.2f}/{:.2f}{} lr {:.4g} {:.0f} {}/s", line.step, plan_.total_steps, clock_text(remaining_s),
                               line.epochs, plan_.total_epochs, metrics, line.learning_rate,
                               by_samples ? total_.samples_per_s() : total_.weight / total_.seconds, plan_.weight_unit));
}

void Reporter::log(const StepLine& line) {
  NamedValues values = {{"epoch", line.epochs}};
  for (size_t i = 0; i < plan_.metric_names.size(); ++i) values.emplace_back(plan_.metric_names[i], line.metrics->mean(i));
  values.insert(values.end(), {{"learning_rate", line.learning_rate},
                               {"gradient_norm", line.gradient_norm},
                               {"step_ms", window_.seconds / static_cast<double>(window_.steps) * 1e3},
                               {"data_wait_share", window_.data_wait_share()}});
  const NamedValues speed = speed_of(window_);
  values.insert(values.end(), speed.begin(), speed.end());
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

NamedValues Reporter::speed_of(const Pace& pace) const {
  NamedValues values = {{"samples_per_s", pace.samples_per_s()}};
  if (pace.seconds <= 0.0) return values;
  if (plan_.weight_unit != kSamples) values.emplace_back(plan_.weight_unit + "_per_s", pace.weight / pace.seconds);
  if (plan_.peak_gflops) values.emplace_back("mfu", pace.flops / pace.seconds / (*plan_.peak_gflops * 1e9));
  return values;
}

double Reporter::step_ms_median() const {
  if (step_ms_.empty()) return 0.0;
  std::vector<float> sorted = step_ms_;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2), sorted.end());
  return static_cast<double>(sorted[sorted.size() / 2]);
}

}  // namespace tessera::launcher
