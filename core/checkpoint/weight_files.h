// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/format/safetensors.h"

namespace tessera::checkpoint {

/// The tensors of weights as others store them: a safetensors file; NAME.safetensors.index.json, which names the files that the tensors are spread over; or NAME.bin, a checkpoint of llama2.c.
class WeightFiles {
 public:
  /// `model`: names that are wanted. A tensor that has another spelling of one of them gets that name: with or without "transformer.", "model." or "bert." in front, gamma and beta
  /// for weight and bias. Left out are tensors that transformers stores beside the weights: attention masks, numbers of positions, and an output layer (lm_head.weight,
  /// cls.predictions.decoder) where the model has none of its own. Throws Error(data), also for an index that names a missing file or a tensor that its file lacks.
  WeightFiles(const std::filesystem::path& path, std::span<const std::string> model);

  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  Tensor tensor_as(const std::string& name, DType dtype) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  void add_file(const std::filesystem::path& file, std::span<const std::string> wanted);
  void add_index();
  void add_llama2c();
  void add(TensorInfo info, const std::string& stored_name, size_t file);
  void take_names_of(std::span<const std::string> model);

  struct Place {
    size_t file;              ///< number in files_, or kInMemory
    std::string stored_name;  ///< there
  };

  std::filesystem::path path_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Tensor> memory_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, Place> places_;  // by the name in tensors_
};

}  // namespace tessera::checkpoint
