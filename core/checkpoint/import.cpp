// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/import.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/format/safetensors.h"

namespace tessera::checkpoint {
namespace {

constexpr const char* kNotStrict = "or set init.strict: false to skip it";

void check_entry(const StateEntry& entry, const SafetensorsFile& file, bool strict) {
  const std::string where = file.path().string();
  const TensorInfo* info = file.find(entry.name);
  if (!info) {
    if (strict) throw Error(ErrorKind::data, "tensor '" + entry.name + "' of the model is missing", where, std::string("give a file of this model, ") + kNotStrict);
    return;
  }
  const Shape& wanted = entry.tensor.shape();
  if (std::equal(info->shape.begin(), info->shape.end(), wanted.begin(), wanted.end())) return;
  const Shape got(std::span<const int64_t>(info->shape).first(std::min(info->shape.size(), Shape::kMaxDims)));
  throw Error(ErrorKind::data, "tensor '" + entry.name + "' has shape " + got.text() + " but the model needs " + wanted.text(), where,
              "give weights of the same architecture and sizes");
}

void check_left_over(std::span<const StateEntry> entries, const SafetensorsFile& file) {
  for (const std::string& name : file.names()) {
    const bool known = std::any_of(entries.begin(), entries.end(), [&](const StateEntry& entry) { return entry.name == name; });
    if (!known) {
      throw Error(ErrorKind::data, "tensor '" + name + "' is not part of the model", file.path().string(),
                  std::string("give a file of this model, ") + kNotStrict);
    }
  }
}

}  // namespace

void import_weights(std::span<const StateEntry> entries, const std::filesystem::path& path, bool strict) {
  const SafetensorsFile file(path);
  for (const StateEntry& entry : entries) check_entry(entry, file, strict);
  if (strict) check_left_over(entries, file);
  for (const StateEntry& entry : entries) {
    if (file.contains(entry.name)) copy_into(file.tensor_as(entry.name, DType::f32), entry.tensor);
  }
}

}  // namespace tessera::checkpoint
