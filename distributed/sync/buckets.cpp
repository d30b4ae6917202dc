// SPDX-License-Identifier: Apache-2.0
#include "distributed/sync/buckets.h"

#include <algorithm>

namespace tessera::distributed {
namespace {

/// Of the first and of the last bucket.
constexpr int64_t kEndBucket_bytes = 1 << 20;
/// A longer run of fixed parameters cuts a bucket in two: sending it would take longer than another collective.
constexpr int64_t kMostCarried_bytes = 64 << 10;

int64_t bytes_between(int64_t begin, int64_t end) { return (end - begin) * static_cast<int64_t>(sizeof(float)); }

}  // namespace

std::vector<Bucket> make_buckets(const nn::FlatParameters& parameters, int64_t bucket_bytes) {
  const auto& slots = parameters.slots();
  std::vector<Bucket> buckets;
  Bucket bucket;
  const auto close = [&] {
    if (bucket.tensors > 0) buckets.push_back(bucket);
    bucket = {};
  };
  size_t last = 0;
  while (last < slots.size() && parameters.is_fixed(last)) ++last;
  for (size_t i = slots.size(); i-- > last;) {
    if (parameters.is_fixed(i)) continue;
    const int64_t begin = slots[i].offset_elements, end = i + 1 < slots.size() ? slots[i + 1].offset_elements : parameters.flat_elements();
    if (bucket.tensors > 0 && bytes_between(end, bucket.begin) > kMostCarried_bytes) close();
    bucket = {begin, bucket.tensors == 0 ? end : bucket.end, bucket.tensors + 1};
    const bool at_an_end = buckets.empty() || bytes_between(slots[last].offset_elements, begin) <= kEndBucket_bytes;
    const int64_t limit_bytes = at_an_end ? std::min(bucket_bytes, kEndBucket_bytes) : bucket_bytes;
    if (bytes_between(bucket.begin, bucket.end) >= limit_bytes) close();
  }
  close();
  return buckets;
}

}  // namespace tessera::distributed
