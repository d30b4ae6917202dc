// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/weight_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/format/llama2c.h"

namespace tessera::checkpoint {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string, std::less<>>;

constexpr size_t kInMemory = SIZE_MAX;

/// The other names that a tensor may have in a model.
std::vector<std::string> spellings_of(const std::string& name) {
  std::vector<std::string> spellings = {name};
  for (const std::string prefix : {"transformer.", "model.", "bert."}) {
    spellings.push_back(prefix + name);
    if (name.starts_with(prefix)) spellings.push_back(name.substr(prefix.size()));
  }
  for (const auto& [ending, usual] : {std::pair<std::string, std::string>{".gamma", ".weight"}, {".beta", ".bias"}}) {
    if (!name.ends_with(ending)) continue;
    for (size_t i = 0, count = spellings.size(); i < count; ++i) spellings.push_back(spellings[i].substr(0, spellings[i].size() - ending.size()) + usual);
  }
  return spellings;
}

/// What transformers computes or ties, and stores all the same.
bool is_derived(const TensorInfo& info) {
  const bool mask = info.name.ends_with(".attn.masked_bias") || (info.name.ends_with(".attn.bias") && info.shape.size() == 4);
  const bool tied = info.name == "lm_head.weight" || info.name == "cls.predictions.decoder.weight" || info.name == "cls.predictions.decoder.bias";
  return mask || tied || info.name.ends_with(".rotary_emb.inv_freq") || info.name.ends_with("embeddings.position_ids");
}

}  // namespace

WeightFiles::WeightFiles(const fs::path& path, std::span<const std::string> model) : path_(path) {
  if (path.extension() == ".json") {
    add_index();
  } else if (path.extension() == ".bin") {
    add_llama2c();
  } else {
    add_file(path, {});
  }
  take_names_of(model);
}

void WeightFiles::add(TensorInfo info, const std::string& stored_name, size_t file) {
  if (!places_.emplace(info.name, Place{file, stored_name}).second) throw Error(ErrorKind::data, "tensor '" + info.name + "' is there twice", path_.string());
  tensors_.push_back(std::move(info));
}

/// All tensors of a file, or those that are wanted of it.
void WeightFiles::add_file(const fs::path& file, std::span<const std::string> wanted) {
  const SafetensorsFile& opened = files_.emplace_back(file);
  const auto add_one = [&](const TensorInfo& info) { add(info, info.name, files_.size() - 1); };
  if (wanted.empty()) std::ranges::for_each(opened.tensors(), add_one);
  for (const std::string& name : wanted) add_one(opened.info(name));
}

void WeightFiles::add_index() {
  const auto json = nlohmann::json::parse(read_file(path_, ErrorKind::data), nullptr, false);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (!json.is_object() || map == json.end() || !map->is_object()) {
    throw Error(ErrorKind::data, "it is no index of safetensors files: it has no weight_map", path_.string(), "name model.safetensors or model.safetensors.index.json");
  }
  std::map<std::string, std::vector<std::string>> names_of_file;
  for (const auto& [name, file] : map->items()) {
    if (!file.is_string()) throw Error(ErrorKind::data, "the index does not name the file of tensor " + nlohmann::json(name).dump(), path_.string(), "fetch it anew");
    names_of_file[file.get<std::string>()].push_back(name);
  }
  for (const auto& [file, names] : names_of_file) {
    const fs::path full = path_.parent_path() / file;
    std::error_code ignored;
    if (fs::path(file).has_parent_path() || !fs::is_regular_file(full, ignored)) {
      throw Error(ErrorKind::data, fmt::format("the index names {}, which is not beside it", nlohmann::json(file).dump()), path_.string(), "fetch all files of the model");
    }
    add_file(full, names);
  }
}

void WeightFiles::add_llama2c() {
  for (auto& [name, tensor] : read_llama2c(path_)) {
    add({name, "F32", {tensor.shape().begin(), tensor.shape().end()}}, name, kInMemory);
    memory_.emplace(name, tensor);
  }
}

void WeightFiles::take_names_of(std::span<const std::string> model) {
  const Names wanted(model.begin(), model.end());
  std::map<std::string, Place> places;
  std::vector<TensorInfo> kept;
  for (TensorInfo& info : tensors_) {
    Place place = places_.at(info.name);
    const std::vector<std::string> spellings = spellings_of(info.name);
    const auto found = std::ranges::find_if(spellings, [&](const std::string& name) { return wanted.contains(name) && (name == info.name || !places_.contains(name)); });
    if (found == spellings.end() && is_derived(info)) continue;
    if (found != spellings.end()) info.name = *found;
    if (!places.emplace(info.name, std::move(place)).second) throw Error(ErrorKind::data, "two tensors are spellings of '" + info.name + "'", path_.string());
    kept.push_back(std::move(info));
  }
  places_ = std::move(places);
  tensors_ = std::move(kept);
}

Tensor WeightFiles::tensor_as(const std::string& name, DType dtype) const {
  const Place& place = places_.at(name);
  return place.file == kInMemory ? memory_.at(place.stored_name) : files_[place.file].tensor_as(place.stored_name, dtype);
}

}  // namespace tessera::checkpoint
