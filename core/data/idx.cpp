// SPDX-License-Identifier: Apache-2.0
#include "core/data/idx.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <future>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/config/fields.h"
#include "core/data/idx_file.h"
#include "core/data/pixels.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

/// `root`/`stem`, plain or .gz.
fs::path find_file(const fs::path& root, const std::string& stem) {
  const fs::path plain = root / stem, compressed = root / (stem + ".gz");
  std::error_code ignored;
  if (fs::exists(plain, ignored)) return plain;
  if (fs::exists(compressed, ignored)) return compressed;
  const bool of_debian = root.string().starts_with("/usr/share/datasets");
  throw Error(ErrorKind::data, fmt::format("there is neither this file nor {}.gz", stem), plain.string(),
              of_debian ? "install the Debian package dataset-fashion-mnist" : "put it there, or change data.root");
}

/// A file kept mapped while its reader lives.
struct OpenIdx {
  OpenIdx(const fs::path& path, size_t dims) : map(path, ErrorKind::data), reader(map.bytes(), dims, path.string()) {}

  Tensor read(int64_t limit) {
    const MemoryScope scope(MemoryCategory::data);
    return reader.read(limit);
  }

  MappedFile map;
  IdxReader reader;
};

class IdxDataset final : public Dataset {
 public:
  IdxDataset(const IdxConfig& config, std::string_view split, const std::string& prefix)
      : table_(pixel_table(config.mean, config.std)), brightness_{config.mean, config.std}, classes_(config.classes) {
    const fs::path images_path = find_file(config.root, prefix + "-images-idx3-ubyte");
    const fs::path labels_path = find_file(config.root, prefix + "-labels-idx1-ubyte");
    auto images = std::make_shared<OpenIdx>(images_path, 3);
    OpenIdx labels(labels_path, 1);
    const Shape shape = images->reader.shape();
    if (shape[0] != labels.reader.shape()[0]) {
      throw Error(ErrorKind::data,
                  fmt::format("it has {} images, but {} has {} labels", shape[0], labels_path.string(), labels.reader.shape()[0]),
                  images_path.string(), "take both files from the same data set");
    }
    images_ = std::async(std::launch::async, [images, limit = config.limit_samples] { return images->read(limit); }).share();
    labels_ = labels.read(config.limit_samples);
    check_labels(labels_path);
    fields_ = {{std::string(kInputs), DType::f32, {1, shape[1], shape[2]}, true}, {std::string(kTargets), DType::i64, {}, false}};
    augmenter_.emplace(config.augment, split, fields_[0]);
  }

  int64_t samples() const override { return labels_.elements(); }
  const std::vector<Field>& fields() const override { return fields_; }
  std::optional<int64_t> classes() const override { return classes_; }
  std::vector<Brightness> brightness() const override { return {brightness_}; }
  std::vector<int32_t> labels() const override { return {labels_.data<const uint8_t>(), labels_.data<const uint8_t>() + labels_.elements()}; }

  void read(int64_t index, const SampleContext& context, std::span<std::byte* const> destinations) const override {
    const auto pixels = static_cast<size_t>(fields_[0].shape.elements());
    const auto* from = images_.get().data<const uint8_t>() + static_cast<size_t>(index) * pixels;
    place_image(from, fields_[0].shape, augmenter_->place(index, context), reinterpret_cast<float*>(destinations[0]),
                [this](int64_t, uint8_t pixel) { return table_[pixel]; });
    const int64_t label = labels_.data<const uint8_t>()[index];
    std::memcpy(destinations[1], &label, sizeof label);
  }

  std::string fingerprint() const override {
    const Tensor& images = images_.get();
    const std::string text = fmt::format("idx {} {:x} {:x}", images.shape().text(), checksum(images.bytes(), images.size_bytes()),
                                         checksum(labels_.bytes(), labels_.size_bytes()));
    return hex(checksum(text.data(), text.size()));
  }

 private:
  void check_labels(const fs::path& path) const {
    if (classes_ < 1) throw Error(ErrorKind::usage, fmt::format("{} classes", classes_), "data.classes", "give at least 1");
    for (int64_t i = 0; i < labels_.elements(); ++i) {
      const int64_t label = labels_.data<const uint8_t>()[i];
      if (label >= classes_) {
        throw Error(ErrorKind::data, fmt::format("label {} of sample {} is not below data.classes = {}", label, i, classes_), path.string(),
                    "correct data.classes or the file");
      }
    }
  }

  PixelTable table_;
  Brightness brightness_;
  int64_t classes_;
  Tensor labels_;                      // u8 [N]
  std::shared_future<Tensor> images_;  // u8 [N, H, W]
  std::vector<Field> fields_;
  std::optional<Augmenter> augmenter_;
};

}  // namespace

void IdxConfig::declare(config::Fields& fields) {
  using config::Effect;
  fields.add("root", root,
             {.doc = "folder of train-images-idx3-ubyte, t10k-labels-idx1-ubyte and so on, plain or .gz",
              .effect = Effect::free,
              .required = true});
  fields.add("mean", mean, {.doc = "inputs are (pixel / 255 - mean) / std"});
  fields.add("std", std, {.doc = "see mean", .above = 0});
  augment.declare(fields);
  fields.add("classes", classes, {.doc = "labels lie in 0..classes-1", .minimum = 1});
  fields.add("limit_samples", limit_samples, {.doc = "use only the first samples of a split; 0: all", .unit = "samples", .minimum = 0});
}

std::unique_ptr<Dataset> open_idx(const IdxConfig& config, std::string_view split) {
  const std::array<std::string, 2> splits = {"train", "test"};
  check_split(split, splits);
  check_limit(config.limit_samples);
  return std::make_unique<IdxDataset>(config, split, split == "train" ? "train" : "t10k");
}

}  // namespace tessera::data
