// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "core/base/error.h"
#include "core/base/philox.h"
#include "core/text/gpt2.h"
#include "core/text/utf8.h"
#include "tests/core/text/texts.h"

namespace tessera::text {
namespace {

std::vector<std::string> pieces_of(const Gpt2Splitter& splitter, std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const size_t size = splitter.first_piece(text);
    pieces.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return pieces;
}

/// GPT-2's pattern by PCRE2. Its \s has U+180E, which is no white space since Unicode 6.3: spelled out.
class Pattern {
 public:
  Pattern() {
    const std::string space = "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
    const std::string pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" + space + "\\p{L}\\p{N}]+|[" + space + "]+(?![^" + space + "])|[" + space + "]+";
    int error = 0;
    size_t place = 0;
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP, &error, &place, nullptr);
    match_ = pcre2_match_data_create_from_pattern(code_, nullptr);
    pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);
  }
  ~Pattern() {
    pcre2_match_data_free(match_);
    pcre2_code_free(code_);
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  std::vector<std::string> pieces_of(const std::string& text) const {
    std::vector<std::string> pieces;
    for (size_t at = 0; at < text.size();) {
      const int found = pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, PCRE2_NO_UTF_CHECK, match_, nullptr);
      const size_t* range = pcre2_get_ovector_pointer(match_);
      EXPECT_TRUE(found > 0 && range[0] == at && range[1] > at);
      pieces.push_back(text.substr(range[0], range[1] - range[0]));
      at = range[1];
    }
    return pieces;
  }

 private:
  pcre2_code* code_ = nullptr;
  pcre2_match_data* match_ = nullptr;
};

/// The pattern tells apart four classes, the space, the apostrophe and seven letters; it looks at two characters behind an apostrophe, and at runs. All texts of up to five such
/// characters show every way in which its alternatives can follow each other.
TEST(Gpt2Splitter, EqualsThePatternOnAllShortTexts) {
  const Gpt2Splitter splitter;
  const Pattern pattern;
  const std::array<std::string, 13> alphabet = {" ", "'", "s", "r", "e", "v", "l", "a", "7", "!", "\n", "\u3000", "\u00e9"};
  for (size_t length = 1; length <= 5; ++length) {
    size_t count = 1;
    for (size_t i = 0; i < length; ++i) count *= alphabet.size();
    for (size_t number = 0; number < count; ++number) {
      std::string text;
      for (size_t i = 0, rest = number; i < length; ++i, rest /= alphabet.size()) text += alphabet[rest % alphabet.size()];
      ASSERT_EQ(pieces_of(splitter, text), pattern.pieces_of(text)) << text;
    }
  }
}

/// Of what PCRE2's version of Unicode assigns; ours may know more.
TEST(Gpt2Splitter, ClassesEqualThePatterns) {
  const Gpt2Splitter splitter;
  const Pattern pattern;
  int error = 0;
  size_t place = 0;
  pcre2_code* assigned = pcre2_compile(reinterpret_cast<PCRE2_SPTR>("\\P{Cn}"), 6, PCRE2_UTF | PCRE2_UCP, &error, &place, nullptr);
  pcre2_match_data* match = pcre2_match_data_create_from_pattern(assigned, nullptr);
  int compared = 0;
  for (uint32_t point = 0; point < 0x110000; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    std::string character;
    append_utf8(point, character);
    if (pcre2_match(assigned, reinterpret_cast<PCRE2_SPTR>(character.data()), character.size(), 0, 0, match, nullptr) < 0) continue;
    ++compared;
    const std::string text = "a" + character + "7" + character + "!" + character;
    ASSERT_EQ(pieces_of(splitter, text), pattern.pieces_of(text)) << point;
  }
  EXPECT_GT(compared, 280000);
  pcre2_match_data_free(match);
  pcre2_code_free(assigned);
}

const std::vector<std::string> kMerges = {"h e", "l l", "he ll", "hell o", "\u0120 w", "a a", "aa aa"};

Gpt2Tokenizer small() { return Gpt2Tokenizer(test::gpt2_encoder(kMerges), "encoder.json", test::gpt2_merges(kMerges), "vocab.bpe"); }

