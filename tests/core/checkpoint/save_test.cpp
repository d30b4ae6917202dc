// SPDX-License-Identifier: Apache-2.0
// What is saved comes back, in any layout; what does not fit is named.
#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/checkpoint/reader.h"
#include "core/checkpoint/retention.h"
#include "core/checkpoint/writer.h"
#include "core/format/safetensors.h"
#include "tests/core/checkpoint/fixture.h"

namespace tessera::checkpoint {
namespace {

class SaveTest : public CheckpointTest {};

TEST_F(SaveTest, ComesBackFromAnyNumberOfParts) {
  const std::vector<StateEntry> state = some_state(1);
  for (int parts : {1, 2, 3, 5}) {
    const Committed committed = save(checkpoints_, manifest_at(parts), state, parts);
    EXPECT_EQ(committed.path, folder_of(checkpoints_, parts));
    const Checkpoint checkpoint = open_checkpoint(committed.path);
    EXPECT_EQ(checkpoint.manifest.files.size(), static_cast<size_t>(parts));
    EXPECT_EQ(checkpoint.manifest.state, manifest_at(parts).state);
    for (int part = 0; part < 3; ++part) verify_part(checkpoint, part, 3);
    const std::vector<StateEntry> back = zeros_like(state);
    read_into(checkpoint, back);
    expect_same(back, state);
  }
  EXPECT_EQ(list_checkpoints(checkpoints_).size(), 4u);
}

TEST_F(SaveTest, AnyLayoutReadsWhatAnyLayoutWrote) {
  Tensor image = Tensor::empty_channels_last({2, 3, 4, 5});
  copy_into(patterned({2, 3, 4, 5}, DType::f32, 5), image);
  const std::vector<StateEntry> state{{"image", TensorRole::parameter, image}};
  save(checkpoints_, manifest_at(1), state, 3);
  const Checkpoint checkpoint = open_checkpoint(folder_of(checkpoints_, 1));
  const std::vector<StateEntry> rows{{"image", TensorRole::parameter, Tensor::zeros({2, 3, 4, 5})}};
  read_into(checkpoint, rows);
  expect_same(rows, state);
  const std::vector<StateEntry> images{{"image", TensorRole::parameter, Tensor::empty_channels_last({2, 3, 4, 5})}};
  read_into(checkpoint, images);
  expect_same(images, state);
}

TEST_F(SaveTest, ShardsOfAnySizeAreRead) {
  const std::vector<StateEntry> state = some_state(1);
  save(checkpoints_, manifest_at(1), state, 3);
  const Checkpoint checkpoint = open_checkpoint(folder_of(checkpoints_, 1));
  const StateEntry& weight = state[0];
  for (int64_t begin : {0, 1, 150, 299}) {
    const Slice slice{weight.name, weight.role, weight.tensor.shape(), begin, Tensor::zeros({300 - begin})};
    read_slices(checkpoint, {&slice, 1});
    EXPECT_TRUE(same_bytes(slice.values, weight.tensor.reshape({300}).narrow(0, begin, 300 - begin))) << begin;
  }
}

TEST_F(SaveTest, PartsAreValidSafetensors) {
  const std::vector<StateEntry> state{{"a", TensorRole::parameter, patterned({3, 2}, DType::f32, 1)},
                                      {"b", TensorRole::optimizer, patterned({6}, DType::f32, 2)}};
  save(checkpoints_, manifest_at(1), state, 3);
  const std::filesystem::path folder = folder_of(checkpoints_, 1);
  const SafetensorsFile first(folder / "part_00000.safetensors");
  EXPECT_EQ(first.names(), std::vector<std::string>{"a[0:4]"});
  const SafetensorsFile second(folder / "part_00001.safetensors");
  EXPECT_EQ(second.names(), (std::vector<std::string>{"a[4:6]", "b[0:2]"}));
  EXPECT_TRUE(same_bytes(second.tensor("b[0:2]"), state[1].tensor.narrow(0, 0, 2)));
  save(checkpoints_, manifest_at(2), state, 1);
  const SafetensorsFile whole(folder_of(checkpoints_, 2) / "part_00000.safetensors");
  EXPECT_TRUE(same_bytes(whole.tensor("a"), state[0].tensor));
}

TEST_F(SaveTest, TensorsThatDoNotFitAreNamedBeforeAnythingIsRead) {
  const std::vector<StateEntry> state = some_state(1);
  save(checkpoints_, manifest_at(1), state);
  const Checkpoint checkpoint = open_checkpoint(folder_of(checkpoints_, 1));
  std::vector<StateEntry> wrong = zeros_like(state);
  wrong[1].tensor = Tensor::zeros({5});
  std::string message = error_of([&] { read_into(checkpoint, wrong); });
  EXPECT_NE(message.find("step_00000001: 1 tensor does not fit: 'conv.bias' is parameter f32 [4] in the checkpoint and parameter f32 [5] in this run"),
            std::string::npos) << message;
  expect_same({wrong[0]}, {zeros_like(state)[0]});
  wrong[1].name = "conv.Bias";
  message = error_of([&] { read_into(checkpoint, wrong); });
  EXPECT_NE(message.find("'conv.Bias', f32 [5] in this run, is missing in the checkpoint"), std::string::npos) << message;
  EXPECT_NE(message.find("'conv.bias', f32 [4] in the checkpoint, is unknown to this run"), std::string::npos) << message;
  for (StateEntry& entry : wrong) entry.name += "?";
  message = error_of([&] { read_into(checkpoint, wrong); });
  EXPECT_NE(message.find("18 tensors do not fit"), std::string::npos) << message;
  EXPECT_LT(message.size(), 600u);
}

TEST_F(SaveTest, EvaluationReadsTheWeightsAlone) {
  const std::vector<StateEntry> state = some_state(1);
  save(checkpoints_, manifest_at(1), state);
  const Checkpoint checkpoint = open_checkpoint(folder_of(checkpoints_, 1));
  std::vector<StateEntry> weights = zeros_like(state);
  std::erase_if(weights, [](const StateEntry& entry) { return !is_weight(entry.role); });
  read_into(checkpoint, weights, Match::weights);
  EXPECT_TRUE(same_bytes(weights[0].tensor, state[0].tensor));
  error_of([&] { read_into(checkpoint, weights); });
  weights.pop_back();
  error_of([&] { read_into(checkpoint, weights, Match::weights); });
}

TEST_F(SaveTest, TheSameStepIsReplacedByASecondSave) {
  save(checkpoints_, manifest_at(1), some_state(1));
  const Committed second = save(checkpoints_, manifest_at(1), some_state(2), 2);
  EXPECT_TRUE(second.moved_aside.empty());
  const std::vector<StateEntry> back = zeros_like(some_state(1));
  read_into(open_checkpoint(second.path), back);
  expect_same(back, some_state(2));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(checkpoints_), {}), 1);
}

