// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "core/data/webdataset.h"

namespace tessera::data {

/// index_webdataset() of these shards: an index file each, in `index_folder`, or beside the shards where that is empty.
bool index_shards(const std::vector<std::filesystem::path>& shards, const std::filesystem::path& index_folder, const PrepareObserver& observer);

}  // namespace tessera::data
