// SPDX-License-Identifier: Apache-2.0
// A flipped bit, a cut or a missing file is found wherever it is, and an older sound checkpoint is taken instead.
#include "core/checkpoint/folder.h"
#include "core/checkpoint/reader.h"
#include "core/checkpoint/writer.h"
#include "tests/core/checkpoint/fixture.h"

namespace tessera::checkpoint {
namespace {

class DamageTest : public CheckpointTest {
 protected:
  DamageTest() {
    save(checkpoints_, manifest_at(1), some_state(1), 2);
    save(checkpoints_, manifest_at(2), some_state(2), 2);
    folder_ = folder_of(checkpoints_, 2);
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) files_.push_back(entry.path());
    EXPECT_EQ(files_.size(), 4u);
  }

  /// The message by which the newest checkpoint was passed over.
  std::string why_skipped() {
    std::vector<std::string> skipped;
    const auto found = newest_sound(checkpoints_, skipped);
    EXPECT_TRUE(found && found->manifest.step == 1);
    EXPECT_EQ(skipped.size(), 1u);
    return skipped.empty() ? "" : skipped[0];
  }

  std::filesystem::path folder_;
  std::vector<std::filesystem::path> files_;
};

TEST_F(DamageTest, AFlippedBitAnywhere) {
  for (const std::filesystem::path& path : files_) {
    const std::string content = read_file(path, ErrorKind::data);
    for (size_t byte = 0; byte < content.size(); byte += byte < 300 ? 1 : 37) {
      std::string damaged = content;
      damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << (byte % 8)));
      overwrite(path, damaged);
      std::vector<std::string> skipped;
      EXPECT_EQ(newest_sound(checkpoints_, skipped)->manifest.step, 1) << path << " byte " << byte;
    }
    EXPECT_NE(why_skipped().find("damaged"), std::string::npos);
    overwrite(path, content);
  }
  std::vector<std::string> skipped;
  EXPECT_EQ(newest_sound(checkpoints_, skipped)->manifest.step, 2);
}

TEST_F(DamageTest, ACutALongerAndAMissingFile) {
  for (const std::filesystem::path& path : files_) {
    const std::string content = read_file(path, ErrorKind::data);
    for (size_t size : {size_t{0}, size_t{7}, content.size() / 2, content.size() - 1}) {
      overwrite(path, content.substr(0, size));
      EXPECT_NE(why_skipped().find(folder_.string()), std::string::npos);
    }
    overwrite(path, content + "x");
    EXPECT_NE(why_skipped().find(path.string()), std::string::npos);
    std::filesystem::remove(path);
    EXPECT_NE(why_skipped().find(path.filename().string()), std::string::npos);
    std::filesystem::create_directory(path);
    EXPECT_NE(why_skipped().find(path.filename().string()), std::string::npos);
    std::filesystem::remove(path);
    overwrite(path, content);
  }
}

TEST_F(DamageTest, ReadingFindsItWithoutVerifyingFirst) {
  const std::filesystem::path path = folder_ / "part_00001.safetensors";
  std::string content = read_file(path, ErrorKind::data);
  content.back() = static_cast<char>(content.back() ^ 1);
  overwrite(path, content);
  const Checkpoint checkpoint = open_checkpoint(folder_);
  const std::vector<StateEntry> state = zeros_like(some_state(1));
  const std::string message = error_of([&] { read_into(checkpoint, state); });
  EXPECT_NE(message.find("part_00001.safetensors: the checksum of tensor 'mask' does not hold"), std::string::npos) << message;
  verify_part(checkpoint, 0, 2);
  error_of([&] { verify_part(checkpoint, 1, 2); });
}

TEST_F(DamageTest, NoSoundOneAtAllIsNoError) {
  std::vector<std::string> skipped;
  EXPECT_FALSE(newest_sound(out_ / "nowhere", skipped));
  EXPECT_TRUE(skipped.empty());
  for (int64_t step : {1, 2}) overwrite(folder_of(checkpoints_, step) / kManifestFile, "junk");
  EXPECT_FALSE(newest_sound(checkpoints_, skipped));
  EXPECT_EQ(skipped.size(), 2u);
}

TEST_F(DamageTest, OpeningWhatIsNoCheckpointSaysSo) {
  EXPECT_NE(error_of([&] { open_checkpoint(out_ / "nowhere"); }).find("there is no such folder"), std::string::npos);
  EXPECT_NE(error_of([&] { open_checkpoint(out_); }).find("there is no manifest.pb"), std::string::npos);
  EXPECT_NE(error_of([&] { open_checkpoint(folder_ / kManifestFile); }).find("there is no such folder"), std::string::npos);
}

}  // namespace
}  // namespace tessera::checkpoint
