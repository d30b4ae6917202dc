// SPDX-License-Identifier: Apache-2.0
#include "core/data/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/config/fields.h"
#include "core/data/splits.h"
#include "core/format/half.h"
#include "core/format/safetensors.h"

namespace tessera::data {
namespace {

/// One tensor of the file: what is stored, and what a sample of it becomes.
struct Column {
  Tensor stored;  // [N, ...], row-major
  Field field;

  size_t sample_elements() const { return static_cast<size_t>(field.shape.elements()); }
  size_t stored_sample_bytes() const { return sample_elements() * size_bytes_of(stored.dtype()); }
};

template <typename Stored, typename Wanted, typename Convert>
void convert_sample(const std::byte* from, std::byte* to, const Field& field, const Placement& placement, Convert value_of) {
  const auto* in = reinterpret_cast<const Stored*>(from);
  auto* out = reinterpret_cast<Wanted*>(to);
  if (field.image) {
    place_image(in, field.shape, placement, out, [&](int64_t, Stored stored) { return value_of(stored); });
    return;
  }
  const int64_t elements = field.shape.elements();
  for (int64_t i = 0; i < elements; ++i) out[i] = value_of(in[i]);
}

template <typename Wanted>
void convert_plain(DType stored, const std::byte* from, std::byte* to, const Field& field, const Placement& placement) {
  const auto cast = [](auto value) { return static_cast<Wanted>(value); };
  switch (stored) {
    case DType::u8: return convert_sample<uint8_t, Wanted>(from, to, field, placement, cast);
    case DType::i32: return convert_sample<int32_t, Wanted>(from, to, field, placement, cast);
    case DType::i64: return convert_sample<int64_t, Wanted>(from, to, field, placement, cast);
    case DType::f32: return convert_sample<float, Wanted>(from, to, field, placement, cast);
    case DType::f16:
      return convert_sample<uint16_t, Wanted>(from, to, field, placement, [](uint16_t bits) { return static_cast<Wanted>(f32_from_f16(bits)); });
    case DType::bf16:
      return convert_sample<uint16_t, Wanted>(from, to, field, placement, [](uint16_t bits) { return static_cast<Wanted>(f32_from_bf16(bits)); });
    case DType::boolean: break;
  }
  TESSERA_ASSERT(false, "no such column can be opened");
}

void convert(const Column& column, int64_t index, std::byte* to, const Placement& placement = {}) {
  const std::byte* from = column.stored.bytes() + static_cast<size_t>(index) * column.stored_sample_bytes();
  if (column.stored.dtype() == column.field.dtype && !column.field.image) {
    std::memcpy(to, from, column.stored_sample_bytes());
  } else if (column.field.dtype == DType::f32) {
    convert_plain<float>(column.stored.dtype(), from, to, column.field, placement);
  } else {
    convert_plain<int64_t>(column.stored.dtype(), from, to, column.field, placement);
  }
}

class TensorsDataset final : public Dataset {
 public:
  TensorsDataset(const TensorsConfig& config, std::string_view split, const std::filesystem::path& path) : file_(path), classes_(config.classes) {
    inputs_ = open_column(kInputs, {DType::f32, DType::f16, DType::bf16, DType::u8, DType::i64, DType::i32});
    targets_ = open_column(kTargets, {DType::i64, DType::i32, DType::u8, DType::f32});
    if (targets_.stored.dtype() == DType::u8) targets_.field.dtype = DType::i64;
    if (inputs_.stored.shape().dims() == 4) inputs_.field.image = true;
    augmenter_.emplace(config.augment, split, inputs_.field);
    const int64_t inputs = inputs_.stored.shape()[0], targets = targets_.stored.shape()[0];
    if (inputs != targets) fail(fmt::format("inputs have {} samples, targets {}", inputs, targets), "give both the same first dim");
    samples_ = config.limit_samples > 0 ? std::min(config.limit_samples, inputs) : inputs;
    if (samples_ == 0) fail("it has no samples", "give at least one");
    fields_ = {inputs_.field, targets_.field};
    if (targets_.field.dtype == DType::i64) check_classes();
  }

  int64_t samples() const override { return samples_; }
  const std::vector<Field>& fields() const override { return fields_; }
  std::optional<int64_t> classes() const override { return targets_.field.dtype == DType::i64 ? std::optional(classes_) : std::nullopt; }

  /// Where a sample has one class.
  std::vector<int32_t> labels() const override {
    std::vector<int32_t> labels;
    if (targets_.field.dtype != DType::i64 || targets_.sample_elements() != 1) return labels;
    for (int64_t sample = 0; sample < samples_; ++sample) {
      int64_t id = 0;
      convert(targets_, sample, reinterpret_cast<std::byte*>(&id));
      labels.push_back(static_cast<int32_t>(id));
    }
    return labels;
  }

