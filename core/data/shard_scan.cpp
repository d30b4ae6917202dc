// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "core/base/activity.h"
#include "core/base/error.h"
#include "core/base/input_file.h"
#include "core/base/text.h"
#include "core/data/image/decode.h"
#include "core/data/shard_index.h"
#include "core/format/tar.h"

namespace tessera::data {
namespace {

constexpr std::string_view kClassEnding = ".cls";
/// More than any number in digits, with blanks.
constexpr uint64_t kMaxClass_bytes = 64;

/// A member's name, cut at the first dot of the file name.
struct SplitName {
  std::string sample, ending;
};

SplitName split_name(const std::string& name) {
  const size_t slash = name.rfind('/'), begin = slash == std::string::npos ? 0 : slash + 1, dot = name.find('.', begin);
  if (dot == std::string::npos) return {name, {}};
  return {name.substr(0, dot), lower_case(std::string_view(name).substr(dot))};
}

/// Collects the members of one shard into samples.
class ShardScan {
 public:
  explicit ShardScan(const InputFile& file) : file_(file), where_(file.path().string()), index_{file.size_bytes(), file.modified_ns(), {}, {}} {
    std::array<unsigned char, 2> start{};
    if (file.size_bytes() >= start.size()) file.read_at(0, start.data(), start.size());
    if (start[0] == 0x1f && start[1] == 0x8b) {
      throw Error(ErrorKind::data, "the shard is compressed, so that no sample can be read by itself", where_, "unpack it with gunzip: images do not become smaller");
    }
  }

  ShardIndex run() {
    TarReader tar([this](uint64_t offset, std::span<std::byte> to) { file_.read_at(offset, to.data(), to.size()); }, file_.size_bytes(), where_);
    while (const auto member = tar.next()) {
      if (member->file) add(*member);
    }
    finish_sample();
    if (index_.samples.empty()) throw Error(ErrorKind::data, "the shard has no sample", where_, "a sample is an image and a .cls of one name");
    return std::move(index_);
  }

 private:
  [[noreturn]] void fail(std::string_view member, std::string_view what, std::string_view fix) const {
    throw Error(ErrorKind::data, what, fmt::format("{}:{}", where_, member), fix);
  }

  void add(const TarMember& member) {
    const SplitName name = split_name(member.name);
    if (name.sample != current_) {
      finish_sample();
      current_ = name.sample;
    }
    if (name.ending == kClassEnding) {
      if (label_) fail(member.name, "the sample has two .cls", "give every sample a name of its own");
      label_ = read_label(member);
    } else if (std::ranges::find(kImageEndings, name.ending) != kImageEndings.end()) {
      if (image_) fail(member.name, "the sample has two images", "give every sample a name of its own");
      if (member.size_bytes > std::numeric_limits<uint32_t>::max()) fail(member.name, "an image of more than 4 GiB", "remove it");
      image_ = member;
    }
  }

  int32_t read_label(const TarMember& member) const {
    std::string text(std::min(member.size_bytes, kMaxClass_bytes), '\0');
    file_.read_at(member.data_offset_bytes, text.data(), text.size());
    const size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size()), end = text.find_last_not_of(" \t\r\n") + 1;
    int32_t label = 0;
    const auto [stop, failure] = std::from_chars(text.data() + begin, text.data() + std::max(begin, end), label);
    if (failure != std::errc() || stop != text.data() + end || label < 0 || member.size_bytes > kMaxClass_bytes) {
      fail(member.name, "it holds no class id", "write the class as decimal digits, 0 for the first");
    }
    return label;
  }

  void finish_sample() {
    constexpr std::string_view kTogether = "the members of a sample stand one behind the other; sort them by name";
    if (image_ && !label_) fail(image_->name, "the sample has no .cls", kTogether);
    if (!image_ && label_) fail(current_ + ".cls", "the sample has no image", kTogether);
    if (image_) {
      index_.samples.push_back({image_->data_offset_bytes, static_cast<uint32_t>(image_->size_bytes), *label_});
      index_.names.push_back(image_->name);
      tick_activity();
    }
    image_.reset();
    label_.reset();
  }

  const InputFile& file_;
  std::string where_;
  ShardIndex index_;
  std::string current_;
  std::optional<TarMember> image_;
  std::optional<int32_t> label_;
};

}  // namespace

ShardIndex scan_shard(const std::filesystem::path& shard) {
  const InputFile file(shard, ErrorKind::data);
  return ShardScan(file).run();
}

}  // namespace tessera::data
