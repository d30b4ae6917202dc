// SPDX-License-Identifier: Apache-2.0
#include "core/data/webdataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "core/base/error.h"
#include "core/base/input_file.h"
#include "core/base/lru_cache.h"
#include "core/config/fields.h"
#include "core/data/image_dataset.h"
#include "core/data/shard_index.h"
#include "core/data/shard_indexer.h"
#include "core/data/shard_pattern.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

/// Well below what a process may have open.
constexpr size_t kMaxOpenShards = 256;

/// What is known of a shard while its samples are read.
struct Shard {
  fs::path path;
  uint64_t size_bytes;
  int64_t modified_ns;
  int64_t first_sample;
};

class ShardStore final : public ImageStore {
 public:
  ShardStore(const std::vector<fs::path>& shards, const fs::path& index_folder) : index_folder_(index_folder), open_(kMaxOpenShards) {
    for (const fs::path& path : shards) {
      FoundIndex found = find_index(path, index_file(path, index_folder_));
      const ShardIndex index = found.index ? std::move(*found.index) : scan_shard(path);
      shards_.push_back({path, index.shard_bytes, index.shard_modified_ns, samples()});
      samples_.insert(samples_.end(), index.samples.begin(), index.samples.end());
    }
  }

  int64_t samples() const override { return static_cast<int64_t>(samples_.size()); }
  int32_t label(int64_t index) const override { return at(index).label; }
  uint64_t size_bytes(int64_t index) const override { return at(index).size_bytes; }

  std::vector<std::byte> read(int64_t index) const override {
    const ShardSample& sample = at(index);
    std::vector<std::byte> bytes(sample.size_bytes);
    open(shard_of(index))->read_at(sample.offset_bytes, bytes.data(), bytes.size());
    return bytes;
  }

  /// Names are not kept in memory: there are millions of them, and few are asked for.
  std::string place(int64_t index) const override {
    const Shard& shard = shards_[shard_of(index)];
    const FoundIndex found = find_index(shard.path, index_file(shard.path, index_folder_));
    const ShardIndex names = found.index ? std::move(*found.index) : scan_shard(shard.path);
    const auto number = static_cast<size_t>(index - shard.first_sample);
    return fmt::format("{}:{}", shard.path.string(), number < names.names.size() ? names.names[number] : fmt::format("sample {}", number));
  }

 private:
  const ShardSample& at(int64_t index) const { return samples_[static_cast<size_t>(index)]; }

  size_t shard_of(int64_t index) const {
    const auto behind = std::ranges::upper_bound(shards_, index, {}, &Shard::first_sample);
    return static_cast<size_t>(behind - shards_.begin()) - 1;
  }

  std::shared_ptr<const InputFile> open(size_t number) const {
    const Shard& shard = shards_[number];
    const std::lock_guard lock(mutex_);
    return open_.get(number, [&] {
      auto file = std::make_shared<const InputFile>(shard.path, ErrorKind::data);
      if (file->size_bytes() != shard.size_bytes || file->modified_ns() != shard.modified_ns) {
        throw Error(ErrorKind::data, "the shard has changed since it was indexed", shard.path.string(), "start the command anew");
      }
      return file;
    });
  }

  fs::path index_folder_;
  std::vector<Shard> shards_;
  std::vector<ShardSample> samples_;  // of all shards, in their order
  mutable std::mutex mutex_;
  mutable LruCache<size_t, std::shared_ptr<const InputFile>, std::hash<size_t>> open_;  // by number, under the mutex
};

std::vector<fs::path> shards_of(const WebdatasetConfig& config, std::string_view split) {
  const std::string& pattern = split == "train" ? config.train : split == "val" ? config.val : config.test;
  const std::string key = "data." + std::string(split);
  if (pattern.empty()) throw Error(ErrorKind::usage, fmt::format("no shards are named for split {}", split), key, "give a pattern, as in imagenet-train-{000000..001023}.tar");
  return find_shards(config.root, pattern, key);
}

}  // namespace

void WebdatasetConfig::declare(config::Fields& fields) {
  using config::Effect;
  const auto pattern = [&](const char* name, std::string& value, const char* doc) { fields.add(name, value, {.doc = doc, .effect = Effect::free}); };
  fields.add("root", root, {.doc = "folder that the shards are relative to", .effect = Effect::free, .required = true});
  pattern("train", train, "tar shards of split train: name-{000000..001023}.tar, {a,b}.tar, name-*.tar; a sample is KEY.jpg (.jpeg, .png, .webp) and KEY.cls");
  pattern("val", val, "shards of split val, likewise; not used with holdout");
  pattern("test", test, "shards of split test, likewise");
  pattern("index_cache", index_cache, "folder for the shards' indexes, which all hosts should see; empty: beside the shards");
  fields.add("classes", classes, {.doc = "class ids lie in 0..classes-1; 0: as many as the split shows", .minimum = 0, .maximum = 1e9});
  fields.add("holdout", holdout, {.doc = "makes split val out of a part of split train"});
  transform.declare(fields);
}

bool index_webdataset(const WebdatasetConfig& config, std::string_view split, const PrepareObserver& observer) {
  return index_shards(shards_of(config, source_split(config.holdout, split)), config.index_cache, observer);
}

std::unique_ptr<Dataset> open_webdataset(const WebdatasetConfig& config, std::string_view split) {
  const std::string_view source = source_split(config.holdout, split);
  const auto store = std::make_shared<ShardStore>(shards_of(config, source), config.index_cache);
  const int64_t classes = count_classes(*store, config.classes, "split " + std::string(source));
  return open_images(store, split, config.holdout, classes, config.transform);
}

}  // namespace tessera::data
