// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON of others: a line of a corpus, the state of tokenized shards, an index of weight files. Refused with a data error of one line, or taken.
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file.h"
#include "core/checkpoint/weight_files.h"
#include "core/data/documents.h"
#include "core/data/tokenize_state.h"
#include "tests/fuzz/require.h"

namespace {

using namespace tessera;

void check_state(std::string_view text) {
  const std::string again = data::text_of_state(data::parse_state(text, "fuzz"));
  require(data::text_of_state(data::parse_state(again, "again")) == again, "another state after writing anew");
}

/// In a folder without any other file: every index that names one is refused.
void check_index(std::string_view text) {
  static const std::filesystem::path path = std::filesystem::temp_directory_path() / ("json_fuzzer." + std::to_string(getpid()) + ".index.json");
  write_file_atomically(path, text, ErrorKind::runtime);
  static const std::vector<std::string> model = {"transformer.wte.weight", "transformer.ln_f.weight"};
  require(checkpoint::WeightFiles(path, model).tensors().empty(), "tensors without a file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  try {
    switch (data[0] % 3) {
      case 0: data::text_of_json_line({std::string(text), "fuzz:1"}, "text"); break;
      case 1: check_state(text); break;
      default: check_index(text);
    }
  } catch (const Error& error) {
    require_refusal(error, ErrorKind::data);
  }
  return 0;
}
