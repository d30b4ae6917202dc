// SPDX-License-Identifier: Apache-2.0
#include "core/format/llama2c.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "core/base/file.h"

namespace tessera {
namespace {

struct LlamaSizes {
  int64_t width, hidden, layers, heads, key_heads, vocabulary, context;
  bool tied;

  int64_t head_width() const { return width / heads; }
  int64_t key_width() const { return head_width() * key_heads; }
};

constexpr size_t kHeaderBytes = 7 * sizeof(int32_t);
constexpr int64_t kMostOfAnySize = 1 << 20;

LlamaSizes read_sizes(std::span<const std::byte> file, const std::string& where) {
  std::array<int32_t, 7> numbers{};
  if (file.size() < kHeaderBytes) throw Error(ErrorKind::data, "it is too short for a checkpoint of llama2.c", where, "fetch it anew");
  std::memcpy(numbers.data(), file.data(), kHeaderBytes);
  const LlamaSizes sizes{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], std::abs(int64_t{numbers[5]}), numbers[6], numbers[5] > 0};
  for (const int64_t size : {sizes.width, sizes.hidden, sizes.layers, sizes.heads, sizes.key_heads, sizes.vocabulary, sizes.context}) {
    if (size < 1 || size > kMostOfAnySize) throw Error(ErrorKind::data, fmt::format("it is no checkpoint of llama2.c: a size of {} makes no sense", size), where, "give the right file");
  }
  if (sizes.width % sizes.heads != 0 || sizes.head_width() % 2 != 0 || sizes.heads % sizes.key_heads != 0) {
    throw Error(ErrorKind::data, fmt::format("it is no checkpoint of llama2.c: {} heads of {} keys do not fit a width of {}", sizes.heads, sizes.key_heads, sizes.width),
                where, "give the right file");
  }
  return sizes;
}

/// Takes tensors off the file, one after the other.
class LlamaReader {
 public:
  LlamaReader(std::span<const std::byte> rest, std::string where) : rest_(rest), where_(std::move(where)) {}

  Tensor take(const Shape& shape) {
    const Tensor tensor = Tensor::empty(shape);
    std::memcpy(tensor.bytes(), skip(shape.elements()).data(), tensor.size_bytes());
    return tensor;
  }

  std::span<const std::byte> skip(int64_t elements) {
    const size_t size_bytes = static_cast<size_t>(elements) * sizeof(float);
    if (size_bytes > rest_.size()) throw Error(ErrorKind::data, "the checkpoint is cut short", where_, "fetch it anew");
    const auto part = rest_.first(size_bytes);
    rest_ = rest_.subspan(size_bytes);
    return part;
  }

  void check_end() const {
    if (!rest_.empty()) throw Error(ErrorKind::data, fmt::format("{} bytes follow the end of the checkpoint", rest_.size()), where_, "fetch it anew");
  }

 private:
  std::span<const std::byte> rest_;
  std::string where_;
};

/// Rows of each head: first those that were even, then the odd ones.
Tensor pairs_apart(const Tensor& weight, int64_t heads) {
  const int64_t rows = weight.shape()[0], columns = weight.shape()[1], half = rows / heads / 2;
  const Tensor apart = Tensor::empty(weight.shape());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t head = row / (2 * half), inside = row % (2 * half);
    const int64_t to = head * 2 * half + (inside % 2) * half + inside / 2;
    std::memcpy(apart.data<float>() + to * columns, weight.data<float>() + row * columns, static_cast<size_t>(columns) * sizeof(float));
  }
  return apart;
}

}  // namespace

std::vector<std::pair<std::string, Tensor>> read_llama2c(const std::filesystem::path& path) {
  const MappedFile file(path, ErrorKind::data);
  const LlamaSizes sizes = read_sizes(file.bytes(), path.string());
  LlamaReader reader(file.bytes().subspan(kHeaderBytes), path.string());
  std::vector<std::pair<std::string, Tensor>> tensors;
  const auto add = [&](const std::string& name, const Tensor& tensor) { tensors.emplace_back(name, tensor); };
  const auto add_layers = [&](const std::string& name, const Shape& shape, int64_t rotated_heads = 0) {
    for (int64_t layer = 0; layer < sizes.layers; ++layer) {
      const Tensor weight = reader.take(shape);
      add(fmt::format("model.layers.{}.{}.weight", layer, name), rotated_heads > 0 ? pairs_apart(weight, rotated_heads) : weight);
    }
  };
  add("model.embed_tokens.weight", reader.take({sizes.vocabulary, sizes.width}));
  add_layers("input_layernorm", {sizes.width});
  add_layers("self_attn.q_proj", {sizes.width, sizes.width}, sizes.heads);
  add_layers("self_attn.k_proj", {sizes.key_width(), sizes.width}, sizes.key_heads);
  add_layers("self_attn.v_proj", {sizes.key_width(), sizes.width});
  add_layers("self_attn.o_proj", {sizes.width, sizes.width});
  add_layers("post_attention_layernorm", {sizes.width});
  add_layers("mlp.gate_proj", {sizes.hidden, sizes.width});
  add_layers("mlp.down_proj", {sizes.width, sizes.hidden});
  add_layers("mlp.up_proj", {sizes.hidden, sizes.width});
  add("model.norm.weight", reader.take({sizes.width}));
  reader.skip(sizes.context * sizes.head_width());  // tables of cosines and sines that nobody reads any more
  if (!sizes.tied) add("lm_head.weight", reader.take({sizes.vocabulary, sizes.width}));
  reader.check_end();
  return tensors;
}

}  // namespace tessera
