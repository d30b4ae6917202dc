// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/export.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/checkpoint/folder.h"
#include "core/format/safetensors_writer.h"

namespace tessera::checkpoint {
namespace {

/// What is exported, in the order of the file.
std::vector<StateEntry> exported(std::span<const StateEntry> entries) {
  std::vector<StateEntry> weights;
  std::ranges::copy_if(entries, std::back_inserter(weights), [](const StateEntry& entry) {
    return is_weight(entry.role) && !is_batch_count(entry.name);
  });
  weights = without_ties(weights);
  std::ranges::sort(weights, {}, &StateEntry::name);
  return weights;
}

void write_to(const ByteSink& sink, std::span<const StateEntry> weights) {
  std::vector<SafetensorsEntry> header;
  for (const StateEntry& entry : weights) {
    const Shape& shape = entry.tensor.shape();
    header.push_back({entry.name, entry.tensor.dtype(), {shape.begin(), shape.end()}});
  }
  SafetensorsWriter writer(sink, std::move(header));
  for (const StateEntry& entry : weights) writer.write(entry.tensor);
  writer.close();
}

}  // namespace

std::string weights_sha256(std::span<const StateEntry> entries) {
  Sha256 hash;
  write_to([&](const void* bytes, size_t size_bytes) { hash.update(bytes, size_bytes); }, exported(entries));
  return hash.finish();
}

std::string export_weights(std::span<const StateEntry> entries, const std::filesystem::path& path) {
  const std::filesystem::path temporary = with_suffix(path, ".tmp");
  Sha256 hash;
  try {
    OutputFile file(temporary, ErrorKind::checkpoint);
    const auto sink = [&](const void* bytes, size_t size_bytes) {
      file.write(bytes, size_bytes);
      hash.update(bytes, size_bytes);
    };
    write_to(sink, exported(entries));
    file.sync_and_close();
    rename_path(temporary, path);
  } catch (const Error&) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
  sync_folder(path.has_parent_path() ? path.parent_path() : ".", ErrorKind::checkpoint);
  return hash.finish();
}

std::vector<StateEntry> read_weights(const Checkpoint& checkpoint) {
  std::vector<StateEntry> weights;
  for (const TensorRecord& tensor : checkpoint.manifest.tensors) {
    if (is_weight(tensor.role)) weights.push_back({tensor.name, tensor.role, Tensor::empty(tensor.shape, tensor.dtype)});
  }
  read_into(checkpoint, weights, Match::weights);
  return weights;
}

std::vector<StateEntry> read_averages(const Checkpoint& checkpoint) {
  std::vector<StateEntry> weights;
  std::vector<Slice> slices;
  bool any = false;
  for (const TensorRecord& tensor : checkpoint.manifest.tensors) {
    const bool average = tensor.role == TensorRole::average && tensor.name.starts_with(kAveragePrefix);
    if (!average && tensor.role != TensorRole::buffer) continue;
    any = any || average;
    const Tensor values = Tensor::empty(tensor.shape, tensor.dtype);
    slices.push_back({tensor.name, tensor.role, tensor.shape, 0, values.reshape({values.elements()})});
    weights.push_back({average ? tensor.name.substr(kAveragePrefix.size()) : tensor.name, average ? TensorRole::parameter : tensor.role, values});
  }
  if (!any) throw Error(ErrorKind::checkpoint, "it holds no average of the weights", checkpoint.path.string(), "train with ema.decay, or export without --ema");
  read_slices(checkpoint, slices);
  return weights;
}

}  // namespace tessera::checkpoint
