// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::launcher {

/// "1:02:03" or "4:05".
std::string clock_text(double seconds);

/// Shows where a long action stands: one line that is overwritten on a terminal, a line every few seconds elsewhere. On standard output.
class Progress {
 public:
  /// `enabled`: only rank 0 speaks.
  explicit Progress(bool enabled);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Whether update() would show something now; saves making the text.
  bool due() const;
  void update(std::string_view text);
  /// A line that stays.
  void line(std::string_view text);

 private:
  void clear();

  bool enabled_;
  std::optional<size_t> columns_;  // of the terminal; none: no terminal
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace tessera::launcher
