// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/token_shards.h"
#include "core/data/token_windows.h"
#include "core/data/tokenize.h"
#include "core/text/characters.h"
#include "tests/temporary_folder.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

class Tokens : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& content) const {
    write_file_atomically(folder_.path() / name, content, ErrorKind::runtime);
    return folder_.path() / name;
  }

  fs::path compressed(const std::string& name, const std::string& content) const {
    const gzFile file = gzopen((folder_.path() / name).c_str(), "wb");
    gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
    gzclose(file);
    return folder_.path() / name;
  }

  /// Of the letters, in order, so that 'a' is 0.
  const text::CharacterTokenizer letters_ = text::CharacterTokenizer("abcdefghijklmnopqrstuvwxyz", "letters");
  test::TemporaryFolder folder_;
};

template <typename Action>
std::string refusal(Action action, ErrorKind kind = ErrorKind::data) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "none";
}

std::vector<ShardToken> tokens_in(const fs::path& folder, int shards) {
  std::vector<ShardToken> all;
  for (int i = 0; i < shards; ++i) {
    const TokenShard shard(folder / ("tokens_00000" + std::to_string(i) + ".bin"));
    all.insert(all.end(), shard.tokens().begin(), shard.tokens().end());
  }
  return all;
}

TEST_F(Tokens, ShardsAreAsLlmcWritesThem) {
  const std::vector<ShardToken> tokens = {1, 50256, 65535};
  const fs::path path = folder_.path() / "s.bin";
  write_token_shard(path, tokens);
  const std::string bytes = read_file(path, ErrorKind::data);
  ASSERT_EQ(bytes.size(), 1024u + 6u);
  int32_t header[3];
  std::memcpy(header, bytes.data(), sizeof header);
  EXPECT_EQ(header[0], 20240520);
  EXPECT_EQ(header[1], 1);
  EXPECT_EQ(header[2], 3);
  EXPECT_EQ(bytes.substr(1024), std::string("\x01\0\x50\xC4\xFF\xFF", 6));
  const TokenShard shard(path);
  EXPECT_EQ(std::vector<ShardToken>(shard.tokens().begin(), shard.tokens().end()), tokens);
}

TEST_F(Tokens, BrokenShardsAreRefused) {
  const fs::path path = folder_.path() / "s.bin";
  write_token_shard(path, std::vector<ShardToken>(100, 7));
  const std::string sound = read_file(path, ErrorKind::data);
  const auto opened = [&](const std::string& bytes) { return refusal([&] { TokenShard shard(write("broken.bin", bytes)); }); };
  EXPECT_NE(opened(sound.substr(0, 100)).find("less than a header"), std::string::npos);
  EXPECT_NE(opened(sound.substr(0, 1024 + 50)).find("header says 100 tokens, and it holds 25"), std::string::npos);
  EXPECT_NE(opened(sound + "xy").find("it holds 101"), std::string::npos);
  EXPECT_NE(opened(sound + "x").find("cut short or too long"), std::string::npos);
  EXPECT_NE(opened("\x7f" + sound.substr(1)).find("no token shard"), std::string::npos);
  EXPECT_NE(opened(sound.substr(0, 4) + "\x02" + sound.substr(5)).find("version is 2"), std::string::npos);
}

/// Texts, lines of JSON and compressed files, in shards of seven tokens, by any number of threads.
TEST_F(Tokens, FilesDoNotDependOnThreads) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += R"({"id": 1, "body": ")" + std::string(static_cast<size_t>(i % 9), static_cast<char>('a' + i % 26)) + "\"}\n\n";
  TokenizePlan plan;
  plan.inputs = {write("a.txt", "hello"), compressed("b.jsonl.gz", lines), compressed("c.txt.gz", "world"), write("d.txt", "")};
  plan.key = "body";
  plan.shard_tokens = 7;
  std::vector<ShardToken> first;
  for (const int threads : {1, 3}) {
    plan.out = folder_.path() / std::to_string(threads);
    plan.threads = threads;
    const TokenizeProgress done = tokenize_files(letters_, plan, [](const TokenizeProgress&) {});
    EXPECT_EQ(done.shards, (done.tokens + 6) / 7);
    EXPECT_EQ(done.done_bytes, done.all_bytes);
    const std::vector<ShardToken> tokens = tokens_in(plan.out, 10);
    EXPECT_EQ(std::vector<ShardToken>(tokens.begin(), tokens.begin() + 5), (std::vector<ShardToken>{7, 4, 11, 11, 14}));
    if (threads == 1) first = tokens;
    EXPECT_EQ(tokens, first);
  }
}

