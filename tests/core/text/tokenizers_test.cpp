// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/text/characters.h"
#include "core/text/llama2c.h"
#include "core/text/utf8.h"
#include "core/text/wordpiece.h"
#include "tests/core/text/texts.h"
#include "tests/temporary_folder.h"

namespace tessera::text {
namespace {

using Ids = std::vector<TokenId>;

template <typename Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "none";
}

std::string replaced(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    append_utf8(point.value, out);
    text.remove_prefix(point.bytes);
  }
  return out;
}

/// As Python's errors="replace".
TEST(Utf8, InvalidBytesAreReplaced) {
  const std::string r = "\uFFFD";
  EXPECT_EQ(replaced("a\u00e9\u20ac\U0001F600"), "a\u00e9\u20ac\U0001F600");
  EXPECT_EQ(replaced("\x80z"), r + "z");
  EXPECT_EQ(replaced("\xC0\xAF"), r + r);
  EXPECT_EQ(replaced("\xE2\x82z"), r + "z");
  EXPECT_EQ(replaced("\xF0\x9F\x98"), r);
  EXPECT_EQ(replaced("\xED\xA0\x80"), r + r + r);
  EXPECT_EQ(replaced("\xF4\x90\x80\x80"), r + r + r + r);
}

WordPieceTokenizer bert() {
  return WordPieceTokenizer("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\n,\ncafe\n\u4e00\n\u4e8c\n\u03c3\u03c3\n[\n]\nunk\n", "vocab.txt");
}

TEST(WordPiece, LongestTokenFirst) {
  EXPECT_EQ(bert().encode("UNaffable, un"), (Ids{5, 6, 7, 8, 5}));
  EXPECT_EQ(bert().encode("unaffablex,"), (Ids{1, 8}));
  EXPECT_EQ(bert().decode(Ids{5, 6, 7, 8}), "unaffable ,");
  EXPECT_EQ(bert().encode("[UNK]"), (Ids{13, 15, 14})) << "what spells a special token is text";
}

TEST(WordPiece, CleansAsTheReferenceDoes) {
  const WordPieceTokenizer tokenizer = bert();
  EXPECT_EQ(tokenizer.encode("CAF\u00c9 cafe\u0301"), (Ids{9, 9}));
  EXPECT_EQ(tokenizer.encode("\u4e00\u4e8c"), (Ids{10, 11}));
  EXPECT_EQ(tokenizer.encode("c\x01" "af\u200be\x7f"), (Ids{9}));
  EXPECT_EQ(tokenizer.encode("cafe\u2028cafe\u00a0cafe\tcafe"), (Ids{9, 9, 9, 9}));
  EXPECT_EQ(tokenizer.encode("\u03a3\u03a3"), (Ids{12})) << "no special form at the end of a word";
  EXPECT_EQ(tokenizer.encode("ca\xFF" "fe\xF0\x9F"), (Ids{9}));
  EXPECT_EQ(tokenizer.encode(std::string(101, 'u')), (Ids{1}));
  EXPECT_EQ(tokenizer.encode(""), Ids{});
}

TEST(WordPiece, RefusesBrokenVocabularies) {
  EXPECT_NE(refusal([] { WordPieceTokenizer("[UNK]\na\na\n", "v.txt"); }).find("v.txt:3: this token is there twice"), std::string::npos);
  EXPECT_NE(refusal([] { WordPieceTokenizer("a\n", "v.txt"); }).find("no token [UNK]"), std::string::npos);
}

TEST(Characters, OneTokenEach) {
  const std::string characters = CharacterTokenizer::characters_of("ba\u00e9\na");
  EXPECT_EQ(characters, "\nab\u00e9");
  const CharacterTokenizer tokenizer(characters, "c");
  EXPECT_EQ(tokenizer.encode("b\u00e9a"), (Ids{2, 3, 1}));
  EXPECT_EQ(tokenizer.decode(Ids{2, 3, 1}), "b\u00e9a");
  EXPECT_NE(refusal([&] { (void)tokenizer.encode("az"); }).find("character U+007A at byte 1"), std::string::npos);
  EXPECT_NE(refusal([] { CharacterTokenizer("aba", "c"); }).find("U+0061 is there twice"), std::string::npos);
  EXPECT_NE(refusal([] { CharacterTokenizer("a\xFF", "c"); }).find("byte 1 is no UTF-8"), std::string::npos);
  EXPECT_NE(refusal([] { CharacterTokenizer("", "c"); }).find("no characters"), std::string::npos);
}

const std::vector<test::ScoredToken> kTokens = {{" ", -1.0f}, {"a", -2.0f}, {"b", -3.0f}, {"ab", -5.0f}, {" a", -4.0f}, {" ab", -6.0f}};

TEST(Llama2c, HighestScoreFirst) {
  const Llama2cTokenizer tokenizer(test::llama2c_file(kTokens), "t.bin");
  EXPECT_EQ(tokenizer.vocabulary(), 265);
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{264}));
  EXPECT_EQ(tokenizer.encode("bab"), (Ids{259, 261, 262}));
  EXPECT_EQ(tokenizer.encode("\u00e9"), (Ids{259, 3 + 0xC3, 3 + 0xA9}));
  EXPECT_EQ(tokenizer.encode(""), Ids{});
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("b ab\u00e9\n")), "b ab\u00e9\n");
  EXPECT_EQ(tokenizer.decode(Ids{1, 264, 264}), "ab ab");
}

TEST(Llama2c, RefusesBrokenFiles) {
  const std::string file = test::llama2c_file(kTokens);
  const auto read = [](const std::string& bytes) { return refusal([&] { Llama2cTokenizer(bytes, "t.bin"); }); };
  EXPECT_EQ(read(file), "none");
  for (size_t cut : {size_t{0}, size_t{3}, size_t{9}, file.size() - 1, file.size() - 5}) EXPECT_NE(read(file.substr(0, cut)).find("cut short"), std::string::npos) << cut;
  EXPECT_NE(read(file.substr(0, 4 + 13)).find("1 tokens; three special"), std::string::npos);
  std::string longer = file;
  longer[8] = 100;
  EXPECT_NE(read(longer).find("token 0 has 100 bytes, but the longest has 27"), std::string::npos);
}

TEST(Tokenizer, IsFoundByItsFiles) {
  const test::TemporaryFolder folder;
  const auto at = [&](const char* name, const std::string& content) {
    write_file_atomically(folder.path() / name, content, ErrorKind::runtime);
    return folder.path() / name;
  };
  EXPECT_EQ(open_tokenizer(at("t.bin", test::llama2c_file({})))->kind(), "llama2c");
  EXPECT_EQ(open_tokenizer(at("t.characters", "abc"))->kind(), "characters");
  EXPECT_NE(refusal([&] { open_tokenizer(folder.path()); }).find("no tokenizer is known"), std::string::npos);
  at("vocab.txt", "[UNK]\n");
  EXPECT_EQ(open_tokenizer(folder.path())->kind(), "bert");
  at("encoder.json", test::gpt2_encoder({}));
  EXPECT_NE(refusal([&] { open_tokenizer(folder.path()); }).find("vocab.bpe"), std::string::npos);
  at("vocab.bpe", test::gpt2_merges({}));
  EXPECT_EQ(open_tokenizer(folder.path())->kind(), "gpt2");
  EXPECT_NE(refusal([&] { open_tokenizer(folder.path() / "none"); }).find("no such tokenizer"), std::string::npos);
}

}  // namespace
}  // namespace tessera::text
