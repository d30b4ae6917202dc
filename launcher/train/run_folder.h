// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/checkpoint/lock.h"
#include "distributed/runtime.h"

namespace tessera::launcher {

/// The folder of a run: made, tried and locked by rank 0, and seen by every host.
class RunFolder {
 public:
  /// Collective. Throws an AgreedError where the folder cannot be written, is not seen by every rank (a nonce is tried), or belongs to
  /// another run that is still going.
  RunFolder(std::filesystem::path path, distributed::Runtime& runtime);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path summary() const { return path_ / "summary.json"; }
  /// Pictures of the last evaluation's confusion matrix: of the weights, and of their moving average.
  std::filesystem::path confusion() const { return path_ / "confusion.png"; }
  std::filesystem::path average_confusion() const { return path_ / "confusion_ema.png"; }
  std::filesystem::path tensorboard() const { return path_ / "tensorboard"; }
  std::filesystem::path recipe() const { return path_ / "recipe.yaml"; }

 private:
  void create_and_lock();
  void try_nonce(distributed::Runtime& runtime);

  std::filesystem::path path_;
  std::unique_ptr<checkpoint::RunLock> lock_;  // rank 0
};

}  // namespace tessera::launcher
