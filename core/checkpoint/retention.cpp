// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/retention.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/checkpoint/folder.h"
#include "core/checkpoint/reader.h"

namespace tessera::checkpoint {
namespace {

bool opens(const std::filesystem::path& folder) {
  try {
    open_checkpoint(folder);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

void remove_leftovers(const std::filesystem::path& checkpoints) {
  for (const Found& replaced : find_folders(checkpoints, ".replaced")) {
    const std::filesystem::path folder = folder_of(checkpoints, replaced.step);
    if (std::filesystem::exists(folder)) {
      remove_folder(replaced.path);
    } else {
      rename_path(replaced.path, folder);
    }
  }
  for (const char* suffix : {".tmp", ".removing"}) {
    for (const Found& leftover : find_folders(checkpoints, suffix)) remove_folder(leftover.path);
  }
}

void remove_checkpoint(const std::filesystem::path& folder) {
  const std::filesystem::path removing = with_suffix(folder, ".removing");
  remove_folder(removing);
  rename_path(folder, removing);
  sync_folder(folder.parent_path(), ErrorKind::checkpoint);
  remove_folder(removing);
}

std::vector<std::filesystem::path> retain_newest(const std::filesystem::path& checkpoints, int keep_last, std::optional<int64_t> kept) {
  std::vector<std::filesystem::path> removed;
  int complete = 0;
  for (const Found& found : list_checkpoints(checkpoints)) {
    if (found.step == kept || !opens(found.path)) continue;
    if (++complete <= std::max(keep_last, 1)) continue;
    remove_checkpoint(found.path);
    removed.push_back(found.path);
  }
  return removed;
}

}  // namespace tessera::checkpoint
