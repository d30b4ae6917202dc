// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "core/base/error.h"

namespace tessera::checkpoint {
namespace {

constexpr std::string_view kPrefix = "step_";

/// The step of a name "step_<8 digits or more><suffix>"; nothing for other names.
std::optional<int64_t> step_of(std::string_view name, std::string_view suffix) {
  if (!name.starts_with(kPrefix) || !name.ends_with(suffix)) return {};
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(suffix.size());
  int64_t step = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (problem != std::errc() || end != name.data() + name.size()) return {};
  return name == fmt::format("{:08}", step) && step >= 0 ? std::optional(step) : std::nullopt;
}

/// Runs a file system action and gives its failure the project's form.
template <typename Action>
void guarded(const std::filesystem::path& path, const char* what, Action action) {
  std::error_code problem;
  action(problem);
  if (problem) throw Error(ErrorKind::checkpoint, fmt::format("cannot {}: {}", what, problem.message()), path.string());
}

}  // namespace

std::filesystem::path folder_of(const std::filesystem::path& checkpoints, int64_t step) {
  return checkpoints / fmt::format("{}{:08}", kPrefix, step);
}

std::filesystem::path with_suffix(const std::filesystem::path& folder, const char* suffix) {
  std::filesystem::path path = folder;
  return path += suffix;
}

std::vector<Found> list_checkpoints(const std::filesystem::path& checkpoints) { return find_folders(checkpoints, ""); }

std::vector<Found> find_folders(const std::filesystem::path& checkpoints, std::string_view suffix) {
  std::vector<Found> found;
  std::error_code ignored;  // a folder that is not there, or cannot be read, holds no checkpoint
  std::filesystem::directory_iterator entry(checkpoints, ignored);
  for (; !ignored && entry != std::filesystem::directory_iterator(); entry.increment(ignored)) {
    const auto step = step_of(entry->path().filename().string(), suffix);
    std::error_code unreadable;
    if (step && entry->is_directory(unreadable)) found.push_back({*step, entry->path()});
  }
  std::ranges::sort(found, std::greater(), &Found::step);
  return found;
}

void remove_folder(const std::filesystem::path& path) {
  guarded(path, "remove", [&](std::error_code& problem) { std::filesystem::remove_all(path, problem); });
}

void rename_path(const std::filesystem::path& from, const std::filesystem::path& to) {
  guarded(from, "rename", [&](std::error_code& problem) { std::filesystem::rename(from, to, problem); });
}

}  // namespace tessera::checkpoint
