// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/base/file.h"
#include "core/task/class_counts.h"
#include "core/tensor/tensor.h"

namespace tessera::launcher {

/// A chunk of an evaluation that is done.
struct DoneChunk {
  int64_t chunk = 0;
  int64_t samples = 0, skipped_samples = 0;
  std::vector<int64_t> words;  ///< of its metrics
  ClassCounts classes;         ///< of no classes where the task does not classify
  Tensor outputs, targets;     ///< undefined where no predictions are kept
};

/// What is done of an evaluation, chunk by chunk, so that one that was stopped or killed goes on from there. Every rank appends to a file of its own in
/// `folder`, whose name says what is evaluated; a file's torn end is not read. A folder that cannot be written costs a warning, not the evaluation.
class EvaluationLog {
 public:
  EvaluationLog(std::filesystem::path folder, int64_t rank) : folder_(std::move(folder)), rank_(rank) {}

  const std::filesystem::path& folder() const { return folder_; }
  /// What all ranks of all earlier runs have done, each chunk once.
  std::vector<DoneChunk> read() const;
  /// The chunk is in the operating system's hands on return, so that nothing but the death of the host loses it.
  void add(const DoneChunk& chunk);
  /// Removes the folder; for one rank, when the evaluation is over.
  void remove() const;

 private:
  void open();

  std::filesystem::path folder_;
  int64_t rank_;
  std::unique_ptr<OutputFile> file_;
  bool broken_ = false;
};

}  // namespace tessera::launcher
