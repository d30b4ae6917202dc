// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "core/checkpoint/export.h"
#include "core/checkpoint/folder.h"
#include "core/checkpoint/reader.h"
#include "launcher/commands/commands.h"
#include "launcher/job/together.h"
#include "launcher/report/progress.h"

namespace tessera::launcher {
namespace {

/// A run folder, its checkpoints folder, or one checkpoint.
std::filesystem::path checkpoints_in(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) throw Error(ErrorKind::checkpoint, "there is no such folder", folder.string(), "give a run folder or a checkpoint");
  return std::filesystem::is_directory(folder / "checkpoints") ? folder / "checkpoints" : folder;
}

/// The checkpoint that is meant: the folder itself, or the newest sound one in it.
checkpoint::Checkpoint find(const std::string& folder) {
  if (std::filesystem::exists(std::filesystem::path(folder) / checkpoint::kManifestFile)) return checkpoint::open_checkpoint(folder);
  std::vector<std::string> skipped;
  const auto found = checkpoint::newest_sound(checkpoints_in(folder), skipped);
  for (const std::string& line : skipped) fmt::print(stderr, "tessera: warning: skipped a checkpoint: {}\n", line);
  if (!found) throw Error(ErrorKind::checkpoint, "there is no sound checkpoint", folder, "give a run folder or a checkpoint");
  return *found;
}

void verify(const checkpoint::Checkpoint& found) {
  Progress progress(true);
  const int files = static_cast<int>(found.manifest.files.size());
  for (int file = 0; file < files; ++file) {
    checkpoint::verify_part(found, file, files);
    if (progress.due()) progress.update(fmt::format("verified {} of {} files", file + 1, files));
  }
}

}  // namespace

int checkpoint_list(const std::string& folder) {
  for (const auto& found : checkpoint::list_checkpoints(checkpoints_in(folder))) {
    try {
      const auto opened = checkpoint::open_checkpoint(found.path);
      fmt::print("{}  step {}  {} samples  {:.1f} MiB  {} ranks\n", found.path.string(), opened.manifest.step, opened.manifest.samples_seen,
                 static_cast<double>(opened.manifest.size_bytes()) / 1048576.0, opened.manifest.world_size);
    } catch (const Error& error) {
      fmt::print("{}  unsound: {}\n", found.path.string(), error.what());
    }
  }
  return kExitDone;
}

int checkpoint_inspect(const std::string& folder) {
  fmt::print("{}", checkpoint::text_of(find(folder).manifest));
  return kExitDone;
}

int checkpoint_verify(const std::string& folder) {
  if (std::filesystem::exists(std::filesystem::path(folder) / checkpoint::kManifestFile)) {
    verify(checkpoint::open_checkpoint(folder));
    fmt::print("{}: sound\n", folder);
    return kExitDone;
  }
  const auto all = checkpoint::list_checkpoints(checkpoints_in(folder));
  if (all.empty()) throw Error(ErrorKind::checkpoint, "there are no checkpoints", folder, "give a run folder or a checkpoint");
  int status = kExitDone;
  for (const auto& found : all) {
    const auto unsound = error_of([&] { verify(checkpoint::open_checkpoint(found.path)); });
    fmt::print("{}: {}\n", found.path.string(), unsound ? unsound->what() : "sound");
    if (unsound) status = kExitData;
  }
  return status;
}

int checkpoint_hash(const std::string& folder) {
  const auto found = find(folder);
  verify(found);
  fmt::print("{}  {}\n", checkpoint::weights_sha256(checkpoint::read_weights(found)), found.path.string());
  return kExitDone;
}

int checkpoint_export(const std::string& folder, const std::string& file, bool average) {
  const auto found = find(folder);
  verify(found);
  const std::string hash = checkpoint::export_weights(average ? checkpoint::read_averages(found) : checkpoint::read_weights(found), file);
  fmt::print("{}  {}\n", hash, file);
  return kExitDone;
}

}  // namespace tessera::launcher
