// SPDX-License-Identifier: Apache-2.0
#include "core/base/philox.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera {

RandomKey random_key(uint64_t seed, RandomPurpose purpose, std::string_view path) {
  const uint64_t path_hash = XXH64(path.data(), path.size(), static_cast<uint64_t>(purpose));
  const uint64_t key = XXH64(&path_hash, sizeof path_hash, seed);
  return {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
}

}  // namespace tessera
