// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/weight_files.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/format/safetensors_writer.h"
#include "tests/temporary_folder.h"

namespace tessera::checkpoint {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class WeightFilesTest : public testing::Test {
 protected:
  /// Tensors whose elements are all `value`.
  void write(const std::string& file, const std::vector<std::pair<std::string, Shape>>& tensors, float value = 1.0f) const {
    std::vector<SafetensorsEntry> entries;
    for (const auto& [name, shape] : tensors) entries.push_back({name, DType::f32, {shape.begin(), shape.end()}});
    SafetensorsWriter writer(folder_.path() / file, entries, {}, ErrorKind::data);
    for (const auto& [name, shape] : tensors) {
      const Tensor tensor = Tensor::zeros(shape);
      std::fill_n(tensor.data<float>(), tensor.elements(), value);
      writer.write(tensor);
    }
    writer.close();
  }

  Names names(const std::string& file, const Names& model) const {
    Names found;
    const WeightFiles files(folder_.path() / file, model);
    for (const TensorInfo& info : files.tensors()) found.push_back(info.name);
    std::ranges::sort(found);
    return found;
  }

  std::string refusal(const std::string& file) const {
    try {
      names(file, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "none";
  }

  void text(const std::string& file, const std::string& content) const { write_file_atomically(folder_.path() / file, content, ErrorKind::runtime); }

  test::TemporaryFolder folder_;
};

/// GPT-2's file has no prefix and the masks of attention; others have the prefix and the tied output layer.
TEST_F(WeightFilesTest, BothSpellings) {
  const Names model = {"transformer.h.0.attn.c_attn.bias", "transformer.h.0.ln_1.weight", "transformer.wte.weight"};
  write("bare.safetensors", {{"h.0.attn.bias", {1, 1, 2, 2}}, {"h.0.attn.c_attn.bias", {3}}, {"h.0.ln_1.weight", {1}}, {"wte.weight", {2, 1}}});
  EXPECT_EQ(names("bare.safetensors", model), model);
  write("full.safetensors", {{"lm_head.weight", {2, 1}}, {"transformer.h.0.attn.c_attn.bias", {3}}, {"transformer.h.0.ln_1.gamma", {1}}, {"transformer.wte.weight", {2, 1}}});
  EXPECT_EQ(names("full.safetensors", model), model);
  EXPECT_EQ(names("full.safetensors", {"h.0.ln_1.weight", "lm_head.weight"}),
            (Names{"h.0.ln_1.weight", "lm_head.weight", "transformer.h.0.attn.c_attn.bias", "transformer.wte.weight"}));
  write("other.safetensors", {{"fc.weight", {1}}});
  EXPECT_EQ(names("other.safetensors", model), Names{"fc.weight"});
}

TEST_F(WeightFilesTest, AnIndexOfSeveralFiles) {
  write("model-1.safetensors", {{"a.weight", {2}}, {"unused", {1}}}, 1.5f);
  write("model-2.safetensors", {{"b.weight", {1}}}, 2.5f);
  text("model.safetensors.index.json", R"({"metadata": {}, "weight_map": {"a.weight": "model-1.safetensors", "b.weight": "model-2.safetensors"}})");
  const Names model = {"transformer.b.weight"};
  const WeightFiles files(folder_.path() / "model.safetensors.index.json", model);
  ASSERT_EQ(files.tensors().size(), 2u);
  EXPECT_EQ(files.tensor_as("transformer.b.weight", DType::f32).data<float>()[0], 2.5f);
  EXPECT_EQ(files.tensor_as("a.weight", DType::f32).data<float>()[1], 1.5f);
}

TEST_F(WeightFilesTest, BrokenIndexesAreRefused) {
  write("model-1.safetensors", {{"a", {2}}});
  text("missing.json", R"({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})");
  EXPECT_NE(refusal("missing.json").find("names \"model-2.safetensors\", which is not beside it"), std::string::npos);
  text("elsewhere.json", R"({"weight_map": {"a": "../model-1.safetensors"}})");
  EXPECT_NE(refusal("elsewhere.json").find("not beside it"), std::string::npos);
  text("lacks.json", R"({"weight_map": {"z": "model-1.safetensors"}})");
  EXPECT_NE(refusal("lacks.json").find("z"), std::string::npos);
  text("none.json", "[1]");
  EXPECT_NE(refusal("none.json").find("no weight_map"), std::string::npos);
  text("number.json", R"({"weight_map": {"z": 1}})");
  EXPECT_NE(refusal("number.json").find("does not name the file of tensor"), std::string::npos);
}

/// One layer, two heads of two, one head of keys; every number counts up.
std::string llama2c_checkpoint(int32_t vocabulary) {
  const int32_t header[7] = {4, 3, 1, 2, 1, vocabulary, 5};
  std::string bytes(reinterpret_cast<const char*>(header), sizeof header);
  const int rows = std::abs(vocabulary);
  const int numbers = rows * 4 + 4 + 16 + 8 + 8 + 16 + 4 + 12 + 12 + 12 + 4 + 5 * 2 + (vocabulary < 0 ? rows * 4 : 0);
  for (int i = 0; i < numbers; ++i) {
    const auto number = static_cast<float>(i);
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return bytes;
}

TEST_F(WeightFilesTest, Llama2cCheckpoints) {
  text("tied.bin", llama2c_checkpoint(3));
  text("untied.bin", llama2c_checkpoint(-3));
  const Names own = {"lm_head.weight"};
  const WeightFiles tied(folder_.path() / "tied.bin", {}), untied(folder_.path() / "untied.bin", own);
  EXPECT_EQ(tied.tensors().size(), 11u);
  EXPECT_EQ(untied.tensors().size(), 12u);
  const Tensor queries = tied.tensor_as("model.layers.0.self_attn.q_proj.weight", DType::f32);
  EXPECT_EQ(queries.data<float>()[0], 16.0f) << "the embedding and a norm before it";
  EXPECT_EQ(queries.data<float>()[4], 20.0f) << "heads of two features: nothing moves";
  EXPECT_EQ(tied.tensor_as("model.norm.weight", DType::f32).data<float>()[0], 16.0f + 16 + 8 + 8 + 16 + 4 + 36);
  EXPECT_EQ(untied.tensor_as("lm_head.weight", DType::f32).data<float>()[0], 104.0f + 4 + 10);
  text("short.bin", llama2c_checkpoint(3).substr(0, 100));
  EXPECT_NE(refusal("short.bin").find("cut short"), std::string::npos);
  text("long.bin", llama2c_checkpoint(3) + "xxxx");
  EXPECT_NE(refusal("long.bin").find("4 bytes follow"), std::string::npos);
  text("none.bin", std::string(100, '\x7f'));
  EXPECT_NE(refusal("none.bin").find("no checkpoint of llama2.c"), std::string::npos);
  text("empty.bin", "");
  EXPECT_NE(refusal("empty.bin").find("too short"), std::string::npos);
}

}  // namespace
}  // namespace tessera::checkpoint
