// SPDX-License-Identifier: Apache-2.0
#include "core/data/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"

namespace tessera::data {
namespace {

bool starts_as_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(std::span<const std::byte> bytes) : rest_(bytes), size_bytes_(bytes.size()) {}

  size_t read(std::span<std::byte> destination) override {
    const size_t size = std::min(destination.size(), rest_.size());
    if (size > 0) std::memcpy(destination.data(), rest_.data(), size);
    rest_ = rest_.subspan(size);
    return size;
  }
  uint64_t most_bytes() const override { return size_bytes_; }
  uint64_t consumed_bytes() const override { return size_bytes_ - rest_.size(); }

 private:
  std::span<const std::byte> rest_;
  uint64_t size_bytes_;
};

class GzipSource final : public ByteSource {
 public:
  GzipSource(std::span<const std::byte> bytes, std::string where) : rest_(bytes), size_bytes_(bytes.size()), where_(std::move(where)) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw Error(ErrorKind::runtime, "zlib cannot start", where_);
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  size_t read(std::span<std::byte> destination) override {
    size_t filled = 0;
    while (filled < destination.size() && !finished_) filled += inflate_some(destination.subspan(filled));
    return filled;
  }

  /// Deflate's best ratio is 1032 to 1.
  uint64_t most_bytes() const override { return size_bytes_ * 1032; }
  uint64_t consumed_bytes() const override { return size_bytes_ - rest_.size(); }

 private:
  size_t inflate_some(std::span<std::byte> destination) {
    constexpr size_t kMost = size_t{1} << 30;  // zlib counts in 32 bits
    const std::span<const std::byte> input = rest_.first(std::min(rest_.size(), kMost));
    const size_t room = std::min(destination.size(), kMost);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = reinterpret_cast<Bytef*>(destination.data());
    stream_.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    rest_ = rest_.subspan(input.size() - stream_.avail_in);
    const size_t produced = room - stream_.avail_out;
    if (status == Z_STREAM_END) {
      next_member();
    } else if (status == Z_BUF_ERROR || (status == Z_OK && rest_.empty() && stream_.avail_out > 0)) {
      throw Error(ErrorKind::data, "the gzip file is truncated", where_, "fetch or install it anew");
    } else if (status != Z_OK) {
      const std::string reason = stream_.msg ? stream_.msg : "unknown reason";
      throw Error(ErrorKind::data, "the gzip file is corrupt (" + reason + ")", where_, "fetch or install it anew");
    }
    return produced;
  }

  void next_member() {
    finished_ = rest_.empty();
    if (finished_) return;
    if (!starts_as_gzip(rest_)) throw Error(ErrorKind::data, "bytes follow the end of the gzip data", where_, "fetch or install it anew");
    inflateReset(&stream_);
  }

  std::span<const std::byte> rest_;
  uint64_t size_bytes_;
  std::string where_;
  z_stream stream_{};
  bool finished_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_bytes(std::span<const std::byte> bytes, std::string where) {
  if (starts_as_gzip(bytes)) return std::make_unique<GzipSource>(bytes, std::move(where));
  return std::make_unique<PlainSource>(bytes);
}

}  // namespace tessera::data
