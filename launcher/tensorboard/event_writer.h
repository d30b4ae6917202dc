// SPDX-License-Identifier: Apache-2.0
// Writes what TensorBoard shows of a run.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/file.h"
#include "launcher/tensorboard/histogram.h"
#include "launcher/tensorboard/png.h"

namespace tessera::tensorboard {
class Event;
}

namespace tessera::launcher {

/// Starts a new event file in `folder` (made where missing); files that are there stay, TensorBoard reads them in the order
/// of their names. Nothing here ever throws or ends a training: the first failure (a full disk, say) is reported once, as
/// one line, and nothing is written from then on. Not thread-safe.
class EventWriter {
 public:
  using Report = std::function<void(const std::string& problem)>;

  /// `first_step`: the step that the run does next. A resumed run gives the checkpoint's step + 1, and TensorBoard forgets
  /// what earlier files say of that step and later ones.
  EventWriter(const std::filesystem::path& folder, int64_t first_step, Report report);
  /// Flushes.
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  void scalar(std::string_view tag, int64_t step, double value);
  /// `markdown` appears in the Text tab.
  void text(std::string_view tag, int64_t step, std::string_view markdown);
  /// `picture` appears in the Images tab.
  void image(std::string_view tag, int64_t step, const Picture& picture);
  /// Appears in the tabs Histograms and Distributions; one of no values is left out.
  void histogram(std::string_view tag, int64_t step, const Histogram& histogram);
  /// What was added reaches the file at the latest with the first event 5 s after the last flush.
  void flush();

  const std::filesystem::path& path() const { return path_; }

 private:
  void add(tensorboard::Event& event, int64_t step);
  template <typename Action>
  void guarded(Action action);

  std::filesystem::path path_;
  Report report_;
  std::unique_ptr<OutputFile> file_;  // null once writing has failed
  std::string pending_;
  std::chrono::steady_clock::time_point last_flush_;
};

/// `text` as a Markdown code block, every line as it is.
std::string code_block(std::string_view text);

}  // namespace tessera::launcher
