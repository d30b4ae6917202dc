// SPDX-License-Identifier: Apache-2.0
// Saving and restoring a run's checkpoints by all ranks together.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/checkpoint/manifest.h"
#include "core/checkpoint/reader.h"
#include "core/checkpoint/state.h"
#include "distributed/runtime.h"

namespace tessera::launcher {

class RunCheckpoints {
 public:
  RunCheckpoints(std::filesystem::path folder, int keep_last, distributed::Runtime& runtime);

  /// Collective. Each rank writes its part. A failure leaves what was there and is returned, not thrown.
  /// The checkpoint of step `kept`, if there is one, stays however old it is.
  std::optional<Error> save(const checkpoint::Manifest& manifest, std::span<const checkpoint::StateEntry> entries, std::optional<int64_t> kept = {});

  /// Collective: the newest checkpoint whose manifest and checksums hold; ranks share the verification. `skipped` gets a line for
  /// every newer one that does not.
  std::optional<checkpoint::Checkpoint> newest_sound(std::vector<std::string>& skipped);

  /// Collective: a certain one, verified. Throws AgreedError.
  checkpoint::Checkpoint open(const std::filesystem::path& path);

  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::optional<Error> verify(const std::filesystem::path& path, std::optional<checkpoint::Checkpoint>& opened);

  std::filesystem::path folder_;
  int keep_last_;
  distributed::Runtime& runtime_;
};

}  // namespace tessera::launcher
