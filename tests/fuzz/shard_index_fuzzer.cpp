// SPDX-License-Identifier: Apache-2.0
// Any bytes as the index of a shard: refused with a data error of one line, or an index whose samples lie inside of the shard and that becomes the
// same bytes again. A first byte of which the lowest bit is set has the checksum put right, so that the rest is reached.
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "core/base/hash.h"
#include "core/data/shard_index.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1) != 0 && bytes.size() >= 8) {
    const uint64_t sum = tessera::checksum(bytes.data(), bytes.size() - 8);
    std::memcpy(bytes.data() + bytes.size() - 8, &sum, sizeof sum);
  }
  try {
    const tessera::data::ShardIndex index = tessera::data::decode_index(std::as_bytes(std::span(bytes)), "fuzz");
    require(index.names.size() == index.samples.size(), "samples without names");
    for (const auto& sample : index.samples) {
      require(sample.label >= 0, "a negative class");
      require(sample.offset_bytes <= index.shard_bytes && sample.size_bytes <= index.shard_bytes - sample.offset_bytes, "a sample outside of the shard");
    }
    require(tessera::data::encode_index(index) == bytes, "other bytes than were read");
  } catch (const tessera::Error& error) {
    require_refusal(error, tessera::ErrorKind::data);
  }
  return 0;
}