/// Stopped after every shard, it goes on there, and the files are the same.
TEST_F(Tokens, GoesOnBehindTheLastShard) {
  TokenizePlan plan;
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += R"({"text": ")" + std::string(static_cast<size_t>(1 + i % 20), static_cast<char>('a' + i % 26)) + "\"}\n";
  plan.inputs = {write("a.txt", "thequickbrownfox"), write("b.jsonl", lines)};
  plan.shard_tokens = 13;
  plan.out = folder_.path() / "whole";
  const TokenizeProgress whole = tokenize_files(letters_, plan, [](const TokenizeProgress&) {});
  const fs::path state = plan.out / "tokens.json";
  ASSERT_GT(whole.shards, 9);
  plan.out = folder_.path() / "parts";
  struct Stop {};
  // An observer that throws stands for a kill: it comes after every batch, and what is not a finished shard is lost.
  for (bool stopped = true; stopped;) {
    stopped = false;
    try {
      tokenize_files(letters_, plan, [&](const TokenizeProgress& at) {
        if (at.resumed_bytes == 0) throw Stop();
      });
    } catch (const Stop&) {
      stopped = true;
      ASSERT_TRUE(fs::exists(plan.out / "tokens_000000.bin"));
    }
  }
  EXPECT_EQ(tokens_in(plan.out, 9), tokens_in(folder_.path() / "whole", 9));
  EXPECT_EQ(read_file(plan.out / "tokens.json", ErrorKind::data), read_file(state, ErrorKind::data));
  EXPECT_EQ(tokenize_files(letters_, plan, [](const TokenizeProgress&) { FAIL() << "there was nothing to do"; }).tokens, whole.tokens);
  plan.shard_tokens = 14;
  EXPECT_NE(refusal([&] { tokenize_files(letters_, plan, [](const TokenizeProgress&) {}); }, ErrorKind::usage).find("by other settings"), std::string::npos);
}

TEST_F(Tokens, BrokenTextsAreRefused) {
  TokenizePlan plan;
  plan.out = folder_.path() / "out";
  const auto tokenized = [&](const fs::path& input) {
    plan.inputs = {input};
    return refusal([&] { tokenize_files(letters_, plan, [](const TokenizeProgress&) {}); });
  };
  EXPECT_NE(tokenized(write("a.jsonl", "{\"text\": \"a\"}\n{\"text\": 1}\n")).find("a.jsonl:2: the line has no text under 'text'"), std::string::npos);
  EXPECT_NE(tokenized(write("b.jsonl", "{\"text\": \n")).find("b.jsonl:1: the line is no JSON"), std::string::npos);
  EXPECT_NE(tokenized(write("c.txt", "abC")).find("U+0043 at byte 2"), std::string::npos);
  EXPECT_NE(tokenized(folder_.path() / "none.txt").find("no such file"), std::string::npos);
  const std::string broken = read_file(compressed("d.txt.gz", std::string(1000, 'a')), ErrorKind::data);
  EXPECT_NE(tokenized(write("e.txt.gz", broken.substr(0, broken.size() / 2))).find("truncated"), std::string::npos);
}

std::vector<std::vector<int64_t>> sample(const Dataset& dataset, int64_t index) {
  const auto context = static_cast<size_t>(dataset.fields()[0].shape[0]);
  std::vector<std::vector<int64_t>> fields(2, std::vector<int64_t>(context));
  std::byte* const places[] = {reinterpret_cast<std::byte*>(fields[0].data()), reinterpret_cast<std::byte*>(fields[1].data())};
  dataset.read(index, {}, places);
  return fields;
}

TEST_F(Tokens, WindowsOfShards) {
  write_token_shard(folder_.path() / "t_0.bin", std::vector<ShardToken>{0, 1, 2, 3, 4, 5, 6});
  write_token_shard(folder_.path() / "t_1.bin", std::vector<ShardToken>{10, 11, 12, 13, 14});
  TokensConfig config;
  config.root = folder_.path().string();
  config.train = "t_*.bin";
  config.context = 2;
  const auto dataset = open_tokens(config, "train");
  ASSERT_EQ(dataset->samples(), 5);
  EXPECT_EQ(sample(*dataset, 2), (std::vector<std::vector<int64_t>>{{4, 5}, {5, 6}}));
  EXPECT_EQ(sample(*dataset, 3), (std::vector<std::vector<int64_t>>{{10, 11}, {11, 12}}));
  EXPECT_EQ(dataset->classes(), std::nullopt);
  config.vocabulary = 14;
  const auto bounded = open_tokens(config, "train");
  EXPECT_EQ(bounded->classes(), 14);
  EXPECT_NE(bounded->fingerprint(), dataset->fingerprint());
  EXPECT_NE(refusal([&] { sample(*bounded, 4); }).find("t_1.bin: token 4 is 14, but the vocabulary has 14 tokens"), std::string::npos);
  config.context = 5;
  EXPECT_NE(refusal([&] { open_tokens(config, "train"); }).find("t_1.bin: it holds 5 tokens, but a window takes 6"), std::string::npos);
  EXPECT_NE(refusal([&] { open_tokens(config, "test"); }, ErrorKind::usage).find("there is train"), std::string::npos);
}

TEST_F(Tokens, WindowsOfText) {
  TextConfig config;
  config.root = write("t.txt", "abcabcabc\u00e9\u00e9x").string();
  config.context = 3;
  config.validation_share = 0.25;
  const auto train = open_text(config, "train");
  EXPECT_EQ(train->classes(), 5);
  ASSERT_EQ(train->samples(), 2);
  EXPECT_EQ(sample(*train, 1), (std::vector<std::vector<int64_t>>{{0, 1, 2}, {1, 2, 0}}));
  EXPECT_NE(refusal([&] { open_text(config, "validation"); }).find("holds 3 tokens"), std::string::npos) << "a character is not cut in two";
  config.context = 2;
  const auto validation = open_text(config, "validation");
  ASSERT_EQ(validation->samples(), 1);
  EXPECT_EQ(sample(*validation, 0), (std::vector<std::vector<int64_t>>{{4, 4}, {4, 3}}));
}

}  // namespace
}  // namespace tessera::data
