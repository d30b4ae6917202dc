// SPDX-License-Identifier: Apache-2.0
#include "core/data/shard_index.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/input_file.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "an index is written as it lies in memory");
static_assert(sizeof(ShardSample) == 16, "a record of an index");

/// The last letter is the version: a program of another one makes its own index.
constexpr std::string_view kIndexMagic = "TSHARDX1";

/// Begins an index file; the records, the names (each with a zero behind it) and the checksum of all that follow.
struct IndexHeader {
  char magic[8];
  uint64_t shard_bytes;
  int64_t shard_modified_ns;
  uint64_t samples;
  uint64_t names_bytes;
};

[[noreturn]] void fail_index(std::string_view what, std::string_view where) {
  throw Error(ErrorKind::data, fmt::format("not a sound index of a shard: {}", what), where, "remove it: it is made anew");
}

void check_samples(const ShardIndex& index, std::string_view where) {
  for (const ShardSample& sample : index.samples) {
    if (sample.offset_bytes > index.shard_bytes || sample.size_bytes > index.shard_bytes - sample.offset_bytes || sample.label < 0) {
      fail_index("a sample lies outside of the shard", where);
    }
  }
}

}  // namespace

std::string encode_index(const ShardIndex& index) {
  IndexHeader header{{}, index.shard_bytes, index.shard_modified_ns, index.samples.size(), 0};
  std::memcpy(header.magic, kIndexMagic.data(), sizeof header.magic);
  for (const std::string& name : index.names) header.names_bytes += name.size() + 1;
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(index.samples.data()), index.samples.size() * sizeof(ShardSample));
  for (const std::string& name : index.names) bytes.append(name).push_back('\0');
  const uint64_t sum = checksum(bytes.data(), bytes.size());
  return bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

ShardIndex decode_index(std::span<const std::byte> bytes, std::string_view where) {
  IndexHeader header{};
  uint64_t sum = 0;
  if (bytes.size() < sizeof header + sizeof sum) fail_index("it is cut short", where);
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::string_view(header.magic, sizeof header.magic) != kIndexMagic) fail_index("it begins otherwise, or is of another version", where);
  const std::span<const std::byte> sealed = bytes.first(bytes.size() - sizeof sum);
  std::memcpy(&sum, sealed.data() + sealed.size(), sizeof sum);
  if (checksum(sealed.data(), sealed.size()) != sum) fail_index("it is damaged: its checksum is another", where);

  const uint64_t room = sealed.size() - sizeof header;
  if (header.samples > room / sizeof(ShardSample) || header.names_bytes != room - header.samples * sizeof(ShardSample)) {
    fail_index("its lengths do not fit its size", where);
  }
  ShardIndex index{header.shard_bytes, header.shard_modified_ns, std::vector<ShardSample>(header.samples), {}};
  const std::byte* records = bytes.data() + sizeof header;
  if (header.samples > 0) std::memcpy(index.samples.data(), records, header.samples * sizeof(ShardSample));
  check_samples(index, where);
  std::string_view names(reinterpret_cast<const char*>(records + header.samples * sizeof(ShardSample)), header.names_bytes);
  for (size_t end = names.find('\0'); end != std::string_view::npos; end = names.find('\0')) {
    index.names.emplace_back(names.substr(0, end));
    names.remove_prefix(end + 1);
  }
  if (!names.empty() || index.names.size() != index.samples.size()) fail_index("it does not have a name for every sample", where);
  return index;
}

fs::path index_file(const fs::path& shard, const fs::path& folder) {
  const std::string name = shard.filename().string();
  if (folder.empty()) return shard.parent_path() / (name + ".index");
  const std::string place = fs::absolute(shard).lexically_normal().string();
  return folder / fmt::format("{}.{:016x}.index", name, checksum(place.data(), place.size()));
}

FoundIndex find_index(const fs::path& shard, const fs::path& file) {
  const InputFile now(shard, ErrorKind::data);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return {};
  try {
    const std::string bytes = read_file(file, ErrorKind::data);
    ShardIndex index = decode_index(std::as_bytes(std::span(bytes)), file.string());
    if (index.shard_bytes == now.size_bytes() && index.shard_modified_ns == now.modified_ns()) return {std::move(index), {}};
    return {std::nullopt, fmt::format("{}: the shard has changed since this index was made", file.string())};
  } catch (const Error& error) {
    return {std::nullopt, error.what()};
  }
}

}  // namespace tessera::data
