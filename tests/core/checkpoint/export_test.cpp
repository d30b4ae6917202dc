// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/export.h"

#include "core/base/hash.h"
#include "core/checkpoint/writer.h"
#include "core/format/safetensors.h"
#include "tests/core/checkpoint/fixture.h"

namespace tessera::checkpoint {
namespace {

class ExportTest : public CheckpointTest {};

TEST_F(ExportTest, HoldsParametersAndBuffersInByteOrder) {
  std::vector<StateEntry> state = some_state(1);
  state.push_back({"Zed", TensorRole::parameter, patterned({2}, DType::f32, 1)});
  state.push_back({"\xc3\xa4", TensorRole::parameter, patterned({2}, DType::f32, 1)});
  state.push_back({"tied", TensorRole::parameter, state[0].tensor});
  state.push_back({"ema/conv.bias", TensorRole::average, patterned({4}, DType::f32, 1)});
  const std::filesystem::path path = out_ / "weights.safetensors";
  const std::string hash = export_weights(state, path);
  EXPECT_EQ(hash, sha256_hex(read_file(path, ErrorKind::data)));
  EXPECT_EQ(hash, weights_sha256(state));
  const SafetensorsFile file(path);
  std::vector<std::string> names;
  for (const TensorInfo& info : file.tensors()) names.push_back(info.name);
  EXPECT_EQ(names, (std::vector<std::string>{"Zed", "bn.running_mean", "conv.bias", "conv.weight", "empty", "half", "\xc3\xa4"}));
  EXPECT_TRUE(file.metadata().empty());
  EXPECT_TRUE(same_bytes(file.tensor("conv.weight"), state[0].tensor));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out_), {}), 1);
}

TEST_F(ExportTest, TheBytesAreFixed) {
  const float values[] = {1.0f, -2.0f};
  const std::vector<StateEntry> state{{"w", TensorRole::parameter, Tensor::of<float>(values, {1, 2})}};
  export_weights(state, out_ / "w");
  const std::string expected = std::string("\x38\0\0\0\0\0\0\0", 8) + R"({"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})" +
                               std::string("\0\0\x80\x3f\0\0\0\xc0", 8);
  EXPECT_EQ(read_file(out_ / "w", ErrorKind::data), expected);
}

TEST_F(ExportTest, LayoutAndOrderOfEntriesDoNotShow) {
  std::vector<StateEntry> state = some_state(1);
  const std::string hash = weights_sha256(state);
  Tensor image = Tensor::empty_channels_last({4, 3, 5, 5});
  copy_into(state[0].tensor, image);
  state[0].tensor = image;
  std::reverse(state.begin(), state.end());
  EXPECT_EQ(weights_sha256(state), hash);
  state.back().tensor.bytes()[0] ^= std::byte{1};
  EXPECT_NE(weights_sha256(state), hash);
}

TEST_F(ExportTest, ACheckpointGivesTheSameBytesAsTheModel) {
  std::vector<StateEntry> state = some_state(1);
  state.push_back({"tied", TensorRole::parameter, state[0].tensor});
  save(checkpoints_, manifest_at(1), state, 3);
  const Checkpoint checkpoint = open_checkpoint(folder_of(checkpoints_, 1));
  EXPECT_EQ(checkpoint.manifest.find("tied"), nullptr);
  EXPECT_EQ(weights_sha256(read_weights(checkpoint)), weights_sha256(state));
  std::vector<StateEntry> back = zeros_like(state);
  back.back().tensor = back[0].tensor;
  read_into(checkpoint, back);
  expect_same(back, state);
}

TEST_F(ExportTest, AveragesStandInForTheParameters) {
  std::vector<StateEntry> state = some_state(1);
  state.push_back({"average.conv.weight", TensorRole::average, patterned({4, 3, 5, 5}, DType::f32, 20)});
  state.push_back({"average.conv.bias", TensorRole::average, patterned({4}, DType::f32, 21)});
  state.push_back({"foreign", TensorRole::average, patterned({4}, DType::f32, 22)});
  save(checkpoints_, manifest_at(1), state, 3);
  export_weights(read_averages(open_checkpoint(folder_of(checkpoints_, 1))), out_ / "ema");
  const SafetensorsFile file(out_ / "ema");
  std::vector<std::string> names;
  for (const TensorInfo& info : file.tensors()) names.push_back(info.name);
  EXPECT_EQ(names, (std::vector<std::string>{"bn.running_mean", "conv.bias", "conv.weight", "empty"}));
  EXPECT_TRUE(same_bytes(file.tensor("conv.weight"), patterned({4, 3, 5, 5}, DType::f32, 20)));
  EXPECT_TRUE(same_bytes(file.tensor("bn.running_mean"), state[2].tensor));
}

TEST_F(ExportTest, ACheckpointWithoutAveragesIsAnError) {
  save(checkpoints_, manifest_at(1), some_state(1), 1);
  const std::string message = error_of([&] { read_averages(open_checkpoint(folder_of(checkpoints_, 1))); });
  EXPECT_NE(message.find("holds no average"), std::string::npos) << message;
}

TEST_F(ExportTest, AFolderThatIsNotThereIsAnError) {
  const std::string message = error_of([&] { export_weights(some_state(1), out_ / "no" / "weights"); });
  EXPECT_NE(message.find((out_ / "no").string()), std::string::npos) << message;
}

}  // namespace
}  // namespace tessera::checkpoint
