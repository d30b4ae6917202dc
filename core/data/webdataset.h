// SPDX-License-Identifier: Apache-2.0
// `data.kind: webdataset`: tar shards with images beside .cls files (core/data/shard_index.h), in the manner of the Python library of that name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/data/classes.h"
#include "core/data/dataset.h"
#include "core/data/image/transform.h"

namespace tessera::data {

/// Keys of the `data` block.
struct WebdatasetConfig {
  std::string root;
  std::string train, val, test;  ///< patterns of shards, relative to root; empty: there is no such split
  std::string index_cache;       ///< folder for the indexes; empty: beside the shards
  int64_t classes = 0;           ///< 0: as many as the split shows
  HoldoutConfig holdout;
  ImageTransformConfig transform;
  void declare(config::Fields& fields);
};

/// Who is told how far long preparations are. Called from the thread that prepares.
struct PrepareObserver {
  std::function<void(const std::string& line)> say = [](const std::string&) {};
  std::function<void(int64_t done, int64_t all)> progress = [](int64_t, int64_t) {};  ///< shards
  std::function<bool()> stop = [] { return false; };                                  ///< asked several times a second
};

/// Makes the indexes of the split's shards that are missing, damaged or older than their shard, several at a time, and keeps each one at once, so that
/// an interrupted preparation goes on where it was; false: observer.stop asked to stop before all were there. For one process of a job. Throws Error(data) for shards that are not sound, and where an index cannot be written.
bool index_webdataset(const WebdatasetConfig& config, std::string_view split, const PrepareObserver& observer);

/// Split "train", "val" or "test". Shards without a sound index are read anew, and nothing is written: on hosts that hold shards of their own.
std::unique_ptr<Dataset> open_webdataset(const WebdatasetConfig& config, std::string_view split);

}  // namespace tessera::data
