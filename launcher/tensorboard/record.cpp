// SPDX-License-Identifier: Apache-2.0
#include "launcher/tensorboard/record.h"

#include <array>

namespace tessera::launcher {
namespace {

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
    table[byte] = crc;
  }
  return table;
}

/// A CRC of data that holds CRCs is weak, so the format stores them rotated and shifted by a constant.
uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

template <typename Unsigned>
void append_little_endian(std::string& out, Unsigned value) {
  for (size_t byte = 0; byte < sizeof value; ++byte) out.push_back(static_cast<char>((value >> (8 * byte)) & 0xff));
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = make_table();
  uint32_t crc = 0xffffffffu;
  for (char byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff];
  return ~crc;
}

std::string tf_record(std::string_view payload) {
  std::string record;
  append_little_endian(record, uint64_t{payload.size()});
  append_little_endian(record, masked(crc32c(record)));
  record += payload;
  append_little_endian(record, masked(crc32c(payload)));
  return record;
}

}  // namespace tessera::launcher
