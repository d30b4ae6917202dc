// SPDX-License-Identifier: Apache-2.0
#include "launcher/train/checkpoints.h"

#include <fmt/core.h>

#include "core/checkpoint/folder.h"
#include "core/checkpoint/retention.h"
#include "core/checkpoint/writer.h"
#include "distributed/agreement.h"
#include "launcher/job/together.h"

namespace tessera::launcher {

RunCheckpoints::RunCheckpoints(std::filesystem::path folder, int keep_last, distributed::Runtime& runtime)
    : folder_(std::move(folder)), keep_last_(keep_last), runtime_(runtime) {}

std::optional<Error> RunCheckpoints::save(const checkpoint::Manifest& manifest, std::span<const checkpoint::StateEntry> entries,
                                          std::optional<int64_t> kept) {
  const bool first = runtime_.rank() == 0;
  // Every stage is agreed on before the next begins; after a failure all ranks leave here alike.
  const auto stage = [&](const std::function<void()>& action) { return runtime_.agree(error_of(action)); };
  auto failed = stage([&] {
    if (first) checkpoint::begin(folder_, manifest.step);
  });
  std::string record;
  if (!failed) {
    failed = stage([&] {
      const auto temporary = checkpoint::with_suffix(checkpoint::folder_of(folder_, manifest.step), ".tmp");
      const auto slices = checkpoint::plan_part(entries, runtime_.rank(), runtime_.size());
      record = checkpoint::write_part(temporary, slices, runtime_.rank()).to_bytes();
    });
  }
  if (!failed) {
    const auto records = distributed::all_gather_texts(runtime_.world(), record, "checkpoint parts");
    failed = stage([&] {
      if (!first) return;
      std::vector<checkpoint::PartRecord> parts;
      for (const std::string& bytes : records) parts.push_back(checkpoint::PartRecord::from_bytes(bytes));
      checkpoint::commit(folder_, manifest, parts);
      checkpoint::retain_newest(folder_, keep_last_, kept);
    });
  }
  if (failed && first) checkpoint::abandon(folder_, manifest.step);
  return failed;
}

std::optional<Error> RunCheckpoints::verify(const std::filesystem::path& path, std::optional<checkpoint::Checkpoint>& opened) {
  return runtime_.agree(error_of([&] {
    opened = checkpoint::open_checkpoint(path);
    checkpoint::verify_part(*opened, runtime_.rank(), runtime_.size());
  }));
}

std::optional<checkpoint::Checkpoint> RunCheckpoints::newest_sound(std::vector<std::string>& skipped) {
  // Rank 0 says what there is, so that all try the same folders.
  std::string listing;
  on_rank_0(runtime_, [&] {
    for (const auto& found : checkpoint::list_checkpoints(folder_)) listing += found.path.string() + '\n';
  });
  listing = distributed::all_gather_texts(runtime_.world(), listing, "checkpoint listing").front();
  for (size_t begin = 0; begin < listing.size();) {
    const size_t end = listing.find('\n', begin);
    std::optional<checkpoint::Checkpoint> opened;
    const auto unsound = verify(listing.substr(begin, end - begin), opened);
    if (!unsound) return opened;
    skipped.push_back(unsound->what());
    begin = end + 1;
  }
  return std::nullopt;
}

checkpoint::Checkpoint RunCheckpoints::open(const std::filesystem::path& path) {
  std::optional<checkpoint::Checkpoint> opened;
  if (const auto unsound = verify(path, opened)) throw AgreedError(*unsound);
  return *opened;
}

}  // namespace tessera::launcher
