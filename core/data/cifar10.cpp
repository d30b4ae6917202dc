// SPDX-License-Identifier: Apache-2.0
#include "core/data/cifar10.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/config/fields.h"
#include "core/data/pixels.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kChannels = 3, kSide = 32;
constexpr size_t kRecordBytes = 1 + kChannels * kSide * kSide;
constexpr int64_t kClasses = 10;

const Shape& image_shape() {
  static const Shape shape{kChannels, kSide, kSide};
  return shape;
}

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::data, "not a sound file of CIFAR-10's binary version: " + what, path.string(), "fetch cifar-10-binary.tar.gz anew");
}

std::unique_ptr<MappedFile> open_records(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw Error(ErrorKind::data, "there is no such file", path.string(),
                "put the files of cifar-10-binary.tar.gz there, or change data.root or data.train_files");
  }
  auto file = std::make_unique<MappedFile>(path, ErrorKind::data);
  const size_t size_bytes = file->bytes().size();
  if (size_bytes == 0) fail(path, "it is empty");
  if (size_bytes % kRecordBytes != 0) fail(path, fmt::format("its {} bytes are no multiple of {}, the size of a record", size_bytes, kRecordBytes));
  return file;
}

class Cifar10Dataset final : public Dataset {
 public:
  Cifar10Dataset(const Cifar10Config& config, std::string_view split, const std::vector<std::string>& names)
      : fields_{{std::string(kInputs), DType::f32, image_shape(), true}, {std::string(kTargets), DType::i64, {}, false}},
        augmenter_(config.augment, split, fields_[0]) {
    for (size_t channel = 0; channel < tables_.size(); ++channel) {
      tables_[channel] = pixel_table(config.mean[channel], config.std[channel]);
      brightness_.push_back({config.mean[channel], config.std[channel]});
    }
    for (const std::string& name : names) add_file(fs::path(config.root) / name, config.limit_samples);
  }

  int64_t samples() const override { return static_cast<int64_t>(records_.size()); }
  const std::vector<Field>& fields() const override { return fields_; }
  std::optional<int64_t> classes() const override { return kClasses; }
  std::vector<std::string> class_names() const override {
    return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  }
  std::vector<Brightness> brightness() const override { return brightness_; }
  std::vector<int32_t> labels() const override {
    std::vector<int32_t> labels;
    for (const std::byte* record : records_) labels.push_back(std::to_integer<int32_t>(record[0]));
    return labels;
  }

  void read(int64_t index, const SampleContext& context, std::span<std::byte* const> destinations) const override {
    const std::byte* record = records_[static_cast<size_t>(index)];
    place_image(reinterpret_cast<const uint8_t*>(record + 1), image_shape(), augmenter_.place(index, context),
                reinterpret_cast<float*>(destinations[0]),
                [this](int64_t channel, uint8_t pixel) { return tables_[static_cast<size_t>(channel)][pixel]; });
    const auto label = std::to_integer<int64_t>(record[0]);
    std::memcpy(destinations[1], &label, sizeof label);
  }

  std::string fingerprint() const override {
    Checksum sum;
    for (const std::byte* record : records_) sum.update(record, kRecordBytes);
    const std::string text = fmt::format("cifar10 {} {:x}", records_.size(), sum.value());
    return hex(checksum(text.data(), text.size()));
  }

 private:
  /// Every file is checked, also one that the limit leaves out.
  void add_file(const fs::path& path, int64_t limit_samples) {
    files_.push_back(open_records(path));
    const std::span<const std::byte> bytes = files_.back()->bytes();
    for (size_t start = 0; start < bytes.size(); start += kRecordBytes) {
      const auto label = std::to_integer<int64_t>(bytes[start]);
      if (label >= kClasses) fail(path, fmt::format("record {} has label {}, and there are {} classes", start / kRecordBytes, label, kClasses));
      if (limit_samples == 0 || samples() < limit_samples) records_.push_back(&bytes[start]);
    }
  }

  std::vector<Field> fields_;
  Augmenter augmenter_;
  std::array<PixelTable, kChannels> tables_;
  std::vector<Brightness> brightness_;
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<const std::byte*> records_;  // of the samples in order, in files_
};

void check_channels(const std::vector<double>& values, const char* key) {
  if (values.size() == kChannels) return;
  throw Error(ErrorKind::usage, fmt::format("{} numbers for {} channels", values.size(), kChannels), key,
              "give a list of three: red, green, blue");
}

}  // namespace

void Cifar10Config::declare(config::Fields& fields) {
  using config::Effect;
  fields.add("root", root, {.doc = "folder of data_batch_1.bin .. data_batch_5.bin and test_batch.bin", .effect = Effect::free, .required = true});
  fields.add("train_files", train_files, {.doc = "files of split train, in this order"});
  fields.add("mean", mean, {.doc = "inputs are (pixel / 255 - mean) / std; a number for each of red, green, blue"});
  fields.add("std", std, {.doc = "see mean", .above = 0});
  augment.declare(fields);
  fields.add("limit_samples", limit_samples, {.doc = "use only the first samples of a split; 0: all", .unit = "samples", .minimum = 0});
}

std::unique_ptr<Dataset> open_cifar10(const Cifar10Config& config, std::string_view split) {
  const std::array<std::string, 2> splits = {"train", "test"};
  check_split(split, splits);
  check_limit(config.limit_samples);
  check_channels(config.mean, "data.mean");
  check_channels(config.std, "data.std");
  if (config.train_files.empty()) throw Error(ErrorKind::usage, "no file is named", "data.train_files", "name at least one");
  return std::make_unique<Cifar10Dataset>(config, split, split == "train" ? config.train_files : std::vector<std::string>{"test_batch.bin"});
}

}  // namespace tessera::data
