// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/import.h"

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/checkpoint/weight_files.h"
#include "core/config/rename.h"
#include "core/config/suggest.h"

namespace tessera::checkpoint {
namespace {

constexpr const char* kFixes = "give weights of this model, map their names by init.rename, or leave tensors out by init.skip";

std::string printable_name(const TensorInfo& info) { return config::printable(info.name); }

std::string shape_text(const TensorInfo& info) {
  return Shape(std::span<const int64_t>(info.shape).first(std::min(info.shape.size(), Shape::kMaxDims))).text();
}

/// Whether the shapes are the same but for dims of size 1 at the end: a linear layer's weight is that of a 1x1 convolution.
bool same_but_for_ones(std::span<const int64_t> a, std::span<const int64_t> b) {
  const auto [short_one, long_one] = a.size() < b.size() ? std::pair(a, b) : std::pair(b, a);
  const auto rest = long_one.subspan(short_one.size());
  return std::ranges::equal(short_one, long_one.first(short_one.size())) && std::ranges::all_of(rest, [](int64_t size) { return size == 1; });
}

std::span<const int64_t> dims_of(const Tensor& tensor) { return {tensor.shape().begin(), tensor.shape().dims()}; }

bool has_shape_of(const TensorInfo& info, const StateEntry& entry) { return same_but_for_ones(info.shape, dims_of(entry.tensor)); }

/// Whether the tensors belong to heads for other numbers of classes: all but the first dim is the same.
bool differs_in_classes(const TensorInfo& info, const StateEntry& entry) {
  const std::span<const int64_t> model = dims_of(entry.tensor), file = info.shape;
  return !model.empty() && !file.empty() && model[0] != file[0] && same_but_for_ones(file.subspan(1), model.subspan(1));
}

std::vector<std::string> names_of(std::span<const StateEntry> entries) {
  std::vector<std::string> names;
  for (const StateEntry& entry : entries) names.push_back(entry.name);
  return names;
}

/// The tensors of a file under the model's names, without those that init.skip names.
class Source {
 public:
  Source(const std::filesystem::path& path, const config::InitConfig& rules, std::span<const StateEntry> entries) : file_(path, names_of(entries)) {
    const config::Renamer rename(rules.rename);
    const config::NamePatterns skip(rules.skip, "init.skip", rules.skip_origin);
    for (const TensorInfo& info : file_.tensors()) {
      const std::string name = rules.rename.empty() ? info.name : rename(info.name);
      if (is_batch_count(info.name) || is_batch_count(name)) continue;
      if (skip.match_any(name)) {
        skipped_.push_back(name);
        continue;
      }
      const auto [place, added] = infos_.emplace(name, &info);
      if (!added) {
        fail("tensors " + printable_name(*place->second) + " and " + printable_name(info) + " both become " + config::printable(name), "correct init.rename, or leave one out by init.skip");
      }
    }
  }

  const std::map<std::string, const TensorInfo*>& infos() const { return infos_; }
  /// Names that init.skip took away.
  const std::vector<std::string>& skipped() const { return skipped_; }
  const TensorInfo* find(const std::string& name) const {
    const auto found = infos_.find(name);
    return found == infos_.end() ? nullptr : found->second;
  }
  Tensor as_f32(const TensorInfo& info) const { return file_.tensor_as(info.name, DType::f32); }

  [[noreturn]] void fail(const std::string& what, const std::string& fix) const { throw Error(ErrorKind::data, what, file_.path().string(), fix); }

