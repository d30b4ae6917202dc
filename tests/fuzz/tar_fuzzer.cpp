// SPDX-License-Identifier: Apache-2.0
// Any bytes as a tar archive: refused with a data error of one line, or members whose data lie inside of it, in order and apart.
#include <cstdint>
#include <cstring>
#include <span>

#include "core/format/tar.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto source = [&](uint64_t offset, std::span<std::byte> to) {
    require(offset <= size && to.size() <= size - offset, "a read outside of the archive");
    if (!to.empty()) std::memcpy(to.data(), data + offset, to.size());
  };
  try {
    tessera::TarReader reader(source, size, "fuzz");
    uint64_t end = 0;
    while (const auto member = reader.next()) {
      require(member->data_offset_bytes >= end + 512, "members overlap");
      require(member->data_offset_bytes <= size && member->size_bytes <= size - member->data_offset_bytes, "data outside of the archive");
      require(member->file || member->size_bytes == 0 || member->data_offset_bytes > 0, "no member");
      end = member->data_offset_bytes + member->size_bytes;
    }
  } catch (const tessera::Error& error) {
    require_refusal(error, tessera::ErrorKind::data);
  }
  return 0;
}
