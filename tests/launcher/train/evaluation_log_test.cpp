// SPDX-License-Identifier: Apache-2.0
// What is done of an evaluation survives its process, and what was torn or damaged is left out.
#include "launcher/train/evaluation_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "tests/temporary_folder.h"

namespace tessera::launcher {
namespace {

namespace fs = std::filesystem;

DoneChunk chunk(int64_t number, bool with_rows) {
  DoneChunk done{number, 4, number % 2, {number, -number, 7}, {}, {}, {}};
  if (!with_rows) return done;
  const std::vector<float> outputs = {static_cast<float>(number), 0.5f, -1.0f, 2.0f};
  const std::vector<int64_t> targets = {number, 3};
  done.classes = ClassCounts(4, true);
  done.classes.add(3, number % 4, 5);
  done.outputs = Tensor::of<float>(outputs, {2, 2});
  done.targets = Tensor::of<int64_t>(targets, {2});
  return done;
}

void expect_equal(const DoneChunk& a, const DoneChunk& b) {
  EXPECT_EQ(a.chunk, b.chunk);
  EXPECT_EQ(a.samples, b.samples);
  EXPECT_EQ(a.skipped_samples, b.skipped_samples);
  EXPECT_EQ(a.words, b.words);
  ASSERT_EQ(a.classes.classes(), b.classes.classes());
  EXPECT_TRUE(std::ranges::equal(a.classes.words(), b.classes.words()));
  ASSERT_EQ(a.outputs.defined(), b.outputs.defined());
  if (!a.outputs.defined()) return;
  ASSERT_EQ(a.outputs.shape(), b.outputs.shape());
  ASSERT_EQ(a.targets.dtype(), b.targets.dtype());
  EXPECT_EQ(std::memcmp(a.outputs.bytes(), b.outputs.bytes(), a.outputs.size_bytes()), 0);
  EXPECT_EQ(std::memcmp(a.targets.bytes(), b.targets.bytes(), a.targets.size_bytes()), 0);
}

class EvaluationLogs : public testing::Test {
 protected:
  /// A run of one rank that does these chunks.
  void run(int64_t rank, std::initializer_list<int64_t> chunks, bool with_rows = true) {
    EvaluationLog log(path(), rank);
    for (const int64_t number : chunks) log.add(chunk(number, with_rows));
  }
  std::vector<DoneChunk> read() const { return EvaluationLog(path(), 0).read(); }
  fs::path path() const { return folder_.path() / "out" / "evaluation.partial"; }

  test::TemporaryFolder folder_;
};

TEST_F(EvaluationLogs, HoldWhatAllRanksOfAllRunsHaveDone) {
  EXPECT_TRUE(read().empty());
  run(0, {0, 2});
  run(1, {1});
  run(0, {3, 1});  // of a later run, to which the host of rank 1 showed nothing
  std::vector<DoneChunk> found = read();
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.chunk < b.chunk; });
  ASSERT_EQ(found.size(), 4u);
  for (int64_t number = 0; number < 4; ++number) expect_equal(found[static_cast<size_t>(number)], chunk(number, true));
  EvaluationLog(path(), 0).remove();
  EXPECT_FALSE(fs::exists(path()));
  EXPECT_TRUE(read().empty());
}

TEST_F(EvaluationLogs, NeedNoPredictions) {
  run(0, {5}, false);
  ASSERT_EQ(read().size(), 1u);
  expect_equal(read()[0], chunk(5, false));
}

TEST_F(EvaluationLogs, ATornOrDamagedRecordEndsAFile) {
  run(0, {0, 1});
  const fs::path file = fs::directory_iterator(path())->path();
  const std::string bytes = read_file(file, ErrorKind::runtime);
  ASSERT_EQ(bytes.size() % 2, 0u);
  const auto found_of = [&](const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
    return read().size();
  };
  for (size_t size = 0; size < bytes.size(); ++size) ASSERT_EQ(found_of(bytes.substr(0, size)), size < bytes.size() / 2 ? 0u : 1u) << size;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    ASSERT_EQ(found_of(damaged), at < bytes.size() / 2 ? 0u : 1u) << at;
  }
}

TEST_F(EvaluationLogs, AFolderThatCannotBeWrittenIsNoError) {
  std::ofstream(folder_.path() / "out") << "in the way";
  run(0, {0, 1});
  EXPECT_TRUE(read().empty());
}

}  // namespace
}  // namespace tessera::launcher
