// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/retention.h"

#include "core/checkpoint/folder.h"
#include "core/checkpoint/reader.h"
#include "core/checkpoint/writer.h"
#include "tests/core/checkpoint/fixture.h"

namespace tessera::checkpoint {
namespace {

class RetentionTest : public CheckpointTest {
 protected:
  void save_steps(std::initializer_list<int64_t> steps) {
    for (int64_t step : steps) save(checkpoints_, manifest_at(step), some_state(1));
  }
  std::vector<int64_t> steps() {
    std::vector<int64_t> steps;
    for (const Found& found : list_checkpoints(checkpoints_)) steps.push_back(found.step);
    return steps;
  }
};

TEST_F(RetentionTest, ListIsNewestFirstAndPassesOverJunk) {
  save_steps({5, 300, 20, 123456789});
  for (const char* junk : {"step_5", "step_00000007.tmp", "step_x0000009", "step_-0000001", "step_00000008.unsound", "notes", "step_",
                           "step_99999999999999999999999"}) {
    std::filesystem::create_directory(checkpoints_ / junk);
  }
  overwrite(checkpoints_ / "step_00000400", "a file");
  EXPECT_EQ(steps(), (std::vector<int64_t>{123456789, 300, 20, 5}));
  EXPECT_TRUE(list_checkpoints(out_ / "nowhere").empty());
  EXPECT_TRUE(list_checkpoints(checkpoints_ / "step_00000400").empty());
}

TEST_F(RetentionTest, KeepsTheNewest) {
  save_steps({1, 2, 3, 4});
  EXPECT_EQ(retain_newest(checkpoints_, 3), std::vector{folder_of(checkpoints_, 1)});
  EXPECT_EQ(steps(), (std::vector<int64_t>{4, 3, 2}));
  EXPECT_TRUE(retain_newest(checkpoints_, 3).empty());
  retain_newest(checkpoints_, 0);
  EXPECT_EQ(steps(), std::vector<int64_t>{4});
}

TEST_F(RetentionTest, OneMayBeKeptBesideTheNewest) {
  save_steps({1, 2, 3, 4});
  retain_newest(checkpoints_, 2, 1);
  EXPECT_EQ(steps(), (std::vector<int64_t>{4, 3, 1}));
  retain_newest(checkpoints_, 2, 4);
  EXPECT_EQ(steps(), (std::vector<int64_t>{4, 3, 1}));
  retain_newest(checkpoints_, 1, 7);
  EXPECT_EQ(steps(), std::vector<int64_t>{4});
}

TEST_F(RetentionTest, WhatIsNotCompleteIsNeitherCountedNorTouched) {
  save_steps({1, 2, 3, 4});
  std::filesystem::remove(folder_of(checkpoints_, 4) / kManifestFile);
  overwrite(folder_of(checkpoints_, 3) / "part_00000.safetensors", "cut");
  std::filesystem::create_directory(checkpoints_ / "mine");
  retain_newest(checkpoints_, 1);
  EXPECT_EQ(steps(), (std::vector<int64_t>{4, 3, 2}));
  verify_part(open_checkpoint(folder_of(checkpoints_, 2)), 0, 1);
  EXPECT_TRUE(std::filesystem::exists(checkpoints_ / "mine"));
}

TEST_F(RetentionTest, LeftoversOfADeadRunGo) {
  save_steps({1, 2, 3});
  const auto rename = [&](int64_t step, const char* suffix) {
    std::filesystem::rename(folder_of(checkpoints_, step), with_suffix(folder_of(checkpoints_, step), suffix));
  };
  rename(2, ".replaced");  // died between two renames
  rename(3, ".removing");
  for (const char* name : {"step_00000009.tmp", "step_00000001.replaced", "mine.tmp", "step_9.tmp", "step_00000008.unsound"}) {
    std::filesystem::create_directories(checkpoints_ / name / "below");
  }
  remove_leftovers(checkpoints_);
  EXPECT_EQ(steps(), (std::vector<int64_t>{2, 1}));
  verify_part(open_checkpoint(folder_of(checkpoints_, 2)), 0, 1);
  for (const char* gone : {"step_00000009.tmp", "step_00000001.replaced", "step_00000003.removing"}) EXPECT_FALSE(std::filesystem::exists(checkpoints_ / gone));
  for (const char* kept : {"mine.tmp", "step_9.tmp", "step_00000008.unsound"}) EXPECT_TRUE(std::filesystem::exists(checkpoints_ / kept));
  remove_leftovers(out_ / "nowhere");
}

}  // namespace
}  // namespace tessera::checkpoint
