// SPDX-License-Identifier: Apache-2.0
#include "core/data/token_shards.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "core/base/hash.h"
#include "core/data/shard_pattern.h"
#include "core/data/splits.h"

namespace tessera::data {
namespace {

constexpr int32_t kShardMagic = 20240520;
constexpr int32_t kShardVersion = 1;
using ShardHeader = std::array<int32_t, 256>;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(ErrorKind::data, what, path.string(), "make the shards anew by tessera tokenize");
}

}  // namespace

TokenShard::TokenShard(const std::filesystem::path& path) : map_(path, ErrorKind::data) {
  const std::span<const std::byte> bytes = map_.bytes();
  ShardHeader header;
  if (bytes.size() < sizeof header) refuse(path, fmt::format("the shard is cut short: {} bytes are less than a header", bytes.size()));
  std::memcpy(header.data(), bytes.data(), sizeof header);
  if (header[0] != kShardMagic) refuse(path, fmt::format("it is no token shard: it begins with {}, not with {}", header[0], kShardMagic));
  if (header[1] != kShardVersion) refuse(path, fmt::format("its version is {}, but only {} is known", header[1], kShardVersion));
  const size_t held = (bytes.size() - sizeof header) / sizeof(ShardToken);
  if (header[2] < 0 || static_cast<size_t>(header[2]) != held || bytes.size() % sizeof(ShardToken) != 0) {
    refuse(path, fmt::format("the shard is cut short or too long: its header says {} tokens, and it holds {}", header[2], held));
  }
  tokens_ = {reinterpret_cast<const ShardToken*>(bytes.data() + sizeof header), held};
}

void write_token_shard(const std::filesystem::path& path, std::span<const ShardToken> tokens) {
  TESSERA_ASSERT(tokens.size() <= static_cast<size_t>(kMostShardTokens), "more tokens than a shard's header can count");
  ShardHeader header{};
  header[0] = kShardMagic;
  header[1] = kShardVersion;
  header[2] = static_cast<int32_t>(tokens.size());
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  OutputFile file(temporary, ErrorKind::data);
  file.write(header.data(), sizeof header);
  file.write(tokens.data(), tokens.size_bytes());
  file.sync_and_close();
  rename_into_place(temporary, path, ErrorKind::data);
}

std::vector<std::shared_ptr<const TokenShard>> open_shards(const ShardSplits& splits, std::string_view split) {
  const std::string& pattern =
      source_of(split, {splits.train, splits.validation, splits.test}, "no shards are given", "give train, validation or test token shards");
  std::vector<std::shared_ptr<const TokenShard>> opened;
  for (const std::filesystem::path& path : find_shards(splits.root, pattern, "data." + std::string(split))) opened.push_back(std::make_shared<const TokenShard>(path));
  return opened;
}

uint64_t checksum_of(std::span<const ShardToken> tokens) {
  constexpr size_t kBlocks = 256, kBlockTokens = size_t{1} << 15;
  if (tokens.size() <= kBlocks * kBlockTokens) return checksum(tokens.data(), tokens.size_bytes());
  Checksum sum;
  for (size_t block = 0; block < kBlocks; ++block) {
    const size_t first = (tokens.size() - kBlockTokens) / (kBlocks - 1) * block;
    sum.update(tokens.data() + first, kBlockTokens * sizeof(ShardToken));
  }
  return sum.value();
}

}  // namespace tessera::data
