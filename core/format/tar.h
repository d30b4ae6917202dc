// SPDX-License-Identifier: Apache-2.0
// The members of a tar archive, found by reading its headers only: ustar (POSIX.1-1988), GNU's long names and sizes, pax (POSIX.1-2001).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

struct TarMember {
  std::string name;                ///< as it stands in the archive
  uint64_t data_offset_bytes = 0;  ///< from the beginning of the archive
  uint64_t size_bytes = 0;
  bool file = true;  ///< a regular file; folders, links and devices have no data
};

/// Fills the span with the archive's bytes from that offset on; the range lies inside of the archive.
using TarSource = std::function<void(uint64_t offset_bytes, std::span<std::byte> to)>;

class TarReader {
 public:
  /// `where` names the archive in errors, which are all Error(data).
  TarReader(TarSource source, uint64_t size_bytes, std::string where);

  /// The next member whose data lie wholly inside of the archive; nothing after the last. Throws where the archive is cut short (it must end in a
  /// block of zeros, and in nothing but zeros), a header has another checksum than it says, or a member is of a kind that is not read.
  std::optional<TarMember> next();

 private:
  static constexpr uint64_t kBlock_bytes = 512;
  /// Most headers that follow one another are fetched by one read.
  static constexpr uint64_t kWindow_bytes = 8 * kBlock_bytes;
  using Block = std::span<const std::byte, kBlock_bytes>;

  /// What extended headers say of the member behind them.
  struct Extension {
    std::optional<std::string> name;
    std::optional<uint64_t> size_bytes;
  };

  [[noreturn]] void fail(const std::string& what) const;
  Block block_at(uint64_t offset_bytes);
  std::string text_at(uint64_t offset_bytes, uint64_t size_bytes);
  void check_checksum(Block header) const;
  void check_end();
  uint64_t number(Block header, size_t begin, size_t length, const char* what) const;
  std::string name_of(Block header) const;
  void read_pax(const std::string& records, Extension& extension) const;
  /// Takes the member's range and steps over it.
  uint64_t take_data(uint64_t size_bytes, std::string_view name);

  TarSource source_;
  uint64_t size_bytes_;
  std::string where_;
  uint64_t offset_ = 0;
  bool ended_ = false;
  std::array<std::byte, kWindow_bytes> window_{};
  uint64_t window_begin_ = 0, window_end_ = 0;
};

}  // namespace tessera
