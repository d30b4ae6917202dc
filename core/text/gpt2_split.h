// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tessera::text {

/// Cuts text as GPT-2's pattern does:
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// in one pass without a regular-expression engine; tests hold it against PCRE2. \s is Unicode's White_Space, as in tiktoken. Bytes that are no UTF-8
/// are like punctuation.
class Gpt2Splitter {
 public:
  Gpt2Splitter();

  /// The length in bytes of the first piece of `text`, which is not empty.
  size_t first_piece(std::string_view text) const;

 private:
  enum class Class : uint8_t { other, letter, number, space };

  static std::vector<Class> classes_of_code_points();
  /// The class of the character at byte `at`, which is moved behind it.
  Class next_class(std::string_view text, size_t& at) const;
  size_t end_of_run(std::string_view text, size_t at, Class wanted) const;
  size_t end_of_spaces(std::string_view text) const;

  const std::vector<Class>& classes_;  // of every code point; shared
};

}  // namespace tessera::text
