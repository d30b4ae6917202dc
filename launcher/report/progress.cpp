// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/progress.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "distributed/mpi/environment.h"

namespace tessera::launcher {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(5);
constexpr size_t kDefaultColumns = 80;

size_t terminal_columns() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : kDefaultColumns;
}

/// mpirun gives rank 0 a pseudo-terminal even where its own output goes to a file, so its own output is what counts.
bool launcher_writes_to_terminal() {
  const int output = open(fmt::format("/proc/{}/fd/1", getppid()).c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (output < 0) return false;
  const bool terminal = isatty(output) == 1;
  close(output);
  return terminal;
}

bool writes_to_terminal() {
  if (isatty(STDOUT_FILENO) != 1) return false;
  return !distributed::mpi::started_by_launcher() || launcher_writes_to_terminal();
}

}  // namespace

std::string clock_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0) return "?";
  const auto total = static_cast<int64_t>(std::llround(seconds));
  const int64_t hours = total / 3600, minutes = total / 60 % 60, rest = total % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, rest) : fmt::format("{}:{:02}", minutes, rest);
}

Progress::Progress(bool enabled)
    : enabled_(enabled), terminal_(writes_to_terminal()), last_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { clear(); }

bool Progress::due() const {
  return enabled_ && std::chrono::steady_clock::now() - last_ >= (terminal_ ? std::chrono::steady_clock::duration(kTerminalInterval) : kLineInterval);
}

void Progress::update(std::string_view text) {
  if (!due()) return;
  last_ = std::chrono::steady_clock::now();
  if (terminal_) {
    fmt::print("\r\033[K{}", text.substr(0, terminal_columns() - 1));
    shown_ = true;
  } else {
    fmt::print("{}\n", text);
  }
  std::fflush(stdout);
}

void Progress::line(std::string_view text) {
  if (!enabled_) return;
  clear();
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print("\r\033[K");
  std::fflush(stdout);
  shown_ = false;
}

}  // namespace tessera::launcher
