// SPDX-License-Identifier: Apache-2.0
#include "core/data/text_table.h"

#include <gtest/gtest.h>

#include "core/base/file.h"
#include "core/data/loader.h"
#include "core/data/table.h"
#include "tests/core/data/expect.h"
#include "tests/temporary_folder.h"

namespace tessera::data {
namespace {

using Ids = std::vector<int64_t>;

constexpr const char* kWordPieces = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\nc\nd\ne\nf\ng\n\"\n,\n";  // a is 4

class TextTables : public testing::Test {
 protected:
  TextTables() {
    config_.root = folder_.path().string();
    config_.tokenizer = write("vocab.txt", kWordPieces);
    config_.train = "table.tsv";
    config_.labels = {"no", "yes"};
    config_.context = 12;
  }

  std::string write(const std::string& name, const std::string& content) const {
    const auto path = folder_.path() / name;
    write_file_atomically(path, content, ErrorKind::runtime);
    return path.string();
  }
  std::shared_ptr<const Dataset> open(const std::string& content, OnError on_error = OnError::stop) const {
    write("table.tsv", content);
    return open_text_table(config_, "train", on_error);
  }
  std::string refusal(const std::string& content, ErrorKind kind = ErrorKind::data) const {
    try {
      open(content);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "no error";
  }

  test::TemporaryFolder folder_;
  TextTableConfig config_;
};

/// Of one sample, read alone.
Batch sample(const std::shared_ptr<const Dataset>& dataset, int64_t index) { return *EvaluationLoader(dataset, 1, std::vector<int64_t>{index}).next(); }

Ids ids_of(const Tensor& tensor, int64_t count) { return {tensor.data<int64_t>(), tensor.data<int64_t>() + count}; }

TEST_F(TextTables, RowsAreTextsOfTokens) {
  const auto dataset = open("label\tsentence\nyes\ta b\n\nno\tg x!\n");
  ASSERT_EQ(dataset->samples(), 2);
  EXPECT_EQ(dataset->classes(), 2);
  EXPECT_EQ(dataset->vocabulary(), 13);
  EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"no", "yes"}));
  EXPECT_EQ(dataset->labels(), (std::vector<int32_t>{1, 0}));
  std::vector<int64_t> ids(12), types(12), length(1), target(1);
  std::byte* const destinations[] = {reinterpret_cast<std::byte*>(ids.data()), reinterpret_cast<std::byte*>(types.data()), reinterpret_cast<std::byte*>(length.data()),
                                     reinterpret_cast<std::byte*>(target.data())};
  dataset->read(0, {}, destinations);
  EXPECT_EQ(ids, (Ids{2, 4, 5, 3, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(types, Ids(12, 0));
  EXPECT_EQ(length[0], 4);
  EXPECT_EQ(target[0], 1);
  EXPECT_EQ(dataset->length(1), 5);
  EXPECT_EQ(ids_of(sample(dataset, 1).at(kInputs), 5), (Ids{2, 10, 1, 1, 3}));
}

TEST_F(TextTables, PairsAndScores) {
  config_.layout = {.header = false, .separator = "comma", .quoted = true, .text = "2", .pair = "0", .target = "1"};
  config_.labels.clear();
  config_.score_range = {0, 5};
  const auto dataset = open("\xEF\xBB\xBF\"a \"\"b\"\", c\nd\",4.25,e\r\nf,5,g\r\n");
  ASSERT_EQ(dataset->samples(), 2);
  EXPECT_FALSE(dataset->classes());
  EXPECT_TRUE(dataset->labels().empty());
  const Batch batch = sample(dataset, 0);
  EXPECT_EQ(batch.at(kInputs).shape(), (Shape{1, 12}));
  EXPECT_EQ(ids_of(batch.at(kInputs), 11), (Ids{2, 8, 3, 4, 11, 5, 11, 12, 6, 7, 3}));
  EXPECT_EQ(ids_of(batch.at(kTokenTypes), 12), (Ids{0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0}));
  EXPECT_EQ(batch.at(kTargets).dtype(), DType::f32);
  EXPECT_EQ(batch.at(kTargets).data<float>()[0], 4.25f);
  EXPECT_EQ(ids_of(sample(dataset, 1).at(kInputs), 5), (Ids{2, 10, 3, 9, 3}));
}

/// As transformers' BertTokenizer does it: of equally long texts the second gives way.
TEST_F(TextTables, TheLongerTextLosesItsEnd) {
  config_.layout.pair = "other";
  const std::string table = "sentence\tother\tlabel\na b c d e\te d c b a\tno\na b c d e\tf g\tno\na\ta b c d e\tno\n";
  const auto ids_at = [&](int64_t context, int64_t index) {
    config_.context = context;
    const Batch batch = sample(open(table), index);
    return ids_of(batch.at(kInputs), batch.at(kLengths).data<int64_t>()[0]);
  };
  EXPECT_EQ(ids_at(10, 0), (Ids{2, 4, 5, 6, 7, 3, 8, 7, 6, 3}));
  EXPECT_EQ(ids_at(11, 0), (Ids{2, 4, 5, 6, 7, 3, 8, 7, 6, 5, 3}));
  EXPECT_EQ(ids_at(8, 1), (Ids{2, 4, 5, 6, 3, 9, 10, 3}));
  EXPECT_EQ(ids_at(6, 2), (Ids{2, 4, 3, 4, 5, 3}));
  EXPECT_EQ(ids_at(5, 0), (Ids{2, 4, 3, 8, 3}));
}

TEST_F(TextTables, PublishedFormats) {
  config_.labels.clear();
  config_.format = "cola";
  EXPECT_EQ(ids_of(sample(open("x\t1\t*\ta b\n"), 0).at(kInputs), 4), (Ids{2, 4, 5, 3}));
  EXPECT_EQ(ids_of(sample(open("a b\t1\n"), 0).at(kInputs), 4), (Ids{2, 4, 5, 3}));
  EXPECT_EQ(open("a b\t1\n")->class_names()[1], "acceptable");
  config_.format = "sst2";
  EXPECT_EQ(open("sentence\tlabel\na\t0\nb\t1\n")->labels(), (std::vector<int32_t>{0, 1}));
  config_.format = "mrpc";
  const auto mrpc = open("\xEF\xBB\xBFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t1\t2\t\"a\tb\r\n");
  EXPECT_EQ(ids_of(sample(mrpc, 0).at(kInputs), 6), (Ids{2, 11, 4, 3, 5, 3}));
  config_.format = "stsb";
  const auto stsb = open("g\tf\ty\t1\t3.5\ta\tb\ng\tf\ty\t1\t0\ta\tb\tsource\tsource\n");
  EXPECT_EQ(stsb->samples(), 2);
  EXPECT_EQ(sample(stsb, 0).at(kTargets).data<float>()[0], 3.5f);
  const auto glue = open("index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n0\tg\tf\ty\t1\ts\ts\ta\tb\t5.000\n");
  EXPECT_EQ(sample(glue, 0).at(kTargets).data<float>()[0], 5.0f);
}

TEST_F(TextTables, BrokenRowsAreNamed) {
  const std::string head = "sentence\tlabel\na\tyes\n";
  expect_in("table.tsv:3: the row has 1 cells, but there should be 2; correct the row", refusal(head + "b\n"));
  expect_in("table.tsv:4: the row has 3 cells", refusal(head + "\na\tb\tyes\n"));
  expect_in("table.tsv:3: the label 'maybe' is none of no, yes", refusal(head + "b\tmaybe\n"));
  expect_in("table.tsv:1: there is no column 'sentence': the header has text, label", refusal("text\tlabel\na\tyes\n"));
  expect_in("it has no row", refusal(""));
  expect_in("it has no row below its header", refusal("sentence\tlabel\n\n"));
  config_.layout.quoted = true;
  expect_in("table.tsv:3: a quoted cell begins here and never ends", refusal(head + "\"b\tyes\nc\tno\n"));
  config_.layout = {.header = false, .text = "0", .pair = "7", .target = "1"};
  expect_in("there is no column '7': columns are 0..1", refusal("a\tyes\n"));
  config_.layout = {.header = false, .text = "0", .target = "1"};
  config_.labels.clear();
  config_.score_range = {0, 5};
  for (const char* score : {"5.1", "-1", "", "x", ".nan"}) expect_in("is no number in 0..5", refusal(std::string("a\t1\nb\t") + score + "\n"));
  config_.score_range.clear();
  config_.layout = {};
  config_.format = "stsb";
  expect_in("table.tsv:1: its first row has 2 cells, but there should be 7 or 9 or 10", refusal("a\tb\n"));
}

TEST_F(TextTables, KeysThatDoNotFitAreNamed) {
  const std::string table = "sentence\tlabel\na\tyes\n";
  config_.context = 2;
  expect_in("data.context: 2 tokens have no room for a text: [CLS] A [SEP]; set it to 3 or more", refusal(table, ErrorKind::usage));
  config_.layout.pair = "label";
  config_.context = 4;
  expect_in("a pair of texts", refusal(table, ErrorKind::usage));
  config_.context = 12;
  config_.tokenizer = write("letters.characters", "abc");
  expect_in("letters.characters: the tokenizer (characters) has no token [CLS]", refusal(table));
  config_.tokenizer = write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n");
  expect_in("has no token [PAD]", refusal(table));
  config_.labels.clear();
  expect_in("nothing says what targets are", refusal(table, ErrorKind::usage));
  config_.score_range = {5, 0};
  expect_in("[5, 0] is no range", refusal(table, ErrorKind::usage));
  config_.format = "sst2";
  expect_in("data.format: layout, labels or score_range are given, but format sst2 says them", refusal(table, ErrorKind::usage));
  config_.score_range.clear();
  config_.layout = {};
  config_.format = "mrpc";
  expect_in("there is no split 'validation'", message_of([&] { open_text_table(config_, "validation", OnError::stop); }));
}

/// A row that is skipped keeps its place, weighs nothing and is a text of one token.
TEST_F(TextTables, BrokenRowsCanBeSkipped) {
  const auto dataset = open("sentence\tlabel\na b\tyes\nc\tmaybe\nc\tno\n", OnError::skip);
  ASSERT_EQ(dataset->samples(), 3);
  EXPECT_EQ(dataset->length(1), 1);
  const Batch batch = *EvaluationLoader(dataset, 3, 1, 0, {}, OnError::skip).next();
  ASSERT_EQ(batch.skipped.size(), 1u);
  expect_in("table.tsv:3: the label 'maybe'", batch.skipped[0].problem);
  EXPECT_EQ(ids_of(batch.at(kLengths), 3), (Ids{4, 1, 3}));
  EXPECT_EQ(ids_of(batch.at(kTargets), 3), (Ids{1, -1, 0}));
  EXPECT_EQ(batch.at(kWeights).data<float>()[1], 0.0f);
  EXPECT_EQ(batch.at(kInputs).shape(), (Shape{3, 8}));
  EXPECT_EQ(ids_of(batch.at(kInputs), 8 + 8), (Ids{2, 4, 5, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  expect_in("table.tsv:3", message_of([&] { sample(dataset, 1); }));
}

TEST_F(TextTables, TheFingerprintIsOfTheSamples) {
  const auto first = open("sentence\tlabel\na\tyes\n")->fingerprint();
  EXPECT_EQ(open("label\tsentence\nyes\ta\n")->fingerprint(), first);
  EXPECT_NE(open("sentence\tlabel\na\tno\n")->fingerprint(), first);
  EXPECT_NE(open("sentence\tlabel\nb\tyes\n")->fingerprint(), first);
  config_.limit_samples = 1;
  EXPECT_EQ(open("sentence\tlabel\na\tyes\nbroken\n")->fingerprint(), first);
}

TEST(TableReader, PlainQuotesAreText) {
  TableReader reader("\"a\tb\"c\n  \nd\t", '\t', false, "t");
  EXPECT_EQ(reader.next()->cells, (std::vector<std::string>{"\"a", "b\"c"}));
  const auto last = reader.next();
  EXPECT_EQ(last->cells, (std::vector<std::string>{"d", ""}));
  EXPECT_EQ(last->line, 3);
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace tessera::data
