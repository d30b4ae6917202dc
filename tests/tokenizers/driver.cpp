// SPDX-License-Identifier: Apache-2.0
// tokenizer_driver PATH: what scripts/compare_tokenizers asks. Requests on standard input are a letter, a length (u64) and bytes; answers go to standard output:
//   E  encode: a count (u64), ids (i32)
//   D  encode and decode: a length (u64), bytes
//   T  encode: seconds (f64)
#include <chrono>
#include <cstdio>
#include <cstring>

#include "core/base/error.h"
#include "core/text/tokenizer.h"

namespace {

using tessera::text::TokenId;

bool read_exactly(void* to, size_t size_bytes) { return std::fread(to, 1, size_bytes, stdin) == size_bytes; }
void write(const void* from, size_t size_bytes) { std::fwrite(from, 1, size_bytes, stdout); }

void answer(const tessera::text::Tokenizer& tokenizer, char request, const std::string& text) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<TokenId> ids = tokenizer.encode(text);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (request == 'T') return write(&seconds, sizeof seconds);
  if (request == 'E') {
    const uint64_t count = ids.size();
    write(&count, sizeof count);
    return write(ids.data(), ids.size() * sizeof(TokenId));
  }
  const std::string back = tokenizer.decode(ids);
  const uint64_t size_bytes = back.size();
  write(&size_bytes, sizeof size_bytes);
  write(back.data(), back.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const auto tokenizer = tessera::text::open_tokenizer(argv[1]);
    char request;
    uint64_t size_bytes;
    std::string text;
    while (read_exactly(&request, 1) && read_exactly(&size_bytes, sizeof size_bytes)) {
      text.resize(size_bytes);
      if (!read_exactly(text.data(), size_bytes)) return 2;
      answer(*tokenizer, request, text);
      std::fflush(stdout);
    }
  } catch (const tessera::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
