// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstring>
#include <string>

namespace tessera::test {

/// One header block of the ustar format. `magic` of GNU's: "ustar  ".
inline std::string tar_header(const std::string& name, size_t size_bytes, char type = '0', const std::string& prefix = "", bool gnu = false) {
  std::string block(512, '\0');
  const auto put = [&](size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  const auto octal = [](size_t value, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*zo", digits, value);
    return std::string(text);
  };
  put(0, name.substr(0, 100));
  put(100, "0000644");
  put(124, octal(size_bytes, 11));
  put(136, "00000000000");
  put(148, "        ");
  block[156] = type;
  put(257, gnu ? std::string("ustar  ") : std::string("ustar\00000", 8));
  put(345, prefix);
  size_t sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + std::string("\0 ", 2));
  return block;
}

inline std::string padded(std::string data) {
  data.resize((data.size() + 511) / 512 * 512, '\0');
  return data;
}

inline std::string tar_member(const std::string& name, const std::string& data, char type = '0') { return tar_header(name, data.size(), type) + padded(data); }

/// "LENGTH key=value\n", the length counting itself.
inline std::string pax_record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

inline std::string tar_end() { return std::string(1024, '\0'); }

}  // namespace tessera::test