TEST_F(SaveTest, AnUnsoundOneOfTheSameStepIsMovedAside) {
  for (int round = 1; round <= 3; ++round) {
    const std::filesystem::path folder = folder_of(checkpoints_, 1);
    std::filesystem::create_directories(folder);
    overwrite(folder / "round", std::to_string(round));
    std::filesystem::remove(folder / kManifestFile);
    const Committed committed = save(checkpoints_, manifest_at(1), some_state(1));
    EXPECT_EQ(committed.moved_aside, with_suffix(folder, round == 1 ? ".unsound" : fmt::format(".unsound.{}", round).c_str()));
    EXPECT_EQ(read_file(committed.moved_aside / "round", ErrorKind::data), std::to_string(round));
    verify_part(open_checkpoint(folder), 0, 1);
  }
}

TEST_F(SaveTest, AMissingPartIsNoCommit) {
  save(checkpoints_, manifest_at(1), some_state(1));
  const std::filesystem::path temporary = begin(checkpoints_, 2);
  std::vector<PartRecord> records;
  for (int part = 0; part < 2; ++part) records.push_back(write_part(temporary, plan_part(some_state(1), part, 2), part));
  std::string message = error_of([&] { commit(checkpoints_, manifest_at(2), {records.data(), 1}); });
  EXPECT_NE(message.find("are stored"), std::string::npos) << message;
  std::filesystem::remove(temporary / "part_00001.safetensors");
  message = error_of([&] { commit(checkpoints_, manifest_at(2), records); });
  EXPECT_NE(message.find("part_00001.safetensors: a rank wrote this file, but it is not here"), std::string::npos) << message;
  abandon(checkpoints_, 2);
  ASSERT_EQ(list_checkpoints(checkpoints_).size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(temporary));
}

TEST_F(SaveTest, TextOfAnyBytesComesBackAndABadNameIsRefused) {
  Manifest manifest = manifest_at(1);
  manifest.recipe = manifest.platform = manifest.data_set = "not UTF-8: \xff\xfe";
  save(checkpoints_, manifest, some_state(1));
  EXPECT_EQ(open_checkpoint(folder_of(checkpoints_, 1)).manifest.recipe, manifest.recipe);
  std::vector<StateEntry> state = some_state(1);
  state[0].name = "\xff";
  EXPECT_NE(error_of([&] { save(checkpoints_, manifest_at(2), state); }).find("is not UTF-8"), std::string::npos);
  state[0].name = state[1].name;
  EXPECT_NE(error_of([&] { save(checkpoints_, manifest_at(2), state); }).find("'conv.bias'"), std::string::npos);
  EXPECT_EQ(list_checkpoints(checkpoints_).size(), 1u);
}

/// Limits the size of files, as a full disk does, while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t limit_bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{limit_bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(SaveTest, AFullDiskLeavesTheLastCheckpointAndNoRemains) {
  const std::vector<StateEntry> state = some_state(1);
  save(checkpoints_, manifest_at(1), state);
  const auto part_bytes = open_checkpoint(folder_of(checkpoints_, 1)).manifest.files[0].size_bytes;
  for (rlim_t limit : {rlim_t{0}, rlim_t{100}, rlim_t{part_bytes - 1}}) {
    const FileSizeLimit limited(limit);
    const std::string message = error_of([&] { save(checkpoints_, manifest_at(2), state); });
    EXPECT_NE(message.find("step_00000002.tmp/part_00000.safetensors: cannot write: "), std::string::npos) << message;
    EXPECT_NE(message.find("; make room there"), std::string::npos) << message;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(checkpoints_), {}), 1);
  }
  std::vector<std::string> skipped;
  EXPECT_EQ(newest_sound(checkpoints_, skipped)->manifest.step, 1);
  EXPECT_TRUE(skipped.empty());
}

TEST_F(SaveTest, AProcessKilledWhileSavingLeavesOnlySoundCheckpoints) {
  save(checkpoints_, manifest_at(1), some_state(1));
  for (int round = 0; round < 8; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int64_t step = 1;; step = step % 5 + 1) save(checkpoints_, manifest_at(step), some_state(static_cast<uint32_t>(step)), 2);
    }
    ::usleep(static_cast<useconds_t>(3000 + 2500 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    remove_leftovers(checkpoints_);
    const std::vector<Found> found = list_checkpoints(checkpoints_);
    ASSERT_FALSE(found.empty());
    for (const Found& one : found) verify_part(open_checkpoint(one.path), 0, 1);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(checkpoints_), {}), static_cast<ptrdiff_t>(found.size()));
  }
}

}  // namespace
}  // namespace tessera::checkpoint
