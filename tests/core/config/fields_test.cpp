// SPDX-License-Identifier: Apache-2.0
#include "core/config/fields.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/config/suggest.h"
#include "core/config/yaml.h"
#include "tests/core/config/expect.h"

namespace tessera::config {
namespace {

struct Inner {
  int64_t count = 3;
  std::string colour = "red";
  void declare(Fields& fields) {
    fields.add("count", count, {.doc = "how many", .unit = "samples", .minimum = 1, .maximum = 10});
    fields.add("colour", colour, {.effect = Effect::free, .choices = {"red", "green", "blue"}});
  }
};

struct Everything {
  bool flag = false;
  int64_t whole = 1;
  double real = 0.5;
  double endless = 1;
  std::string text = "t";
  Bytes bytes{25 << 20};
  std::optional<bool> maybe_flag;
  std::optional<int64_t> maybe_whole;
  std::optional<double> maybe_real;
  std::optional<std::string> maybe_text;
  std::optional<Bytes> maybe_bytes;
  std::vector<int64_t> wholes{1, 2};
  std::vector<double> reals;
  std::vector<std::string> texts;
  Inner inner;
  void declare(Fields& fields) {
    fields.add("flag", flag, {});
    fields.add("whole", whole, {});
    fields.add("real", real, {.above = 0, .below = 100});
    fields.add("endless", endless, {.allow_infinite = true});
    fields.add("text", text, {});
    fields.add("bytes", bytes, {});
    fields.add("maybe_flag", maybe_flag, {});
    fields.add("maybe_whole", maybe_whole, {});
    fields.add("maybe_real", maybe_real, {});
    fields.add("maybe_text", maybe_text, {});
    fields.add("maybe_bytes", maybe_bytes, {});
    fields.add("wholes", wholes, {.minimum = 0});
    fields.add("reals", reals, {});
    fields.add("texts", texts, {.choices = {"a", "b", "c, d"}});
    fields.add("inner", inner, {.doc = "a nested struct"});
  }
};

struct Needy {
  int64_t must = 0;
  void declare(Fields& fields) { fields.add("must", must, {.doc = "how much", .required = true}); }
};

struct Shelf {
  std::vector<Inner> boxes{{5, "blue"}};
  std::vector<Needy> needy;
  void declare(Fields& fields) {
    fields.add("boxes", boxes, {.doc = "what stands on it"});
    fields.add("needy", needy, {.effect = Effect::free});
  }
};

Everything read_text(std::string_view text) {
  Everything value;
  read(parse_yaml(text, "x.yaml"), value, "block");
  return value;
}

void expect_bad_block(std::string_view text, std::initializer_list<std::string_view> parts) {
  SCOPED_TRACE(text);
  expect_refused([&] { read_text(text); }, parts);
}

TEST(Fields, ReadsEveryType) {
  const Everything v = read_text(
      "flag: true\nwhole: -7\nreal: 5e-4\ntext: two words\nbytes: 1GiB\nmaybe_flag: false\nmaybe_whole: 3\nmaybe_real: 2\n"
      "maybe_text: x\nmaybe_bytes: 4096\nwholes: []\nreals: [1, 2.5]\ntexts: [a, 'c, d']\ninner: {count: 10, colour: blue}\n");
  EXPECT_TRUE(v.flag);
  EXPECT_EQ(v.whole, -7);
  EXPECT_EQ(v.real, 5e-4);
  EXPECT_EQ(v.text, "two words");
  EXPECT_EQ(v.bytes.bytes, int64_t{1} << 30);
  EXPECT_EQ(v.maybe_flag, false);
  EXPECT_EQ(v.maybe_whole, 3);
  EXPECT_EQ(v.maybe_real, 2.0);
  EXPECT_EQ(v.maybe_text, "x");
  EXPECT_EQ(v.maybe_bytes->bytes, 4096);
  EXPECT_TRUE(v.wholes.empty());
  EXPECT_EQ(v.reals, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(v.texts, (std::vector<std::string>{"a", "c, d"}));
  EXPECT_EQ(v.inner.count, 10);
  EXPECT_EQ(v.inner.colour, "blue");
}

TEST(Fields, WhatIsNotGivenKeepsItsDefault) {
  const Everything v = read_text("inner:\nmaybe_whole: null\n");
  EXPECT_EQ(v.whole, 1);
  EXPECT_EQ(v.inner.count, 3);
  EXPECT_FALSE(v.maybe_whole);
}

TEST(Fields, IntegersAreExactOrRefused) {
  EXPECT_EQ(read_text("whole: 1e3").whole, 1000);
  EXPECT_EQ(read_text("whole: 64.0").whole, 64);
  EXPECT_EQ(read_text("whole: +5").whole, 5);
  EXPECT_EQ(read_text("whole: 9223372036854775807").whole, INT64_MAX);
  EXPECT_EQ(read_text("whole: -9223372036854775808").whole, INT64_MIN);
  for (const char* text : {"1.5", "9223372036854775808", "1e30", "9007199254740993.0", "1_000", "0x10", "abc", "''", "1 2", "--1",
                           "+-1", ".inf", ".nan", "true", "[1]", "{a: 1}", "null", "1e", "25MiB"}) {
    expect_bad_block(std::string("flag: true\nwhole: ") + text, {"x.yaml:2", "'block.whole'", "not a 64-bit integer"});
  }
  expect_bad_block("whole: '5'", {"x.yaml:1", "quoted", "remove the quotes"});
}

TEST(Fields, NumbersAreFiniteUnlessSaidOtherwise) {
  EXPECT_EQ(read_text("real: .5").real, 0.5);
  EXPECT_EQ(read_text("endless: .inf").endless, INFINITY);
  EXPECT_EQ(read_text("endless: -.INF").endless, -INFINITY);
  expect_bad_block("endless: .nan", {"x.yaml:1", "'block.endless'", "not finite"});
  expect_bad_block("real: .inf", {"x.yaml:1", "'block.real'", "not finite"});
  expect_bad_block("real: .nan", {"not finite"});
  for (const char* text : {"nan", "inf", "infinity", "1e999", "1e-999", "0x1p3", "1,5", "abc", "'0.5'", "null", "[0.5]", "1.2.3"}) {
    expect_bad_block(std::string("real: ") + text, {"x.yaml:1", "'block.real'", "not a number"});
  }
}

TEST(Fields, OtherTypesAreStrict) {
  EXPECT_TRUE(read_text("flag: True").flag);
  for (const char* text : {"yes", "on", "1", "'true'", "null", "tru"}) {
    expect_bad_block(std::string("flag: ") + text, {"x.yaml:1", "'block.flag'", "not a bool", ";"});
  }
  EXPECT_EQ(read_text("text: 123").text, "123");
  EXPECT_EQ(read_text("text: 'null'").text, "null");
  for (const char* text : {"null", "[a]", "{a: b}"}) expect_bad_block(std::string("text: ") + text, {"'block.text'", "not a text"});
  expect_bad_block("inner: 3", {"x.yaml:1", "'block.inner' is '3'", "not a map", "count, colour"});
  expect_bad_block("wholes: 3", {"x.yaml:1", "'block.wholes' is '3'", "not a list"});
  expect_bad_block("wholes:\n- 1\n- x\n", {"x.yaml:3", "'block.wholes[1]' is 'x'"});
  expect_bad_block("wholes: [1, -1]", {"'block.wholes[1]' is '-1'", "out of range", ">= 0"});
  expect_bad_block("texts: [a, bb]", {"'block.texts[1]'", "not one of", "did you mean"});
  expect_bad_block("[1, 2]", {"x.yaml:1", "'block' is a list", "not a map"});
}

TEST(Fields, Bytes) {
  EXPECT_EQ(parse_bytes("25MiB")->bytes, 25 << 20);
  EXPECT_EQ(parse_bytes("1.5KiB")->bytes, 1536);
  EXPECT_EQ(parse_bytes("2 GB")->bytes, 2'000'000'000);
  EXPECT_EQ(parse_bytes("7B")->bytes, 7);
  EXPECT_EQ(parse_bytes("0")->bytes, 0);
  for (const char* text : {"0.3B", "MiB", "25mib", "25 M", "1e30GiB", "x", "-.infB"}) EXPECT_FALSE(parse_bytes(text)) << text;
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{1023}, int64_t{1024}, int64_t{25} << 20, int64_t{3} << 30}) {
    EXPECT_EQ(parse_bytes(format_bytes({bytes}))->bytes, bytes);
  }
  EXPECT_EQ(format_bytes({25 << 20}), "25MiB");
  expect_bad_block("bytes: -1KiB", {"'block.bytes'", "below zero"});
  expect_bad_block("bytes: 25 megs", {"'block.bytes'", "not a number of bytes", "25MiB"});
}

TEST(Fields, BoundsAndChoices) {
  expect_bad_block("inner: {count: 0}", {"x.yaml:1", "'block.inner.count' is '0'", "out of range", ">= 1 and <= 10"});
  expect_bad_block("inner: {count: 11}", {"'block.inner.count' is '11'", "out of range"});
  expect_bad_block("real: 0", {"'block.real'", "> 0 and < 100"});
  expect_bad_block("real: 100", {"out of range"});
  expect_bad_block("inner:\n  colour: gren\n", {"x.yaml:2", "red, green, blue", "did you mean 'green'?"});
  expect_bad_block("inner: {colour: purple}", {"red, green, blue", "choose one"});
}

TEST(Fields, UnknownKeysNameTheNearest) {
  expect_bad_block("flag: true\n\nwhle: 3\n", {"x.yaml:3", "unknown key 'block.whle'", "did you mean 'whole'?"});
  expect_bad_block("inner:\n  cuont: 3\n", {"x.yaml:2", "unknown key 'block.inner.cuont'", "did you mean 'count'?"});
  expect_bad_block("inner: {zzzzzzzz: 3}", {"unknown key", "known here: count, colour"});
}

TEST(Fields, RequiredKeys) {
  Needy value;
  expect_refused([&] { read(parse_yaml("{}", "x.yaml"), value, "b"); }, {"x.yaml:1", "required key 'b.must' is missing", "how much"});
  expect_refused([&] { read(parse_yaml("must:", "x.yaml"), value, "b"); }, {"x.yaml:1", "'b.must' is null"});
  read(parse_yaml("{must: 4, other: 5}", "x.yaml"), value, "b", Unknown::ignore);
  EXPECT_EQ(value.must, 4);
}

TEST(Fields, WriteGivesAllKeysAndReadsBack) {
  Everything value;
  value.text = "5";
  value.maybe_text = "";
  value.texts = {"c, d", "a"};
  value.reals = {0.1, 1e-7, -0.0, 1e22};
  value.endless = INFINITY;
  const Node node = write(value);
  EXPECT_EQ(node.keys().size(), 15u);
  const std::string text = emit_yaml(node);
  Everything again;
  read(parse_yaml(text, "again"), again);
  EXPECT_EQ(write(again), node);
  EXPECT_EQ(again.reals, value.reals);
  EXPECT_EQ(again.text, "5");
  EXPECT_EQ(again.maybe_text, "");
}

TEST(Fields, RowsOfTheReference) {
  const auto rows = default_keys<Everything>("e");
  ASSERT_EQ(rows.size(), 16u);
  EXPECT_EQ(rows[5].path, "e.bytes");
  EXPECT_EQ(rows[5].value, "25MiB");
  EXPECT_EQ(rows[7].type, "integer or null");
  EXPECT_EQ(rows[7].value, "null");
  EXPECT_EQ(rows[13].type, "list of texts");
  EXPECT_EQ(rows[14].path, "e.inner.count");
  EXPECT_EQ(rows[14].about.unit, "samples");
  EXPECT_EQ(rows[14].about.effect, Effect::mathematics);
  EXPECT_EQ(rows[15].about.effect, Effect::free);
}

TEST(Fields, ListsOfBlocks) {
  Shelf shelf;
  read(parse_yaml("boxes:\n- {count: 2}\n- colour: green\n-\nneedy: []", "x.yaml"), shelf, "b");
  ASSERT_EQ(shelf.boxes.size(), 3u);
  EXPECT_EQ(shelf.boxes[0].count, 2);
  EXPECT_EQ(shelf.boxes[0].colour, "red");
  EXPECT_EQ(shelf.boxes[1].count, 3);
  EXPECT_EQ(shelf.boxes[1].colour, "green");
  EXPECT_EQ(shelf.boxes[2].count, 3);
  Shelf untouched;
  read(parse_yaml("{}", "x.yaml"), untouched);
  ASSERT_EQ(untouched.boxes.size(), 1u);
  EXPECT_EQ(untouched.boxes[0].colour, "blue");
  read(parse_yaml("{boxes: []}", "x.yaml"), untouched);
  EXPECT_TRUE(untouched.boxes.empty());
}

TEST(Fields, ListsOfBlocksAreWrittenWholeAndReadBack) {
  Shelf shelf;
  shelf.boxes.push_back({7, "red"});
  const Node node = write(shelf);
  EXPECT_EQ(emit_flow(*node.find("boxes")), "[{count: 5, colour: blue}, {count: 7, colour: red}]");
  Shelf again;
  read(parse_yaml(emit_yaml(node), "again"), again);
  EXPECT_EQ(write(again), node);
}

TEST(Fields, ErrorsInListsOfBlocksNameTheItem) {
  const auto expect_bad_shelf = [](std::string_view text, std::initializer_list<std::string_view> parts) {
    Shelf shelf;
    expect_refused([&] { read(parse_yaml(text, "x.yaml"), shelf, "b"); }, parts);
  };
  expect_bad_shelf("boxes: 3", {"x.yaml:1", "'b.boxes' is '3', not a list", "count, colour"});
  expect_bad_shelf("boxes: {count: 3}", {"'b.boxes' is a map, not a list"});
  expect_bad_shelf("boxes: null", {"'b.boxes' is null, not a list"});
  expect_bad_shelf("boxes:\n- {count: 3}\n- 5\n", {"x.yaml:3", "'b.boxes[1]' is '5', not a map"});
  expect_bad_shelf("boxes:\n- {count: 3}\n- {count: 0}\n", {"x.yaml:3", "'b.boxes[1].count' is '0'", "out of range"});
  expect_bad_shelf("boxes: [{cuont: 3}]", {"unknown key 'b.boxes[0].cuont'", "did you mean 'count'?"});
  expect_bad_shelf("needy: [{must: 1}, {}]", {"required key 'b.needy[1].must' is missing"});
}

TEST(Fields, RowsOfListsOfBlocks) {
  const auto rows = default_keys<Shelf>("s");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].path, "s.boxes");
  EXPECT_EQ(rows[0].type, "list of blocks");
  EXPECT_EQ(rows[0].value, "[{count: 5, colour: blue}]");
  ASSERT_EQ(rows[0].items.size(), 2u);
  EXPECT_EQ(rows[0].items[0].path, "s.boxes[].count");
  EXPECT_EQ(rows[0].items[0].value, "3");
  EXPECT_EQ(rows[0].items[0].about.unit, "samples");
  EXPECT_EQ(rows[1].value, "[]");
  EXPECT_EQ(rows[1].about.effect, Effect::free);
  EXPECT_EQ(rows[1].items[0].path, "s.needy[].must");
}

