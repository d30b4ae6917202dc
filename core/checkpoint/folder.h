// SPDX-License-Identifier: Apache-2.0
// Names inside a run's checkpoints folder:
//   step_00000500              a complete checkpoint
//   step_00000500.tmp          being written, or left behind by a run that died
//   step_00000500.replaced     the sound one of the same step while a new one takes its place
//   step_00000500.removing     being deleted
//   step_00000500.unsound[.N]  found damaged when the same step was saved anew; kept for whoever wants to look
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace tessera::checkpoint {

inline constexpr const char* kManifestFile = "manifest.pb";
inline constexpr const char* kTextFile = "manifest.txt";

/// "step_00000500": eight digits, or more where the step has more.
std::filesystem::path folder_of(const std::filesystem::path& checkpoints, int64_t step);

/// `folder` with ".tmp", ".replaced" or the like behind its name.
std::filesystem::path with_suffix(const std::filesystem::path& folder, const char* suffix);

struct Found {
  int64_t step = 0;
  std::filesystem::path path;
};

/// The folders that are named like complete checkpoints, newest first; nothing is opened. Empty where `checkpoints` does not
/// exist. Everything else in it is passed over.
std::vector<Found> list_checkpoints(const std::filesystem::path& checkpoints);

/// The folders of `checkpoints` that are named step_N<suffix>, newest first.
std::vector<Found> find_folders(const std::filesystem::path& checkpoints, std::string_view suffix);

/// std::filesystem's actions with failures as Error(checkpoint). Removing what is not there is no failure.
void remove_folder(const std::filesystem::path& folder);
void rename_path(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace tessera::checkpoint
