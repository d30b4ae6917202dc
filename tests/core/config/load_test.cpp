// SPDX-License-Identifier: Apache-2.0
#include "core/config/load.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "tests/core/config/expect.h"
#include "tests/core/config/support.h"

namespace tessera::config {
namespace {

class Load : public ::testing::Test {
 protected:
  Load() : folder_(std::filesystem::temp_directory_path() / ("tessera_load_test_" + test_name())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "sub");
  }
  ~Load() override { std::filesystem::remove_all(folder_); }

  static std::string test_name() { return ::testing::UnitTest::GetInstance()->current_test_info()->name(); }

  std::filesystem::path file(const std::string& name, std::string_view text) const {
    write_file_atomically(folder_ / name, text, ErrorKind::data);
    return folder_ / name;
  }
  static Node load(const std::filesystem::path& path, std::vector<std::string> overrides = {}) {
    return load_document(path, overrides, small_registry());
  }

  std::filesystem::path folder_;
};

TEST_F(Load, MergesAChainOfFiles) {
  file("base.yaml", "a: 1\nm: {x: 1, y: {p: 1, q: 2}}\nlist: [1, 2, 3]\n");
  file("sub/middle.yaml", "extends: ../base.yaml\na: 2\nm:\n  y: {q: 3}\n");
  const Node node = load(file("leaf.yaml", "extends: sub/middle.yaml\nlist: [9]\nb: 5\n"));
  EXPECT_EQ(node, parse_yaml("{a: 2, m: {x: 1, y: {p: 1, q: 3}}, list: [9], b: 5}", "expected"));
  EXPECT_EQ(node.find_path("m.y.q")->origin().text(), (folder_ / "sub/middle.yaml").string() + ":4");
  EXPECT_EQ(node.find_path("m.x")->origin().text(), (folder_ / "base.yaml").string() + ":2");
}

TEST_F(Load, ExtendsThatLeadsNowhere) {
  file("a.yaml", "extends: b.yaml\n");
  const auto b = file("b.yaml", "x: 1\nextends: sub/../a.yaml\n");
  expect_refused([&] { load(b); }, {"a.yaml:1", "circle", "b.yaml"});
  const auto self = file("self.yaml", "extends: self.yaml\n");
  expect_refused([&] { load(self); }, {"self.yaml:1", "circle"});
  const auto missing = file("missing.yaml", "a: 1\nextends: none.yaml\n");
  expect_refused([&] { load(missing); }, {"missing.yaml:2", "none.yaml", "does not exist"});
  const auto list = file("list.yaml", "extends: [a.yaml]\n");
  expect_refused([&] { load(list); }, {"list.yaml:1", "'extends' is a list"});
  const auto folder = file("folder.yaml", "extends: sub\n");
  expect_refused([&] { load(folder); }, {"sub", "not a regular file"});
  file("broken.yaml", "a: 1\nb: [\n");
  const auto heir = file("heir.yaml", "extends: broken.yaml\n");
  expect_refused([&] { load(heir); }, {"broken.yaml:", "not valid YAML"});
}

TEST_F(Load, ARecipeIsAMap) {
  const auto empty = file("empty.yaml", "# nothing\n");
  expect_refused([&] { load(empty); }, {"empty.yaml:1", "empty", "schema: 1"});
  const auto list = file("list.yaml", "- a\n");
  expect_refused([&] { load(list); }, {"list.yaml:1", "a map"});
  expect_refused([&] { load(folder_ / "nowhere.yaml"); }, {"nowhere.yaml", "no such file"});
}

TEST_F(Load, OverridesAreYaml) {
  const auto path = file("r.yaml", "a: 1\nm: {x: 1}\n");
  const Node node = load(path, {"m.x=2", "m.deep.er=[1, true, text]", "a=null", "new.name=a=b", "m.x=3", "q='5'"});
  EXPECT_EQ(node, parse_yaml("{a: null, m: {x: 3, deep: {er: [1, true, text]}}, new: {name: a=b}, q: '5'}", "expected"));
  EXPECT_EQ(node.find_path("m.x")->origin().text(), "--set m.x=3");
  EXPECT_EQ(load(path, {"m={y: 2}"}), parse_yaml("{a: 1, m: {x: 1, y: 2}}", "expected"));
}

TEST_F(Load, MalformedOverrides) {
  const auto path = file("r.yaml", "a: 1\n");
  expect_refused([&] { load(path, {"a"}); }, {"--set a", "no '='"});
  expect_refused([&] { load(path, {""}); }, {"--set", "no '='"});
  expect_refused([&] { load(path, {"=1"}); }, {"--set =1", "empty"});
  expect_refused([&] { load(path, {"a..b=1"}); }, {"--set a..b=1", "empty"});
  expect_refused([&] { load(path, {"a.=1"}); }, {"empty"});
  expect_refused([&] { load(path, {"a=[1"}); }, {"--set a=[1", "not valid YAML"});
  expect_refused([&] { load(path, {"a={b: 1, b: 2}"}); }, {"--set a=", "twice"});
  expect_refused([&] { load(path, {"extends=b.yaml"}); }, {"extends"});
  expect_refused([&] { load(path, {"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1"}); }, {"too many levels"});
}

TEST_F(Load, AChangedKindDropsWhatItInheritedForTheOther) {
  file("base.yaml", kSmallRecipe);
  const auto path = file("leaf.yaml", "extends: base.yaml\noptimizer: {kind: adamw, betas: [0.8, 0.9]}\n");
  const Node node = load(path);
  EXPECT_EQ(*node.find("optimizer"), parse_yaml("{learning_rate: 0.1, clip_norm: 1.0, kind: adamw, betas: [0.8, 0.9]}", "expected"));
  EXPECT_NO_THROW(resolve(node, small_registry()));

  const auto same = file("same.yaml", "extends: base.yaml\noptimizer: {kind: sgd, momentum: 0.5}\n");
  EXPECT_EQ(load(same).find_path("optimizer.learning_rate")->text(), "0.1");

  const auto schedule = file("schedule.yaml", "extends: base.yaml\nschedule: {kind: constant}\n");
  EXPECT_EQ(load(schedule).find_path("schedule.warmup_steps"), nullptr);

  file("no_kind.yaml", "schedule: {factor: 2}\n");
  const auto implied = file("implied.yaml", "extends: no_kind.yaml\nschedule: {kind: cosine}\n");
  EXPECT_EQ(load(implied).find_path("schedule.factor"), nullptr);
}

TEST_F(Load, SharedKeysStayWhereAKindChanges) {
  KindRegistry registry = small_registry();
  registry.share("data", {"idx", "synthetic"}, {"mean"});
  file("base.yaml", "data: {kind: idx, root: /data, mean: 0.5, workers: 2}\n");
  const auto leaf = file("leaf.yaml", "extends: base.yaml\ndata: {kind: synthetic}\n");
  EXPECT_EQ(*load_document(leaf, {}, registry).find("data"), parse_yaml("{mean: 0.5, workers: 2, kind: synthetic}", "expected"));
  EXPECT_EQ(*load(leaf).find("data"), parse_yaml("{workers: 2, kind: synthetic}", "expected"));
  const std::vector<std::string> overrides{"data.kind=synthetic", "data.mean=0.25"};
  EXPECT_EQ(*load_document(file("own.yaml", "extends: base.yaml\n"), overrides, registry).find("data"), parse_yaml("{mean: 0.25, workers: 2, kind: synthetic}", "expected"));
}

TEST_F(Load, OverridesOfAKindDoNotDependOnTheirOrder) {
  const auto path = file("base.yaml", kSmallRecipe);
  const Node first = load(path, {"optimizer.kind=adamw", "optimizer.learning_rate=0.5"});
  const Node last = load(path, {"optimizer.learning_rate=0.5", "optimizer.kind=adamw"});
  for (const Node& node : {first, last}) {
    EXPECT_EQ(node.find_path("optimizer.learning_rate")->text(), "0.5");
    EXPECT_EQ(node.find_path("optimizer.momentum"), nullptr);
    EXPECT_EQ(node.find_path("optimizer.clip_norm")->text(), "1.0");
  }
}

}  // namespace
}  // namespace tessera::config
