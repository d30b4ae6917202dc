// SPDX-License-Identifier: Apache-2.0
#include "tests/core/text/texts.h"

#include <fmt/format.h>

#include <cstring>

#include "core/text/gpt2_vocabulary.h"

namespace tessera::test {
namespace {

std::string in_quotes(const std::string& token) { return token == "\"" || token == "\\" ? "\"\\" + token + "\"" : "\"" + token + "\""; }

void put(std::string& file, const auto& number) { file.append(reinterpret_cast<const char*>(&number), sizeof number); }

}  // namespace

std::string gpt2_encoder(const std::vector<std::string>& merges) {
  std::string json = "{";
  int id = 0;
  for (int byte = 0; byte < 256; ++byte) json += fmt::format("{}: {}, ", in_quotes(text::as_gpt2_spells(std::string(1, static_cast<char>(byte)))), id++);
  for (std::string merge : merges) {
    merge.erase(merge.find(' '), 1);
    json += fmt::format("{}: {}, ", in_quotes(merge), id++);
  }
  return json + fmt::format("\"<|endoftext|>\": {}}}", id);
}

std::string gpt2_merges(const std::vector<std::string>& merges) {
  std::string text = "#version: 0.2\n";
  for (const std::string& merge : merges) text += merge + "\n";
  return text;
}

std::string llama2c_file(const std::vector<ScoredToken>& tokens) {
  std::vector<ScoredToken> all = {{"<unk>", 0.0f}, {"\n<s>\n", 0.0f}, {"\n</s>\n", 0.0f}};
  for (int byte = 0; byte < 256; ++byte) all.push_back({fmt::format("<0x{:02X}>", byte), 0.0f});
  all.insert(all.end(), tokens.begin(), tokens.end());
  std::string file;
  put(file, int32_t{27});
  for (const ScoredToken& token : all) {
    put(file, token.score);
    put(file, static_cast<int32_t>(token.text.size()));
    file += token.text;
  }
  return file;
}

}  // namespace tessera::test
