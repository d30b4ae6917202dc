// SPDX-License-Identifier: Apache-2.0
// A checkpoints folder in a temporary place, and a small state to put into it.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/checkpoint/manifest.h"
#include "core/checkpoint/state.h"
#include "tests/temporary_folder.h"

namespace tessera::checkpoint {

/// A tensor whose bytes depend on the seed.
inline Tensor patterned(const Shape& shape, DType dtype, uint32_t seed) {
  Tensor tensor = Tensor::empty(shape, dtype);
  for (size_t i = 0; i < tensor.size_bytes(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    tensor.bytes()[i] = dtype == DType::boolean ? static_cast<std::byte>(seed >> 31) : static_cast<std::byte>(seed >> 24);
  }
  return tensor;
}

/// Mixed dtypes and roles, a scalar, a tensor without elements.
inline std::vector<StateEntry> some_state(uint32_t seed) {
  return {{"conv.weight", TensorRole::parameter, patterned({4, 3, 5, 5}, DType::f32, seed)},
          {"conv.bias", TensorRole::parameter, patterned({4}, DType::f32, seed + 1)},
          {"bn.running_mean", TensorRole::buffer, patterned({4}, DType::f32, seed + 2)},
          {"bn.num_batches_tracked", TensorRole::buffer, patterned({}, DType::i64, seed + 3)},
          {"half", TensorRole::parameter, patterned({7, 3}, DType::bf16, seed + 4)},
          {"empty", TensorRole::buffer, patterned({0, 3}, DType::f32, seed + 5)},
          {"optimizer/momentum/conv.weight", TensorRole::optimizer, patterned({4, 3, 5, 5}, DType::f32, seed + 6)},
          {"grid/conv.weight", TensorRole::grid, patterned({1}, DType::i32, seed + 7)},
          {"mask", TensorRole::other, patterned({9}, DType::boolean, seed + 8)}};
}

/// The same names and shapes, all bytes zero.
inline std::vector<StateEntry> zeros_like(const std::vector<StateEntry>& entries) {
  std::vector<StateEntry> zeros;
  for (const StateEntry& entry : entries) zeros.push_back({entry.name, entry.role, Tensor::zeros(entry.tensor.shape(), entry.tensor.dtype())});
  return zeros;
}

inline bool same_bytes(const Tensor& a, const Tensor& b) {
  const Tensor left = contiguous(a), right = contiguous(b);
  return left.shape() == right.shape() && left.dtype() == right.dtype() &&
         (left.elements() == 0 || std::memcmp(left.bytes(), right.bytes(), left.size_bytes()) == 0);
}

inline void expect_same(const std::vector<StateEntry>& a, const std::vector<StateEntry>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same_bytes(a[i].tensor, b[i].tensor)) << a[i].name;
}

inline Manifest manifest_at(int64_t step) {
  Manifest manifest;
  manifest.step = step;
  manifest.samples_seen = step * 64;
  manifest.samples_per_epoch = 60000;
  manifest.recipe = "schema: 1\nrun: {name: test}\n";
  manifest.recipe_hash = "abc123";
  manifest.platform = "x86_64 avx2";
  manifest.data_set = "fashion 60000";
  manifest.seed = 7;
  manifest.world_size = 2;
  manifest.saved_at_s = 1.7e9;
  manifest.wall_s = 12.5;
  manifest.state = {{"loss_scale", 1024.0}, {"overflows", int64_t{3}}, {"blob", std::string("a\0b", 3)}};
  return manifest;
}

/// The message of the Error(checkpoint) that `action` must throw; one line.
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::checkpoint) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return {};
}

inline void overwrite(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

class CheckpointTest : public testing::Test {
 protected:
  const test::TemporaryFolder folder_;
  const std::filesystem::path out_ = folder_.path();
  const std::filesystem::path checkpoints_ = out_ / "checkpoints";
};

}  // namespace tessera::checkpoint
