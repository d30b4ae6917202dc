// SPDX-License-Identifier: Apache-2.0
#include "core/text/utf8.h"

namespace tessera::text {
namespace {

struct Lead {
  uint32_t bytes;           // of the whole character; 0: cannot begin one
  uint32_t bits;            // that the first byte holds
  uint8_t lowest, highest;  // of the second byte: excludes overlong forms, surrogates and numbers above U+10FFFF
};

Lead lead_of(uint8_t byte) {
  if (byte < 0xC2 || byte > 0xF4) return {0, 0, 0, 0};
  if (byte < 0xE0) return {2, byte & 0x1Fu, 0x80, 0xBF};
  if (byte < 0xF0) return {3, byte & 0x0Fu, static_cast<uint8_t>(byte == 0xE0 ? 0xA0 : 0x80), static_cast<uint8_t>(byte == 0xED ? 0x9F : 0xBF)};
  return {4, byte & 0x07u, static_cast<uint8_t>(byte == 0xF0 ? 0x90 : 0x80), static_cast<uint8_t>(byte == 0xF4 ? 0x8F : 0xBF)};
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1, true};
  const Lead lead = lead_of(byte(0));
  uint32_t value = lead.bits;
  for (uint32_t i = 1; i < lead.bytes; ++i) {
    const uint8_t lowest = i == 1 ? lead.lowest : 0x80, highest = i == 1 ? lead.highest : 0xBF;
    if (i >= text.size() || byte(i) < lowest || byte(i) > highest) return {kReplacement, i, false};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  if (lead.bytes == 0) return {kReplacement, 1, false};
  return {value, lead.bytes, true};
}

void append_utf8(uint32_t code_point, std::string& text) {
  const auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
  } else {
    if (code_point < 0x10000) {
      put(0xE0 | code_point >> 12);
    } else {
      put(0xF0 | code_point >> 18);
      put(0x80 | (code_point >> 12 & 0x3F));
    }
    put(0x80 | (code_point >> 6 & 0x3F));
  }
  put(0x80 | (code_point & 0x3F));
}

}  // namespace tessera::text
