// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/progress.h"

#include <fmt/core.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace tessera::launcher {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(5);
constexpr size_t kDefaultColumns = 80;

/// Where what we print ends up. mpirun gives each rank a pseudo-terminal of its own whatever becomes of the output, so that the
/// question is what mpirun, our parent, has as its standard output.
std::string output_path() {
  const bool under_mpirun = std::getenv("OMPI_COMM_WORLD_RANK") != nullptr;
  const std::string link = under_mpirun ? fmt::format("/proc/{}/fd/1", getppid()) : "/proc/self/fd/1";
  std::error_code code;
  return std::filesystem::read_symlink(link, code).string();
}

/// Columns of the terminal that the output goes to; nothing where it goes elsewhere.
std::optional<size_t> terminal_columns() {
  const int descriptor = open(output_path().c_str(), O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  winsize size{};
  const bool terminal = isatty(descriptor) == 1, sized = ioctl(descriptor, TIOCGWINSZ, &size) == 0;
  close(descriptor);
  if (!terminal) return std::nullopt;
  return sized && size.ws_col > 1 ? size.ws_col : kDefaultColumns;
}

}  // namespace

std::string clock_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0) return "?";
  const auto total = static_cast<int64_t>(std::llround(seconds));
  const int64_t hours = total / 3600, minutes = total / 60 % 60, rest = total % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, rest) : fmt::format("{}:{:02}", minutes, rest);
}

Progress::Progress(bool enabled)
    : enabled_(enabled), columns_(enabled ? terminal_columns() : std::nullopt), last_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { clear(); }

bool Progress::due() const {
  return enabled_ && std::chrono::steady_clock::now() - last_ >= (columns_ ? std::chrono::steady_clock::duration(kTerminalInterval) : kLineInterval);
}

void Progress::update(std::string_view text) {
  if (!due()) return;
  last_ = std::chrono::steady_clock::now();
  if (columns_) {
    fmt::print("\r\033[K{}", text.substr(0, *columns_ - 1));
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