TEST(Gpt2Tokenizer, MergesByRank) {
  const Gpt2Tokenizer tokenizer = small();
  EXPECT_EQ(tokenizer.vocabulary(), 264);
  EXPECT_EQ(tokenizer.special().end, 263);
  EXPECT_EQ(tokenizer.encode("hello world"), (std::vector<TokenId>{259, 260, 'o', 'r', 'l', 'd'}));
  EXPECT_EQ(tokenizer.encode("aaaaaaa"), (std::vector<TokenId>{262, 261, 'a'}));
  EXPECT_EQ(tokenizer.encode(""), std::vector<TokenId>{});
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("hello <|endoftext|>")), "hello <|endoftext|>");
}

/// The queue for long words does what scanning does, and takes no quadratic time.
TEST(Gpt2Tokenizer, LongWords) {
  const Gpt2Tokenizer tokenizer = small();
  std::vector<TokenId> wanted(250'000, 262);
  wanted.insert(wanted.end(), {261, 'a'});
  EXPECT_EQ(tokenizer.encode(std::string(1'000'003, 'a')), wanted);
  const auto find = [](TokenId left, TokenId right) -> std::optional<Merge<int>> {
    if (left > 300 || right > 300) return std::nullopt;
    return Merge<int>{(left * 7 + right) % 5, left + right};
  };
  for (uint64_t length = 0; length <= kShortWord; ++length) {
    std::vector<TokenId> scanned;
    for (uint64_t i = 0; i < length; ++i) scanned.push_back("helo"[philox_at({1, 2}, i, length)[0] % 4]);
    std::vector<TokenId> queued = scanned;
    merge_by_scanning<int>(scanned, find);
    MergeQueue<int, decltype(find)>(queued, find).run();
    EXPECT_EQ(scanned, queued);
  }
}

TEST(Gpt2Tokenizer, AnyBytesComeBack) {
  const Gpt2Tokenizer tokenizer = small();
  const RandomKey key = random_key(7, RandomPurpose::sample);
  for (uint64_t text = 0; text < 2000; ++text) {
    std::string bytes;
    for (uint64_t i = 0; i < text % 40; ++i) bytes += static_cast<char>(philox_at(key, i, text)[0] & (text % 3 == 0 ? 0x8f : 0xff));
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(bytes)), bytes);
  }
}

std::string refusal(const std::string& encoder, const std::string& merges) {
  try {
    const Gpt2Tokenizer tokenizer(encoder, "encoder.json", merges, "vocab.bpe");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "none";
}

TEST(Gpt2Tokenizer, RefusesFilesThatDoNotFitEachOther) {
  const std::string encoder = test::gpt2_encoder(kMerges), merges = test::gpt2_merges(kMerges);
  EXPECT_EQ(refusal(encoder, merges), "none");
  EXPECT_NE(refusal(encoder, merges + "x y\n").find("vocab.bpe:9: token 'xy' of this merge is not in the vocabulary"), std::string::npos);
  EXPECT_NE(refusal(encoder, test::gpt2_merges({"h e", "l l"})).find("no merge makes token 'hell' (id 258)"), std::string::npos);
  EXPECT_NE(refusal(encoder, merges + "xy\n").find("vocab.bpe:9: a merge is two tokens"), std::string::npos);
  EXPECT_NE(refusal("{\"a\": 0}", merges).find("no token for byte 0x00"), std::string::npos);
  EXPECT_NE(refusal("{\"a\": 1}", merges).find("not a number below 1"), std::string::npos);
  EXPECT_NE(refusal("{\"a\": 0, \"b\": 0}", merges).find("id 0 stands for two tokens"), std::string::npos);
  EXPECT_NE(refusal("{\"\u3042\": 0}", merges).find("not spelled as GPT-2"), std::string::npos);
  EXPECT_NE(refusal("[]", merges).find("not a JSON object"), std::string::npos);
  EXPECT_NE(refusal(encoder.substr(0, 100), merges).find("not a JSON object"), std::string::npos);
}

TEST(Gpt2Tokenizer, RefusesIdsBeyondTheVocabulary) {
  const std::vector<TokenId> ids = {264};
  EXPECT_THROW((void)small().decode(ids), Error);
}

}  // namespace
}  // namespace tessera::text
