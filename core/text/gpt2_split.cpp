// SPDX-License-Identifier: Apache-2.0
#include "core/text/gpt2_split.h"

#include <unicode/uchar.h>

#include "core/text/utf8.h"

namespace tessera::text {
namespace {

constexpr uint32_t kCodePoints = 0x110000;

/// The length of 's, 't, 're, 've, 'm, 'll or 'd at the beginning of `text`; 0: none of them.
size_t contraction(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  const char first = text[1], second = text.size() > 2 ? text[2] : '\0';
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return 3;
  return 0;
}

}  // namespace

Gpt2Splitter::Gpt2Splitter()
    : classes_([]() -> const std::vector<Class>& {
        static const std::vector<Class> classes = classes_of_code_points();
        return classes;
      }()) {}

std::vector<Gpt2Splitter::Class> Gpt2Splitter::classes_of_code_points() {
  std::vector<Class> classes(kCodePoints, Class::other);
  for (uint32_t code = 0; code < kCodePoints; ++code) {
    const auto point = static_cast<UChar32>(code);
    const uint32_t category = U_GET_GC_MASK(point);
    if (category & U_GC_L_MASK) classes[code] = Class::letter;
    if (category & U_GC_N_MASK) classes[code] = Class::number;
    if (u_isUWhiteSpace(point)) classes[code] = Class::space;
  }
  return classes;
}

Gpt2Splitter::Class Gpt2Splitter::next_class(std::string_view text, size_t& at) const {
  const auto byte = static_cast<uint8_t>(text[at]);
  if (byte < 0x80) [[likely]] {
    ++at;
    return classes_[byte];
  }
  const CodePoint point = first_code_point(text.substr(at));
  at += point.bytes;
  return classes_[point.value];
}

size_t Gpt2Splitter::end_of_run(std::string_view text, size_t at, Class wanted) const {
  for (size_t next = at; next < text.size(); at = next) {
    if (next_class(text, next) != wanted) return at;
  }
  return text.size();
}

/// White space up to the last character before something else, which begins the next piece; a single character stands alone.
size_t Gpt2Splitter::end_of_spaces(std::string_view text) const {
  size_t before_last = 0, end = 0;
  for (size_t next = 0; next < text.size();) {
    if (next_class(text, next) != Class::space) return before_last > 0 ? before_last : end;
    before_last = end;
    end = next;
  }
  return end;
}

size_t Gpt2Splitter::first_piece(std::string_view text) const {
  if (const size_t length = contraction(text)) return length;
  size_t start = text[0] == ' ' && text.size() > 1 ? 1 : 0;
  size_t next = start;
  const Class first = next_class(text, next);
  return first == Class::space ? end_of_spaces(text) : end_of_run(text, next, first);
}

}  // namespace tessera::text
