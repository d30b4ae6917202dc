// SPDX-License-Identifier: Apache-2.0
#include "core/data/image_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <numeric>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace tessera::data {
namespace {

struct ImageSplit {
  std::shared_ptr<const ImageStore> store;
  std::string name;
  std::vector<int64_t> chosen;  ///< indices into the store
  int64_t classes;
};

class ImageDataset final : public Dataset {
 public:
  ImageDataset(ImageSplit split, const ImageTransformConfig& transform)
      : split_(std::move(split)),
        transform_(transform, split_.name),
        fields_{{std::string(kInputs), DType::f32, transform_.shape(), true}, {std::string(kTargets), DType::i64, {}, false}} {}

  int64_t samples() const override { return static_cast<int64_t>(split_.chosen.size()); }
  const std::vector<Field>& fields() const override { return fields_; }
  std::optional<int64_t> classes() const override { return split_.classes; }
  std::vector<std::string> class_names() const override { return split_.store->class_names(); }
  std::vector<Brightness> brightness() const override { return transform_.brightness(); }

  std::vector<int32_t> labels() const override {
    std::vector<int32_t> labels;
    for (int64_t index : split_.chosen) labels.push_back(split_.store->label(index));
    return labels;
  }

  void read(int64_t index, const SampleContext& context, std::span<std::byte* const> destinations) const override {
    const int64_t stored = split_.chosen[static_cast<size_t>(index)];
    const int64_t label = split_.store->label(stored);
    std::memcpy(destinations[1], &label, sizeof label);
    const std::vector<std::byte> bytes = split_.store->read(stored);
    try {
      transform_.apply(bytes, {}, index, context, reinterpret_cast<float*>(destinations[0]));
    } catch (const Error& error) {
      // Only now is it worth while to find out what the sample is called.
      throw Error(error.kind(), error.what(), split_.store->place(stored));
    }
  }

  /// Of labels and sizes of the files in their order: to read all of them would take longer than many a training.
  std::string fingerprint() const override {
    const std::lock_guard lock(mutex_);
    if (!fingerprint_.empty()) return fingerprint_;
    Checksum sum;
    for (int64_t index : split_.chosen) {
      const uint64_t facts[] = {static_cast<uint64_t>(split_.store->label(index)), split_.store->size_bytes(index)};
      sum.update(facts, sizeof facts);
    }
    const std::string text = fmt::format("images {} {:x}", samples(), sum.value());
    return fingerprint_ = hex(checksum(text.data(), text.size()));
  }

 private:
  ImageSplit split_;
  ImageTransform transform_;
  std::vector<Field> fields_;
  mutable std::mutex mutex_;
  mutable std::string fingerprint_;  // once it has been asked for
};

/// All samples, or what the holdout makes of them.
std::vector<int64_t> choose(const ImageStore& store, std::string_view split, const HoldoutConfig& holdout) {
  std::vector<int64_t> all(static_cast<size_t>(store.samples()));
  std::iota(all.begin(), all.end(), 0);
  if (!holdout.active() || source_split(holdout, split) != "train") return all;
  std::vector<int32_t> labels;
  for (int64_t index : all) labels.push_back(store.label(index));
  return split_holdout(labels, holdout, split == "val");
}

}  // namespace

std::string_view source_split(const HoldoutConfig& holdout, std::string_view split) {
  static const std::array<std::string, 3> known = {"train", "val", "test"};
  check_split(split, known);
  return holdout.active() && split == "val" ? "train" : split;
}

int64_t count_classes(const ImageStore& store, int64_t classes, std::string_view where) {
  std::vector<bool> seen;
  for (int64_t index = 0; index < store.samples(); ++index) {
    const int32_t label = store.label(index);
    if (classes > 0 && label >= classes) {
      throw Error(ErrorKind::data, fmt::format("class {} is not below data.classes = {}", label, classes), store.place(index), "correct data.classes or the sample's class");
    }
    if (static_cast<size_t>(label) >= seen.size()) seen.resize(static_cast<size_t>(label) + 1);
    seen[static_cast<size_t>(label)] = true;
  }
  if (classes > 0) return classes;
  const auto hole = std::find(seen.begin(), seen.end(), false);
  if (hole != seen.end()) {
    throw Error(ErrorKind::data, fmt::format("the classes go up to {}, but no sample has class {}", seen.size() - 1, hole - seen.begin()), where,
                "number the classes from 0 without a gap, or give data.classes");
  }
  return static_cast<int64_t>(seen.size());
}

std::unique_ptr<Dataset> open_images(std::shared_ptr<const ImageStore> store, std::string_view split, const HoldoutConfig& holdout, int64_t classes,
                                     const ImageTransformConfig& transform) {
  std::vector<int64_t> chosen = choose(*store, split, holdout);
  if (chosen.empty()) throw Error(ErrorKind::usage, fmt::format("split {} has no sample", split), "data.holdout", "hold out fewer, or more");
  return std::make_unique<ImageDataset>(ImageSplit{std::move(store), std::string(split), std::move(chosen), classes}, transform);
}

}  // namespace tessera::data
