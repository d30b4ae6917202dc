// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/import.h"

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/config/rename.h"
#include "core/config/suggest.h"
#include "core/format/safetensors.h"

namespace tessera::checkpoint {
namespace {

/// The tensors of a file under the model's names.
class Source {
 public:
  Source(const std::filesystem::path& path, std::span<const config::RenameRule> rules) : file_(path) {
    const config::Renamer rename(rules);
    for (const TensorInfo& info : file_.tensors()) {
      const std::string name = rules.empty() ? info.name : rename(info.name);
      if (is_batch_count(info.name) || is_batch_count(name)) continue;
      const auto [place, added] = infos_.emplace(name, &info);
      if (!added) fail("tensors " + shown(*place->second) + " and " + shown(info) + " both become " + config::printable(name), "correct init.rename");
    }
  }

  const std::map<std::string, const TensorInfo*>& infos() const { return infos_; }
  const TensorInfo* find(const std::string& name) const {
    const auto found = infos_.find(name);
    return found == infos_.end() ? nullptr : found->second;
  }
  Tensor as_f32(const TensorInfo& info) const { return file_.tensor_as(info.name, DType::f32); }

  [[noreturn]] void fail(const std::string& what, const std::string& fix) const { throw Error(ErrorKind::data, what, file_.path().string(), fix); }
  static std::string shown(const TensorInfo& info) { return config::printable(info.name); }

 private:
  SafetensorsFile file_;
  std::map<std::string, const TensorInfo*> infos_;
};

bool is_float(const std::string& dtype) { return dtype == "F32" || dtype == "F64" || dtype == "F16" || dtype == "BF16"; }

[[noreturn]] void fail_missing(const std::string& name, const Source& source) {
  std::vector<std::string> names;
  for (const auto& [known, info] : source.infos()) names.push_back(known);
  const std::string nearest = config::nearest_name(name, names);
  source.fail("tensor '" + name + "' of the model is missing" + (nearest.empty() ? "" : "; the file has " + config::printable(nearest)),
              "give a file of this model, map its names by init.rename, or set init.strict: false to skip it");
}

/// Whether the shapes are the same but for dims of size 1 at the end: a linear layer's weight is that of a 1x1 convolution.
bool same_but_for_ones(std::span<const int64_t> a, std::span<const int64_t> b) {
  const auto [short_one, long_one] = a.size() < b.size() ? std::pair(a, b) : std::pair(b, a);
  const auto rest = long_one.subspan(short_one.size());
  return std::ranges::equal(short_one, long_one.first(short_one.size())) && std::ranges::all_of(rest, [](int64_t size) { return size == 1; });
}

void check_entry(const StateEntry& entry, const Source& source, bool strict) {
  const TensorInfo* info = source.find(entry.name);
  if (!info) {
    if (strict) fail_missing(entry.name, source);
    return;
  }
  if (!is_float(info->dtype)) {
    source.fail("tensor " + Source::shown(*info) + " has dtype " + info->dtype + " but the model needs floating-point numbers",
                "store it as F32, BF16, F16 or F64; quantised weights must be dequantised first");
  }
  const Shape& wanted = entry.tensor.shape();
  if (same_but_for_ones(info->shape, {wanted.begin(), wanted.dims()})) return;
  const Shape got(std::span<const int64_t>(info->shape).first(std::min(info->shape.size(), Shape::kMaxDims)));
  source.fail("tensor " + Source::shown(*info) + " has shape " + got.text() + " but the model needs " + wanted.text(),
              "give weights of the same architecture and sizes");
}

/// A run that believes it starts from weights, and starts from none, is nobody's intention.
void check_any(std::span<const StateEntry> entries, const Source& source) {
  if (std::ranges::any_of(entries, [&](const StateEntry& entry) { return source.find(entry.name) != nullptr; })) return;
  const std::string first = source.infos().empty() ? "; it holds none" : "; the file's first is " + config::printable(source.infos().begin()->first);
  source.fail("no tensor of the file is part of the model, whose first is " + config::printable(entries.front().name) + first, "map the file's names by init.rename");
}

void check_left_over(std::span<const StateEntry> entries, const Source& source) {
  std::vector<std::string> names;
  for (const StateEntry& entry : entries) names.push_back(entry.name);
  std::ranges::sort(names);
  for (const auto& [name, info] : source.infos()) {
    if (std::ranges::binary_search(names, name)) continue;
    const std::string renamed = name == info->name ? "" : ", renamed to " + config::printable(name) + ",";
    source.fail("tensor " + Source::shown(*info) + renamed + " is not part of the model",
                "give a file of this model, map its names by init.rename, or set init.strict: false to skip it");
  }
}

}  // namespace

void import_weights(std::span<const StateEntry> entries, const std::filesystem::path& path, const config::InitConfig& rules) {
  const Source source(path, rules.rename);
  for (const StateEntry& entry : entries) {
    if (!is_batch_count(entry.name)) check_entry(entry, source, rules.strict);
  }
  if (rules.strict) check_left_over(entries, source);
  if (!entries.empty()) check_any(entries, source);
  for (const StateEntry& entry : entries) {
    if (const TensorInfo* info = source.find(entry.name)) copy_into(source.as_f32(*info).reshape(entry.tensor.shape()), entry.tensor);
  }
}

}  // namespace tessera::checkpoint
