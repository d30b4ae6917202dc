// SPDX-License-Identifier: Apache-2.0
#include "core/config/yaml.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/base/file.h"
#include "tests/core/config/expect.h"

namespace tessera::config {
namespace {

Node parse(std::string_view text) { return parse_yaml(text, "x.yaml"); }

std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Yaml, KnowsKindsQuotesAndLines) {
  const Node node = parse("a: 1\nb:\n  c: '2'\n  d: [x, null, ~]\n\ne:\n");
  ASSERT_TRUE(node.is_map());
  EXPECT_EQ(node.find("a")->text(), "1");
  EXPECT_FALSE(node.find("a")->quoted());
  EXPECT_TRUE(node.find_path("b.c")->quoted());
  EXPECT_EQ(node.find_path("b.c")->origin().text(), "x.yaml:3");
  ASSERT_EQ(node.find_path("b.d")->children().size(), 3u);
  EXPECT_EQ(node.find_path("b.d")->children()[0].origin().line, 4);
  EXPECT_TRUE(node.find_path("b.d")->children()[2].is_null());
  EXPECT_TRUE(node.find("e")->is_null());
  EXPECT_EQ(node.keys()[2].origin.line, 6);
  EXPECT_EQ(node.find_path("b.nothing"), nullptr);
  EXPECT_EQ(node.find_path("a.c"), nullptr);
}

TEST(Yaml, EmptyDocumentsAreNull) {
  EXPECT_TRUE(parse("").is_null());
  EXPECT_TRUE(parse("# only a comment\n").is_null());
}

TEST(Yaml, AliasesAreCopies) {
  const Node node = parse("a: &x {b: [1, 2]}\nc: *x\n");
  EXPECT_EQ(*node.find("a"), *node.find("c"));
}

TEST(Yaml, EqualityIgnoresQuotesThatChangeNothing) {
  EXPECT_EQ(parse("a: 'text'"), parse("a: text"));
  EXPECT_FALSE(parse("a: '1'") == parse("a: 1"));
  EXPECT_FALSE(parse("a: 'null'") == parse("a: null"));
  EXPECT_FALSE(parse("a: 1\nb: 2") == parse("b: 2\na: 1"));
}

TEST(Yaml, EmittedTextParsesToTheSameNode) {
  const std::string texts[] = {
      "a: 1\nb: {c: x, d: [1, 2.5, null]}\n",
      "a: {}\nb: []\nc: ''\nd: '1'\ne: 'true'\nf: \"null\"\ng: '~'\n",
      "a: 'x: y'\nb: '# no comment'\nc: '- item'\nd: 'a, b'\ne: '[1]'\nf: '{'\n",
      "a: \"line\\nbreak\\ttab \\\" \\\\ \\x01 \\x7f\"\n",
      "'a b': 1\n'1': 2\n'null': 3\n'': 4\n'- x': 5\n",
      "a: |\n  two\n  lines\nb: plain text with spaces\n",
      "a: grün\n'ключ': \"\\u2028 \\u0085 \\U0001F600\"\n",
      "[[1, [2]], {a: {b: c}}, 'x,y']\n",
      "plain\n",
      "a: .inf\nb: -1\nc: +1\nd: '-'\ne: '%'\nf: '@x'\ng: 'a:'\nh: ' padded '\n",
      "a: 1e400\nb: 0x10\nc: 25MiB\nd: yes\n"};
  for (const std::string& text : texts) {
    const Node node = parse(text);
    const std::string emitted = emit_yaml(node);
    EXPECT_EQ(parse(emitted), node) << text << "became\n" << emitted;
    EXPECT_EQ(emit_yaml(parse(emitted)), emitted);
  }
}

TEST(Yaml, EmitsBlocksAndFlowLists) {
  EXPECT_EQ(emit_yaml(parse("{a: {b: [1, 'x y'], c: {}}, d: null}")), "a:\n  b: [1, \"x y\"]\n  c: {}\nd: null\n");
}

TEST(Yaml, SyntaxErrorsNameTheLine) {
  expect_refused([] { parse("a: 1\nb: [1, 2\n"); }, {"x.yaml:", "not valid YAML"});
  expect_refused([] { parse("a: 1\n  b: 2\n"); }, {"x.yaml:2", "not valid YAML"});
  expect_refused([] { parse("a: *nothing\n"); }, {"x.yaml:1", "not valid YAML"});
  expect_refused([] { parse("a: \"\\q\"\n"); }, {"x.yaml:1", "not valid YAML"});
  expect_refused([] { parse("\ta: 1\n"); }, {"x.yaml:1"});
}

TEST(Yaml, DuplicateKeysNameBothLines) {
  expect_refused([] { parse("a: 1\nb: 2\na: 3\n"); }, {"x.yaml:3", "'a'", "x.yaml:1"});
  expect_refused([] { parse("m: {a: 1, a: 1}\n"); }, {"x.yaml:1", "twice"});
}

TEST(Yaml, WhatARecipeNeverNeedsIsRefused) {
  expect_refused([] { parse("a: &x [1, *x]\n"); }, {"x.yaml:1", "alias", "inside"});
  expect_refused([] { parse("a: &x {b: *x}\n"); }, {"x.yaml:1", "alias", "inside"});
  expect_refused([] { parse("a: !!int '5'\n"); }, {"x.yaml:1", "tag"});
  expect_refused([] { parse("a: !mine {b: 1}\n"); }, {"x.yaml:1", "tag"});
  expect_refused([] { parse("a: 1\n---\nb: 2\n"); }, {"x.yaml", "more than one"});
  expect_refused([] { parse("? [1, 2]\n: x\n"); }, {"x.yaml:1", "no text"});
  expect_refused([] { parse("~: x\n"); }, {"x.yaml:1", "no text"});
  expect_refused([] { parse("a: &k x\n*k : 1\n"); }, {"x.yaml:2", "no text"});
  expect_refused([] { parse("a: &k {b: 1}\nc:\n  <<: *k\n"); }, {"x.yaml:3", "<<", "extends"});
  expect_refused([] { parse(std::string(200, 'k') + ": 1\n"); }, {"x.yaml:1", "too long"});
}

TEST(Yaml, BinaryGarbageIsRefusedWithItsLine) {
  expect_refused([] { parse(std::string_view("a: 1\nb: \0\n", 10)); }, {"x.yaml:2", "UTF-8"});
  expect_refused([] { parse("\x7f""ELF\x02\x01"); }, {"x.yaml:1", "UTF-8"});
  expect_refused([] { parse("a: \xff\xfe\n"); }, {"x.yaml:1", "UTF-8"});
  expect_refused([] { parse("a: \xe2\x82"); }, {"x.yaml:1", "UTF-8"});
}

TEST(Yaml, SizeDepthAndCountAreBounded) {
  expect_refused([] { parse(repeat("[", 50).append(repeat("]", 50))); }, {"x.yaml:1", "deeper"});
  expect_refused([] { parse(repeat("[", 100'000)); }, {"x.yaml:1", "bracket"});
  expect_refused([] { parse(repeat("{a: ", 5'000)); }, {"x.yaml:1"});
  expect_refused([] { parse(repeat("- ", 5'000) + "x"); }, {"x.yaml:1", "deeper"});
  expect_refused([] { parse(repeat("- 1\n", 30'000)); }, {"x.yaml:20000", "more than"});
  expect_refused([] { parse(repeat("# comment\n", 200'000)); }, {"x.yaml", "larger than"});
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string last = std::to_string(i - 1), name = std::to_string(i);
    bomb.append("a").append(name).append(": &a").append(name).append(" [*a").append(last).append(", *a").append(last).append("]\n");
  }
  expect_refused([&] { parse(bomb); }, {"x.yaml:", "more than"});
  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string name = std::to_string(i);
    chain.append("a").append(name).append(": &a").append(name).append(" [*a").append(std::to_string(i - 1)).append("]\n");
  }
  expect_refused([&] { parse(chain); }, {"x.yaml:", "deeper"});
}

TEST(Yaml, FilesThatAreNoneAreRefusedByPath) {
  const auto folder = std::filesystem::temp_directory_path() / "tessera_yaml_test";
  std::filesystem::create_directories(folder);
  expect_refused([&] { parse_yaml_file(folder / "missing.yaml"); }, {"missing.yaml", "no such file"});
  expect_refused([&] { parse_yaml_file(folder); }, {"tessera_yaml_test", "not a regular file"});
  expect_refused([&] { parse_yaml_file("/dev/zero"); }, {"/dev/zero", "not a regular file"});
  write_file_atomically(folder / "two\nlines.yaml", "a: [", ErrorKind::data);
  expect_refused([&] { parse_yaml_file(folder / "two\nlines.yaml"); }, {"two\\x0alines.yaml:1"});
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tessera::config