TEST(Fields, DefaultsAreKnownAfterReading) {
  Shelf shelf;
  Everything all;
  Fields fields;
  fields.add("shelf", shelf, {});
  fields.add("all", all, {});
  read_fields(parse_yaml("{shelf: {boxes: []}, all: {whole: 8, inner: {count: 4}}}", "x.yaml"), fields, {});
  for (const KeyInfo& row : keys_of(fields)) {
    const bool changed = row.path == "shelf.boxes" || row.path == "all.whole" || row.path == "all.inner.count";
    EXPECT_EQ(row.value != row.default_value, changed) << row.path;
    EXPECT_FALSE(row.default_value.empty()) << row.path;
  }
}

TEST(Fields, ADefectInATableIsFound) {
  Fields fields;
  int64_t value = 0;
  fields.add("a", value, {});
  EXPECT_THROW(fields.add("a", value, {}), Error);
  EXPECT_THROW(fields.block("a"), Error);
}

TEST(Suggest, Distances) {
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("momentum", "momentum"), 0u);
  EXPECT_EQ(edit_distance("momentun", "momentum"), 1u);
  EXPECT_EQ(edit_distance("mometnum", "momentum"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Suggest, NamesNearAPattern) {
  EXPECT_EQ(pattern_distance("*.weight", "layer1.0.conv.weight"), 0u);
  EXPECT_EQ(pattern_distance("*", ""), 0u);
  EXPECT_EQ(pattern_distance("", "abc"), 3u);
  EXPECT_EQ(pattern_distance("a?c", "abd"), 1u);
  EXPECT_EQ(pattern_distance("fc*.wight", "fc12.weight"), 1u);
  EXPECT_EQ(pattern_distance("*.bn*", "a.bias"), 1u);
  const std::vector<std::string> names = {"fc1.weight", "fc2.weight", "fc1.bias", "head"};
  EXPECT_EQ(names_near_pattern("*.weights", names, 3), (std::vector<std::string>{"fc1.weight", "fc2.weight"}));
  EXPECT_EQ(names_near_pattern("fc2.weigth", names, 1), (std::vector<std::string>{"fc2.weight"}));
  EXPECT_TRUE(names_near_pattern("*.running_mean", names, 3).empty());
  EXPECT_TRUE(names_near_pattern("zz", names, 3).empty());
}

TEST(Suggest, OnlyWhatIsNearIsMeant) {
  const std::vector<std::string> names{"epochs", "steps", "max_wall_s"};
  EXPECT_EQ(nearest_name("epoch", names), "epochs");
  EXPECT_EQ(nearest_name("setps", names), "steps");
  EXPECT_EQ(nearest_name("learning_rate", names), "");
  EXPECT_EQ(nearest_name("xy", std::vector<std::string>{"ab"}), "");
  EXPECT_EQ(suggest("learning_rate", names), "known here: epochs, steps, max_wall_s");
}

}  // namespace
}  // namespace tessera::config
