// SPDX-License-Identifier: Apache-2.0
// Patterns of shards, and the indexes of shards.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "core/base/file.h"
#include "core/data/shard_index.h"
#include "core/data/shard_indexer.h"
#include "core/data/shard_pattern.h"
#include "tests/core/data/expect.h"
#include "tests/core/format/tar_builder.h"
#include "tests/temporary_folder.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;
using test::tar_end, test::tar_member;

TEST(ShardPattern, BracesMultiplyAndKeepTheirDigits) {
  EXPECT_EQ(expand_braces("a.tar", "k"), std::vector<std::string>{"a.tar"});
  EXPECT_EQ(expand_braces("a-{008..010}.tar", "k"), (std::vector<std::string>{"a-008.tar", "a-009.tar", "a-010.tar"}));
  EXPECT_EQ(expand_braces("{x,y}{1..2}", "k"), (std::vector<std::string>{"x1", "x2", "y1", "y2"}));
  EXPECT_EQ(expand_braces("{a,}b", "k"), (std::vector<std::string>{"ab", "b"}));
}

TEST(ShardPattern, NonsenseIsRefused) {
  for (const char* pattern : {"{", "}", "a}b{", "{3..1}", "{a..b}", "{..}", "{1..2", "{0..9999999}", "{0..999}{0..9999}", "{1..99999999999999999999}"}) {
    expect_in("data.train", message_of([&] { expand_braces(pattern, "data.train"); }));
  }
}

TEST(ShardPattern, FindsFilesInOrder) {
  const test::TemporaryFolder folder;
  for (const char* name : {"b-1.tar", "b-0.tar", "a-0.tar", "c.txt"}) std::ofstream(folder.path() / name) << "x";
  const auto names = [&](const std::string& pattern) {
    std::string text;
    for (const fs::path& path : find_shards(folder.path(), pattern, "data.train")) text += path.filename().string() + " ";
    return text;
  };
  EXPECT_EQ(names("*.tar"), "a-0.tar b-0.tar b-1.tar ");
  EXPECT_EQ(names("{b,a}-?.tar"), "b-0.tar b-1.tar a-0.tar ");
  EXPECT_EQ(names("b-{1..1}.tar"), "b-1.tar ");
  expect_in("b-2.tar: there is no such shard", message_of([&] { names("b-{0..2}.tar"); }));
  expect_in("data.train", message_of([&] { names("z*.tar"); }));
}

/// Shards in a folder of their own.
class Shards : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& members) const {
    write_file_atomically(folder_.path() / name, members + tar_end(), ErrorKind::data);
    return folder_.path() / name;
  }
  static std::string sample(const std::string& key, const std::string& image, int label) {
    return tar_member(key + ".jpg", image) + tar_member(key + ".cls", std::to_string(label) + "\n");
  }
  std::string scan_error(const std::string& members) const {
    const fs::path shard = write("bad.tar", members);
    return message_of([&] { scan_shard(shard); });
  }

  test::TemporaryFolder folder_;
};

TEST_F(Shards, AScanFindsImagesAndClassesInAnyOrderOfASample) {
  const fs::path shard = write("a.tar", sample("x/1", "first", 7) + tar_member("README", "no sample") + tar_member("x/2.cls", " 3 ") +
                                            tar_member("x/2.json", "{}") + tar_member("x/2.PNG", "second"));
  const ShardIndex index = scan_shard(shard);
  ASSERT_EQ(index.samples.size(), 2u);
  EXPECT_EQ(index.names, (std::vector<std::string>{"x/1.jpg", "x/2.PNG"}));
  EXPECT_EQ(index.samples[0].label, 7);
  EXPECT_EQ(index.samples[1].label, 3);
  const std::string bytes = read_file(shard, ErrorKind::data);
  EXPECT_EQ(bytes.substr(index.samples[0].offset_bytes, index.samples[0].size_bytes), "first");
  EXPECT_EQ(bytes.substr(index.samples[1].offset_bytes, index.samples[1].size_bytes), "second");
  EXPECT_EQ(index.shard_bytes, bytes.size());
}

TEST_F(Shards, BadSamplesAreNamed) {
  expect_in("bad.tar:2.jpg: the sample has no .cls", scan_error(sample("1", "i", 0) + tar_member("2.jpg", "i")));
  expect_in("bad.tar:2.cls: the sample has no image", scan_error(tar_member("2.cls", "1")));
  expect_in("two images", scan_error(tar_member("1.jpg", "i") + tar_member("1.png", "i")));
  expect_in("two .cls", scan_error(tar_member("1.cls", "1") + tar_member("1.cls", "1")));
  expect_in("sort them by name", scan_error(tar_member("1.jpg", "i") + tar_member("2.jpg", "i") + tar_member("1.cls", "0")));
  for (const char* text : {"", "cat", "-1", "1.5", "99999999999", "1 2"}) {
    expect_in("bad.tar:1.cls: it holds no class id", scan_error(tar_member("1.jpg", "i") + tar_member("1.cls", text)));
  }
  expect_in("no sample", scan_error(tar_member("README", "x")));
  expect_in("cannot open", message_of([&] { scan_shard(folder_.path() / "none.tar"); }));
  const fs::path packed = folder_.path() / "packed.tar";
  write_file_atomically(packed, "\x1f\x8b rest", ErrorKind::data);
  expect_in("compressed", message_of([&] { scan_shard(packed); }));
}

