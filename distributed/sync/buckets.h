// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/nn/flat_parameters.h"

namespace tessera::distributed {

/// A range of the flat gradient buffer that is synchronised in one go; whole parameters.
struct Bucket {
  int64_t begin = 0, end = 0;  ///< elements
  int64_t tensors = 0;         ///< that are not fixed
};

/// Cuts the flat layout into buckets, last parameter first, as backward fills them. The first bucket is small so that communication
/// starts early, the last so that it is over soon after backward; the others hold about `bucket_bytes` of f32 gradient, or one parameter if that is larger. Fixed
/// parameters are in no bucket, but for runs of them that are too small to cut a bucket in two.
std::vector<Bucket> make_buckets(const nn::FlatParameters& parameters, int64_t bucket_bytes);

}  // namespace tessera::distributed
