// SPDX-License-Identifier: Apache-2.0
// A picture of 8 bits a channel, red, green, blue, rows from the top: pixel (y, x) at pixels()[(y * width + x) * 3].
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tessera::data {

/// A rectangle of pixels.
struct Region {
  int64_t top = 0, left = 0, height = 0, width = 0;
};

/// Owns its pixels and keeps their memory when it becomes smaller, so that one object serves many files without allocating.
class Image {
 public:
  static constexpr int64_t kChannels = 3;
  /// Bytes behind the last pixel that may be read, of any value: kernels load whole registers.
  static constexpr size_t kPaddingBytes = 64;

  Image() = default;
  Image(int64_t height, int64_t width) { resize(height, width); }

  /// Pixels are undefined afterwards.
  void resize(int64_t height, int64_t width) {
    const auto wanted = static_cast<size_t>(height * width * kChannels);
    if (wanted > capacity_bytes_ || !pixels_) {
      pixels_ = std::make_unique_for_overwrite<uint8_t[]>(wanted + kPaddingBytes);
      capacity_bytes_ = wanted;
    }
    height_ = height;
    width_ = width;
  }

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  int64_t row_bytes() const { return width_ * kChannels; }
  size_t size_bytes() const { return static_cast<size_t>(height_ * row_bytes()); }
  uint8_t* pixels() { return pixels_.get(); }
  const uint8_t* pixels() const { return pixels_.get(); }
  uint8_t* row(int64_t y) { return pixels_.get() + y * row_bytes(); }
  const uint8_t* row(int64_t y) const { return pixels_.get() + y * row_bytes(); }

 private:
  std::unique_ptr<uint8_t[]> pixels_;
  size_t capacity_bytes_ = 0;
  int64_t height_ = 0, width_ = 0;
};

}  // namespace tessera::data