TEST_F(Shards, AnIndexSurvivesItsBytes) {
  const ShardIndex index = scan_shard(write("a.tar", sample("1", "first", 7) + sample("2", "second", 0)));
  const std::string bytes = encode_index(index);
  const ShardIndex again = decode_index(std::as_bytes(std::span(bytes)), "i");
  EXPECT_EQ(encode_index(again), bytes);
  EXPECT_EQ(again.names, index.names);
  EXPECT_EQ(again.samples[1].offset_bytes, index.samples[1].offset_bytes);
}

TEST_F(Shards, EveryChangedByteOfAnIndexIsNoticed) {
  const std::string bytes = encode_index(scan_shard(write("a.tar", sample("1", "first", 7))));
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    expect_in("i.index: not a sound index", message_of([&] { decode_index(std::as_bytes(std::span(damaged)), "i.index"); }));
    expect_in("not a sound index", message_of([&] { decode_index(std::as_bytes(std::span(bytes).first(at)), "i.index"); }));
  }
}

struct Said {
  std::vector<std::string> lines;
  int64_t done = 0, all = 0;
  PrepareObserver observer{[this](const std::string& line) { lines.push_back(line); }, [this](int64_t d, int64_t a) {
                             done = d;
                             all = a;
                           },
                           [] { return false; }};
};

TEST_F(Shards, IndexesAreMadeOnceAndAnewWhereTheyDoNotFit) {
  std::vector<fs::path> shards;
  for (int i = 0; i < 20; ++i) shards.push_back(write("s" + std::to_string(i) + ".tar", sample("1", "image", i)));
  Said said;
  index_shards(shards, {}, said.observer);
  EXPECT_TRUE(said.lines.empty());
  EXPECT_EQ(said.done, 20);
  EXPECT_EQ(said.all, 20);
  for (const fs::path& shard : shards) ASSERT_TRUE(find_index(shard, index_file(shard, {})).index) << shard;

  const auto time_of = [&](int i) { return fs::last_write_time(index_file(shards[static_cast<size_t>(i)], {})); };
  const auto before = time_of(0);
  fs::resize_file(index_file(shards[3], {}), 50);
  write("s5.tar", sample("1", "another image", 5));
  fs::last_write_time(shards[6], fs::last_write_time(shards[6]) + std::chrono::seconds(1));
  fs::remove(index_file(shards[7], {}));
  index_shards(shards, {}, said.observer);
  EXPECT_EQ(time_of(0), before) << "a sound index is kept";
  ASSERT_EQ(said.lines.size(), 3u);
  std::sort(said.lines.begin(), said.lines.end());
  expect_in("s3.tar.index: not a sound index", said.lines[0]);
  expect_in("s5.tar.index: the shard has changed", said.lines[1]);
  expect_in("s6.tar.index: the shard has changed", said.lines[2]);
  for (const fs::path& shard : shards) ASSERT_TRUE(find_index(shard, index_file(shard, {})).index) << shard;
}

TEST_F(Shards, ABadShardEndsTheIndexingAndTheOthersIndexesStay) {
  const std::vector<fs::path> shards = {write("a.tar", sample("1", "i", 0)), write("b.tar", tar_member("1.jpg", "i"))};
  expect_in("b.tar:1.jpg", message_of([&] { index_shards(shards, {}, {}); }));
  EXPECT_TRUE(find_index(shards[0], index_file(shards[0], {})).index);
}

TEST_F(Shards, AnIndexingThatIsStoppedGoesOnWhereItWas) {
  std::vector<fs::path> shards;
  for (int i = 0; i < 200; ++i) shards.push_back(write("s" + std::to_string(i) + ".tar", sample("1", "image", i)));
  PrepareObserver impatient;
  impatient.stop = [] { return true; };
  const bool all = index_shards(shards, {}, impatient);
  std::vector<std::pair<fs::path, fs::file_time_type>> made;
  for (const fs::path& shard : shards) {
    const fs::path index = index_file(shard, {});
    if (fs::exists(index)) made.emplace_back(index, fs::last_write_time(index));
  }
  EXPECT_EQ(all, made.size() == shards.size());
  EXPECT_TRUE(index_shards(shards, {}, {}));
  for (const fs::path& shard : shards) ASSERT_TRUE(find_index(shard, index_file(shard, {})).index) << shard;
  for (const auto& [index, time] : made) EXPECT_EQ(fs::last_write_time(index), time) << "what a stopped run made is kept";
}

TEST_F(Shards, ACacheFolderTellsShardsOfOneNameApart) {
  fs::create_directories(folder_.path() / "x");
  fs::create_directories(folder_.path() / "y");
  const std::vector<fs::path> shards = {write("x/a.tar", sample("1", "i", 1)), write("y/a.tar", sample("1", "i", 2))};
  const fs::path cache = folder_.path() / "cache" / "deep";
  index_shards(shards, cache, {});
  EXPECT_FALSE(fs::exists(index_file(shards[0], {})));
  EXPECT_EQ(find_index(shards[0], index_file(shards[0], cache)).index->samples[0].label, 1);
  EXPECT_EQ(find_index(shards[1], index_file(shards[1], cache)).index->samples[0].label, 2);
}

TEST_F(Shards, AnIndexThatCannotBeWrittenNamesTheKey) {
  const fs::path shard = write("a.tar", sample("1", "i", 0));
  std::ofstream(folder_.path() / "file") << "in the way";
  expect_in("data.index_cache", message_of([&] { index_shards({shard}, folder_.path() / "file", {}); }));
}

}  // namespace
}  // namespace tessera::data
