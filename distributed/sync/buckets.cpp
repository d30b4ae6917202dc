// SPDX-License-Identifier: Apache-2.0
#include "distributed/sync/buckets.h"

#include <algorithm>

namespace tessera::distributed {
namespace {

constexpr int64_t kFirstBucket_bytes = 1 << 20;

}  // namespace

std::vector<Bucket> make_buckets(const nn::FlatParameters& parameters, int64_t bucket_bytes) {
  const auto& slots = parameters.slots();
  std::vector<Bucket> buckets;
  int64_t end = parameters.flat_elements();
  int64_t tensors = 0;
  for (size_t i = slots.size(); i-- > 0;) {
    ++tensors;
    const int64_t begin = slots[i].offset_elements;
    const int64_t limit_bytes = buckets.empty() ? std::min(bucket_bytes, kFirstBucket_bytes) : bucket_bytes;
    const int64_t size_bytes = (end - begin) * static_cast<int64_t>(sizeof(float));
    if (size_bytes < limit_bytes && i > 0) continue;
    buckets.push_back({begin, end, tensors});
    end = begin;
    tensors = 0;
  }
  return buckets;
}

}  // namespace tessera::distributed
