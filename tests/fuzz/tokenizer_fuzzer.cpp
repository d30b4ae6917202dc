// SPDX-License-Identifier: Apache-2.0
// Any bytes as the file of a tokenizer, and as text: refused with a data error of one line, or ids of the vocabulary. GPT-2's byte-level tokens give the bytes back.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/text/characters.h"
#include "core/text/gpt2.h"
#include "core/text/llama2c.h"
#include "core/text/wordpiece.h"
#include "tests/core/text/texts.h"
#include "tests/fuzz/require.h"

namespace {

using namespace tessera::text;

std::string checked_round_trip(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<TokenId> ids = tokenizer.encode(text);
  for (const TokenId id : ids) require(id >= 0 && id < tokenizer.vocabulary(), "an id outside of the vocabulary");
  return tokenizer.decode(ids);
}

/// `make(file)` may refuse the file, and the tokenizer the text.
template <typename Make>
void try_file(Make make, std::string_view text) {
  try {
    const auto tokenizer = make();
    checked_round_trip(tokenizer, text);
  } catch (const tessera::Error& error) {
    require_refusal(error, tessera::ErrorKind::data);
  }
}

const std::vector<std::string> kMerges = {"h e", "l l", "he ll", "hell o", "\u0120 w", "a a", "aa aa", "\u00c3 \u00a9"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Gpt2Tokenizer gpt2(tessera::test::gpt2_encoder(kMerges), "encoder.json", tessera::test::gpt2_merges(kMerges), "vocab.bpe");
  static const WordPieceTokenizer bert("[UNK]\na\n##a\nthe\n##s\n\u03c3\n\u4e00\n!\n", "vocab.txt");
  static const Llama2cTokenizer llama(tessera::test::llama2c_file({{" ", -1.0f}, {"a", -2.0f}, {" a", -3.0f}, {"aa", -4.0f}}), "tokenizer.bin");
  if (size == 0) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::string_view file = all.substr(0, all.size() / 2), text = all.substr(all.size() / 2);
  switch (data[0] % 7) {
    case 0: require(checked_round_trip(gpt2, all) == all, "GPT-2's tokens do not give the bytes back"); break;
    case 1: checked_round_trip(bert, all); break;
    case 2: checked_round_trip(llama, all); break;
    case 3: try_file([&] { return Llama2cTokenizer(file, "fuzz"); }, text); break;
    case 4: try_file([&] { return WordPieceTokenizer(file, "fuzz"); }, text); break;
    case 5: try_file([&] { return CharacterTokenizer(file, "fuzz"); }, text); break;
    default: try_file([&] { return Gpt2Tokenizer(file, "fuzz", text, "fuzz"); }, text);
  }
  return 0;
}
