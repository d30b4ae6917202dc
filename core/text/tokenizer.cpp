// SPDX-License-Identifier: Apache-2.0
#include "core/text/tokenizer.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/text/characters.h"
#include "core/text/gpt2.h"
#include "core/text/llama2c.h"
#include "core/text/wordpiece.h"

namespace tessera::text {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Tokenizer> read_gpt2(const fs::path& vocabulary, const fs::path& merges) {
  return std::make_shared<Gpt2Tokenizer>(read_file(vocabulary, ErrorKind::data), vocabulary.string(), read_file(merges, ErrorKind::data), merges.string());
}

std::shared_ptr<const Tokenizer> read_bert(const fs::path& vocabulary) {
  return std::make_shared<WordPieceTokenizer>(read_file(vocabulary, ErrorKind::data), vocabulary.string());
}

}  // namespace

void Tokenizer::check_ids(std::span<const TokenId> ids) const {
  for (const TokenId id : ids) {
    if (id >= 0 && id < vocabulary()) continue;
    throw Error(ErrorKind::data, fmt::format("token id {} is outside of the vocabulary 0..{}", id, vocabulary() - 1), std::string(kind()) + " tokenizer",
                "take the tokenizer that made the tokens");
  }
}

std::shared_ptr<const Tokenizer> open_tokenizer(const fs::path& path) {
  std::error_code ignored;
  const auto has = [&](const char* name) { return fs::exists(path / name, ignored); };
  if (!fs::exists(path, ignored)) throw Error(ErrorKind::data, "there is no such tokenizer", path.string(), "give a folder or file of one");
  if (fs::is_directory(path, ignored)) {
    if (has("encoder.json") || has("vocab.bpe")) return read_gpt2(path / "encoder.json", path / "vocab.bpe");
    if (has("merges.txt")) return read_gpt2(path / "vocab.json", path / "merges.txt");
    if (has("vocab.txt")) return read_bert(path / "vocab.txt");
  } else if (path.extension() == ".bin") {
    return std::make_shared<Llama2cTokenizer>(read_file(path, ErrorKind::data), path.string());
  } else if (path.extension() == ".characters") {
    return std::make_shared<CharacterTokenizer>(read_file(path, ErrorKind::data), path.string());
  } else if (path.extension() == ".txt") {
    return read_bert(path);
  }
  throw Error(ErrorKind::data, "no tokenizer is known by this name or these files", path.string(),
              "give a folder with encoder.json and vocab.bpe, or vocab.json and merges.txt, or vocab.txt; or a file vocab.txt, NAME.bin or NAME.characters");
}

}  // namespace tessera::text
