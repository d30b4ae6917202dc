// SPDX-License-Identifier: Apache-2.0
#include "core/format/tar.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace tessera {
namespace {

/// Places of a header's fields (POSIX.1, "ustar Interchange Format").
struct TarField {
  size_t begin, length;
};
constexpr TarField kName{0, 100}, kSize{124, 12}, kChecksum{148, 8}, kType{156, 1}, kMagic{257, 8}, kPrefix{345, 155};

/// Longer names than a system's longest path are damage; no sound extended header is larger either.
constexpr uint64_t kMaxExtension_bytes = 1 << 16;
constexpr size_t kMaxName_bytes = 4096;

std::string_view chars(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string_view field(std::span<const std::byte, 512> header, const TarField& place) { return chars(header).substr(place.begin, place.length); }

std::string_view until_zero(std::string_view text) { return text.substr(0, text.find('\0')); }

bool all_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

TarReader::TarReader(TarSource source, uint64_t size_bytes, std::string where)
    : source_(std::move(source)), size_bytes_(size_bytes), where_(std::move(where)) {}

void TarReader::fail(const std::string& what) const {
  throw Error(ErrorKind::data, "not a sound tar archive: " + what, where_, "fetch or make it anew");
}

TarReader::Block TarReader::block_at(uint64_t offset_bytes) {
  if (size_bytes_ - offset_bytes < kBlock_bytes) fail(fmt::format("it is cut short: it ends after {} bytes, without the mark of its end", size_bytes_));
  if (offset_bytes < window_begin_ || offset_bytes + kBlock_bytes > window_end_) {
    window_begin_ = offset_bytes;
    window_end_ = offset_bytes + std::min(kWindow_bytes, size_bytes_ - offset_bytes);
    source_(offset_bytes, std::span(window_).first(window_end_ - window_begin_));
  }
  return std::span<const std::byte>(window_).subspan(offset_bytes - window_begin_).first<kBlock_bytes>();
}

/// Sums of signed and of unsigned characters have both been written.
void TarReader::check_checksum(Block header) const {
  uint64_t sum = 8 * ' ';
  int64_t signed_sum = 8 * ' ';
  for (size_t i = 0; i < header.size(); ++i) {
    if (i >= kChecksum.begin && i < kChecksum.begin + kChecksum.length) continue;
    sum += std::to_integer<uint64_t>(header[i]);
    signed_sum += std::to_integer<signed char>(header[i]);
  }
  const uint64_t stored = number(header, kChecksum.begin, kChecksum.length, "checksum");
  if (stored != sum && static_cast<int64_t>(stored) != signed_sum) fail(fmt::format("the header at byte {} does not have the checksum it says", offset_));
}

/// Octal digits between blanks; or, where the first bit is set, a big-endian binary number.
uint64_t TarReader::number(Block header, size_t begin, size_t length, const char* what) const {
  const std::string_view text = chars(header).substr(begin, length);
  uint64_t value = 0;
  const auto push = [&](uint64_t base, uint64_t digit) {
    if (value > (UINT64_MAX - digit) / base) fail(fmt::format("the header at byte {} has a {} that is too large", offset_, what));
    value = value * base + digit;
  };
  if ((static_cast<unsigned char>(text[0]) & 0x80u) != 0) {
    push(256, static_cast<unsigned char>(text[0]) & 0x7fu);
    for (char c : text.substr(1)) push(256, static_cast<unsigned char>(c));
    return value;
  }
  const std::string_view blanks(" \0", 2);
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return 0;
  const size_t end = std::min(text.find_first_of(blanks, first), length);
  for (char c : text.substr(first, end - first)) {
    if (c < '0' || c > '7') fail(fmt::format("the header at byte {} has a {} that is no number", offset_, what));
    push(8, static_cast<uint64_t>(c - '0'));
  }
  return value;
}

std::string TarReader::name_of(Block header) const {
  const std::string name(until_zero(field(header, kName)));
  const bool posix = field(header, kMagic) == std::string_view("ustar\00000", 8);  // GNU's magic is another, and its headers have no prefix
  const std::string_view prefix = posix ? until_zero(field(header, kPrefix)) : std::string_view();
  return prefix.empty() ? name : fmt::format("{}/{}", prefix, name);
}

uint64_t TarReader::take_data(uint64_t size_bytes, std::string_view name) {
  const uint64_t begin = offset_ + kBlock_bytes, rest = size_bytes_ - begin;
  if (size_bytes > rest) {
    fail(fmt::format("it is cut short: member '{}' would have {} bytes from byte {} on, but the file ends after {}", name, size_bytes, begin, size_bytes_));
  }
  // The last member of a file that is cut short may lack some of the zeros that fill its block.
  offset_ = begin + std::min(rest, (size_bytes + kBlock_bytes - 1) / kBlock_bytes * kBlock_bytes);
  return begin;
}

std::string TarReader::text_at(uint64_t offset_bytes, uint64_t size_bytes) {
  std::string text(size_bytes, '\0');
  source_(offset_bytes, std::as_writable_bytes(std::span(text)));
  return text;
}

/// Records "LENGTH KEY=VALUE\n", the length counting itself.
void TarReader::read_pax(const std::string& records, Extension& extension) const {
  std::string_view rest = records;
  const auto damaged = [this] { fail(fmt::format("the extended header before byte {} is damaged", offset_)); };
  while (!rest.empty() && rest.front() != '\0') {
    const size_t blank = rest.find(' ');
    const auto length = parse_digits(rest.substr(0, std::min(blank, rest.size())));
    if (!length || *length > rest.size() || *length < blank + 3 || rest[*length - 1] != '\n') damaged();
    const std::string_view record = rest.substr(blank + 1, *length - blank - 2);
    const size_t equals = record.find('=');
    if (equals == std::string_view::npos) damaged();
    const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "path") extension.name = std::string(value);
    if (key == "size") {
      extension.size_bytes = parse_digits(value);
      if (!extension.size_bytes) damaged();
    }
    if (key.starts_with("GNU.sparse.")) fail(fmt::format("the member at byte {} is a sparse file, which is not read", offset_));
    rest.remove_prefix(*length);
  }
}

void TarReader::check_end() {
  for (uint64_t at = offset_; at < size_bytes_; at += window_.size()) {
    const auto rest = std::span(window_).first(std::min<uint64_t>(window_.size(), size_bytes_ - at));
    window_end_ = 0;
    source_(at, rest);
    if (!all_zero(rest)) fail(fmt::format("bytes follow the mark of its end at byte {}; archives that were put one behind the other are not read", offset_));
  }
}

std::optional<TarMember> TarReader::next() {
  Extension extension;
  while (!ended_) {
    const Block header = block_at(offset_);
    if (all_zero(header)) {
      check_end();
      ended_ = true;
      break;
    }
    check_checksum(header);
    const char type = field(header, kType)[0];
    const uint64_t stated_bytes = number(header, kSize.begin, kSize.length, "size");
    const std::string own_name = name_of(header);
    if (type == 'L' || type == 'K' || type == 'x' || type == 'g') {
      if (stated_bytes > kMaxExtension_bytes) fail(fmt::format("the extended header at byte {} would have {} bytes", offset_, stated_bytes));
      const std::string text = text_at(take_data(stated_bytes, own_name), stated_bytes);
      if (type == 'L') extension.name = std::string(until_zero(text));
      if (type == 'x') read_pax(text, extension);
      continue;
    }
    if (type == 'S' || type == 'M') fail(fmt::format("the member at byte {} is a sparse file or goes on in another archive, which is not read", offset_));
    TarMember member{extension.name.value_or(own_name), 0, extension.size_bytes.value_or(stated_bytes), type < '1' || type > '6'};
    if (!member.file) member.size_bytes = 0;
    if (member.name.size() > kMaxName_bytes) fail(fmt::format("the member at byte {} has a name of {} bytes", offset_, member.name.size()));
    member.file = member.file && (type == '\0' || type == '0' || type == '7') && !member.name.ends_with('/');
    member.data_offset_bytes = take_data(member.size_bytes, member.name);
    return member;
  }
  return std::nullopt;
}

}  // namespace tessera
