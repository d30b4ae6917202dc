// SPDX-License-Identifier: Apache-2.0
// Files and pixels of tests/golden/images.safetensors.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/data/image/image.h"
#include "core/format/safetensors.h"

namespace tessera::data::test {

inline const SafetensorsFile& golden() {
  static const SafetensorsFile file(TESSERA_GOLDEN_FOLDER "/images.safetensors");
  return file;
}

inline std::span<const std::byte> golden_file(const std::string& name) { return golden().bytes(golden().info("file/" + name)); }

inline Image golden_image(const std::string& name) {
  const TensorInfo& info = golden().info(name);
  Image image(info.shape.at(0), info.shape.at(1));
  std::memcpy(image.pixels(), golden().bytes(info).data(), image.size_bytes());
  return image;
}

/// The parts of every tensor's name that begins with `prefix`, split at slashes.
inline std::vector<std::vector<std::string>> golden_names(const std::string& prefix) {
  std::vector<std::vector<std::string>> all;
  for (const std::string& name : golden().names()) {
    if (name.rfind(prefix, 0) != 0) continue;
    std::vector<std::string>& parts = all.emplace_back();
    for (size_t begin = 0; begin <= name.size();) {
      const size_t end = std::min(name.find('/', begin), name.size());
      parts.push_back(name.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return all;
}

/// The largest difference of two numbers; 256 where the sizes differ.
inline int difference(const Image& a, const Image& b) {
  if (a.height() != b.height() || a.width() != b.width()) return 256;
  int largest = 0;
  for (size_t i = 0; i < a.size_bytes(); ++i) largest = std::max(largest, std::abs(int{a.pixels()[i]} - int{b.pixels()[i]}));
  return largest;
}

}  // namespace tessera::data::test