  void read(int64_t index, const SampleContext& context, std::span<std::byte* const> destinations) const override {
    convert(inputs_, index, destinations[0], augmenter_->place(index, context));
    convert(targets_, index, destinations[1]);
  }

  std::string fingerprint() const override {
    std::string text = fmt::format("tensors {}", samples_);
    for (const Column* column : {&inputs_, &targets_}) {
      const uint64_t sum = checksum(column->stored.bytes(), static_cast<size_t>(samples_) * column->stored_sample_bytes());
      text += fmt::format(" {} {} {:x}", name_of(column->stored.dtype()), column->field.shape.text(), sum);
    }
    return hex(checksum(text.data(), text.size()));
  }

 private:
  [[noreturn]] void fail(const std::string& what, std::string_view fix) const {
    throw Error(ErrorKind::data, what, file_.path().string(), fix);
  }

  /// Floats become f32, integers i64, except that u8 inputs (pixels) become f32.
  Column open_column(std::string_view name, std::initializer_list<DType> allowed) const {
    Column column;
    column.stored = file_.tensor(name);
    const DType stored = column.stored.dtype();
    if (std::find(allowed.begin(), allowed.end(), stored) == allowed.end()) {
      std::string list;
      for (DType dtype : allowed) list.append(list.empty() ? "" : ", ").append(name_of(dtype));
      fail(fmt::format("tensor '{}' has dtype {}", name, name_of(stored)), "convert it to one of " + list);
    }
    const Shape& shape = column.stored.shape();
    if (shape.dims() == 0) fail(fmt::format("tensor '{}' is a scalar", name), "its first dim must be the samples");
    const Shape sample(std::span<const int64_t>(shape.begin() + 1, shape.end()));
    if (sample.elements() == 0) fail(fmt::format("tensor '{}' {} has empty samples", name, shape.text()), "give every dim at least 1");
    column.field = {std::string(name), stored == DType::i64 || stored == DType::i32 ? DType::i64 : DType::f32, sample, false};
    return column;
  }

  /// The targets' numbers must be class ids.
  void check_classes() {
    const auto each = static_cast<int64_t>(targets_.sample_elements());
    std::vector<int64_t> ids(targets_.sample_elements());
    int64_t largest = 0;
    for (int64_t sample = 0; sample < samples_; ++sample) {
      convert(targets_, sample, reinterpret_cast<std::byte*>(ids.data()));
      for (int64_t i = 0; i < each; ++i) {
        const int64_t id = ids[static_cast<size_t>(i)];
        if (id < 0 || (classes_ > 0 && id >= classes_)) {
          fail(fmt::format("tensor 'targets': class {} of sample {} is not in [0, {})", id, sample, classes_ > 0 ? classes_ : INT64_MAX),
               "correct data.classes or the file");
        }
        largest = std::max(largest, id);
      }
    }
    if (classes_ == 0) classes_ = largest + 1;
  }

  SafetensorsFile file_;
  Column inputs_, targets_;
  int64_t classes_;
  int64_t samples_ = 0;
  std::vector<Field> fields_;
  std::optional<Augmenter> augmenter_;
};

}  // namespace

void TensorsConfig::declare(config::Fields& fields) {
  using config::Effect;
  fields.add("root", root, {.doc = "folder that the files are relative to", .effect = Effect::free});
  fields.add("train", train, {.doc = "safetensors file with tensors inputs and targets", .effect = Effect::free});
  fields.add("validation", validation, {.doc = "such a file, for evaluation", .effect = Effect::free});
  fields.add("test", test, {.doc = "such a file, for evaluation", .effect = Effect::free});
  augment.declare(fields);
  fields.add("classes", classes, {.doc = "integer targets lie in 0..classes-1; 0: as many as the targets show", .minimum = 0});
  fields.add("limit_samples", limit_samples, {.doc = "use only the first samples of a split; 0: all", .unit = "samples", .minimum = 0});
}

std::unique_ptr<Dataset> open_tensors(const TensorsConfig& config, std::string_view split) {
  if (config.classes < 0) throw Error(ErrorKind::usage, "a negative number of classes", "data.classes", "give 0 or more");
  check_limit(config.limit_samples);
  const std::string& file =
      source_of(split, {config.train, config.validation, config.test}, "no file is given", "give train, validation or test a safetensors file");
  return std::make_unique<TensorsDataset>(config, split, std::filesystem::path(config.root) / file);
}

}  // namespace tessera::data