 private:
  WeightFiles file_;
  std::map<std::string, const TensorInfo*> infos_;
  std::vector<std::string> skipped_;
};

bool is_float(const std::string& dtype) { return dtype == "F32" || dtype == "F64" || dtype == "F16" || dtype == "BF16"; }

/// "; 50 of the model's 52 tensors are in the file": whether it is a name or two that differ, or the architecture.
std::string count_fitting(std::span<const StateEntry> entries, const Source& source) {
  const auto fitting = std::ranges::count_if(entries, [&](const StateEntry& entry) {
    const TensorInfo* info = source.find(entry.name);
    return info && has_shape_of(*info, entry);
  });
  return "; " + std::to_string(fitting) + " of the model's " + std::to_string(entries.size()) + " tensors are in the file with their shapes";
}

[[noreturn]] void fail_missing(const StateEntry& entry, std::span<const StateEntry> entries, const Source& source) {
  std::vector<std::string> names;
  for (const auto& [known, info] : source.infos()) names.push_back(known);
  const std::string nearest = config::nearest_name(entry.name, names);
  const std::string near = nearest.empty() ? "" : "; the file has " + config::printable(nearest) + " of shape " + shape_text(*source.find(nearest));
  source.fail("tensor '" + entry.name + "' of the model is missing" + near + " where the model needs " + entry.tensor.shape().text() + count_fitting(entries, source),
              std::string(kFixes) + " (init.strict: false skips whatever has no counterpart)");
}

/// '^classifier\.1\.' of classifier.1.weight.
std::string pattern_of_layer(const std::string& name) {
  std::string pattern = "^";
  for (const char c : name.substr(0, name.rfind('.') + 1)) pattern += c == '.' ? std::string("\\.") : std::string(1, c);
  return pattern;
}

[[noreturn]] void fail_shape(const TensorInfo& info, const StateEntry& entry, std::span<const StateEntry> entries, const Source& source) {
  const std::string what = "tensor " + printable_name(info) + " has shape " + shape_text(info) + " but the model needs " + entry.tensor.shape().text();
  if (differs_in_classes(info, entry) && entry.name.find('.') != std::string::npos) {
    source.fail(what + count_fitting(entries, source), "where this is a head for another number of classes, start it anew by init.skip: ['" + pattern_of_layer(entry.name) + "']; else " + kFixes);
  }
  source.fail(what + count_fitting(entries, source), kFixes);
}

void check_entry(const StateEntry& entry, std::span<const StateEntry> entries, const Source& source, bool strict) {
  const TensorInfo* info = source.find(entry.name);
  if (!info) {
    if (strict) fail_missing(entry, entries, source);
    return;
  }
  if (!is_float(info->dtype)) {
    source.fail("tensor " + printable_name(*info) + " has dtype " + info->dtype + " but the model needs floating-point numbers",
                "store it as F32, BF16, F16 or F64; quantised weights must be dequantised first");
  }
  if (!has_shape_of(*info, entry)) fail_shape(*info, entry, entries, source);
}

/// A run that believes it starts from weights, and starts from none, is nobody's intention.
void check_any(std::span<const StateEntry> wanted, std::span<const StateEntry> entries, const Source& source) {
  if (std::ranges::any_of(wanted, [&](const StateEntry& entry) { return source.find(entry.name) != nullptr; })) return;
  const std::string first = source.infos().empty() ? "; it holds none" : "; the file's first is " + config::printable(source.infos().begin()->first);
  source.fail("no tensor of the file is part of the model, whose first is " + config::printable(entries.front().name) + first,
              "map the file's names by init.rename, and leave out by init.skip no more than the head");
}

void check_left_over(std::span<const StateEntry> entries, const Source& source) {
  std::vector<std::string> names;
  for (const StateEntry& entry : entries) names.push_back(entry.name);
  std::ranges::sort(names);
  for (const auto& [name, info] : source.infos()) {
    if (std::ranges::binary_search(names, name)) continue;
    const std::string renamed = name == info->name ? "" : ", renamed to " + config::printable(name) + ",";
    source.fail("tensor " + printable_name(*info) + renamed + " is not part of the model (it has shape " + shape_text(*info) + ")" + count_fitting(entries, source),
                std::string(kFixes) + " (init.strict: false skips whatever has no counterpart)");
  }
}

/// A pattern that leaves nothing out is a mistake: the file's head would be loaded, or refused for another reason.
void check_skip(std::span<const StateEntry> entries, const Source& source, const config::InitConfig& rules) {
  const config::NamePatterns skip(rules.skip, "init.skip", rules.skip_origin);
  for (size_t i = 0; i < rules.skip.size(); ++i) {
    const auto matches = [&](const std::string& name) { return skip.match(i, name); };
    if (std::ranges::any_of(source.skipped(), matches) || std::ranges::any_of(entries, matches, &StateEntry::name)) continue;
    std::vector<std::string> names;
    for (const StateEntry& entry : entries) names.push_back(entry.name);
    const std::string nearest = config::nearest_name(rules.skip[i], names);
    throw Error(ErrorKind::usage, "pattern " + config::printable(rules.skip[i]) + " of init.skip[" + std::to_string(i) + "] is found in no name of model or file",
                rules.skip_origin.text(), nearest.empty() ? "'tessera show' prints the model's names" : "near it: " + nearest);
  }
}

}  // namespace

void import_weights(std::span<const StateEntry> entries, const std::filesystem::path& path, const config::InitConfig& rules) {
  const Source source(path, rules, entries);
  check_skip(entries, source, rules);
  const config::NamePatterns skip(rules.skip, "init.skip", rules.skip_origin);
  std::vector<StateEntry> wanted;
  for (const StateEntry& entry : entries) {
    if (!is_batch_count(entry.name) && !skip.match_any(entry.name)) wanted.push_back(entry);
  }
  for (const StateEntry& entry : wanted) check_entry(entry, wanted, source, rules.strict);
  if (rules.strict) check_left_over(wanted, source);
  if (!entries.empty()) check_any(wanted, entries, source);
  for (const StateEntry& entry : wanted) {
    if (const TensorInfo* info = source.find(entry.name)) copy_into(source.as_f32(*info).reshape(entry.tensor.shape()), entry.tensor);
  }
}

}  // namespace tessera::checkpoint
