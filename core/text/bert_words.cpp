// SPDX-License-Identifier: Apache-2.0
#include "core/text/bert_words.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>

#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace tessera::text {
namespace {

using Take = std::function<void(std::string_view)>;
using Units = std::u16string;

constexpr size_t kMostBytes = std::numeric_limits<int32_t>::max() / 16;  // ICU counts in i32, and lower case and decomposition make text longer

bool is_ascii_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }
bool is_ascii_punctuation(uint32_t point) {
  return (point >= 33 && point <= 47) || (point >= 58 && point <= 64) || (point >= 91 && point <= 96) || (point >= 123 && point <= 126);
}

bool is_punctuation(UChar32 point) {
  return is_ascii_punctuation(static_cast<uint32_t>(point)) || (U_GET_GC_MASK(point) & U_GC_P_MASK) != 0;
}

/// What Python's str.split() splits at, of what is left after cleaning.
bool is_space(UChar32 point) { return point == ' ' || (U_GET_GC_MASK(point) & U_GC_Z_MASK) != 0; }

/// The blocks that the original tokenizer calls Chinese; Hangul, Hiragana and Katakana are not among them.
bool is_chinese(UChar32 p) {
  return (p >= 0x4E00 && p <= 0x9FFF) || (p >= 0x3400 && p <= 0x4DBF) || (p >= 0x20000 && p <= 0x2A6DF) || (p >= 0x2A700 && p <= 0x2B73F) ||
         (p >= 0x2B740 && p <= 0x2B81F) || (p >= 0x2B820 && p <= 0x2CEAF) || (p >= 0xF900 && p <= 0xFAFF) || (p >= 0x2F800 && p <= 0x2FA1F);
}

void append(Units& units, UChar32 point) {
  if (U_IS_BMP(point)) {
    units += static_cast<char16_t>(point);
  } else {
    units += U16_LEAD(point);
    units += U16_TRAIL(point);
  }
}

template <typename Visit>
void for_each_point(const Units& units, Visit visit) {
  const auto length = static_cast<int32_t>(units.size());
  for (int32_t at = 0; at < length;) {
    UChar32 point;
    U16_NEXT(units.data(), at, length, point);
    visit(point);
  }
}

/// Runs an ICU function that fills a buffer and says how much room it needs.
template <typename Function>
Units filled(const Units& from, Function function) {
  Units to(from.size() * 2 + 16, u'\0');
  for (;;) {
    UErrorCode status = U_ZERO_ERROR;
    const int32_t length = function(to.data(), static_cast<int32_t>(to.size()), status);
    const bool too_small = status == U_BUFFER_OVERFLOW_ERROR || static_cast<size_t>(length) > to.size();
    if (!too_small && U_FAILURE(status)) throw Error(ErrorKind::runtime, std::string("ICU: ") + u_errorName(status), "BERT tokenizer");
    to.resize(static_cast<size_t>(length));
    if (!too_small) return to;
  }
}

/// Each character by itself, as the reference does: a capital sigma at the end of a word becomes what it becomes elsewhere.
Units lower(const Units& from) {
  constexpr UChar32 kDottedCapitalI = 0x130;  // the only character whose lower case is two
  Units to;
  for_each_point(from, [&](UChar32 point) {
    if (point == kDottedCapitalI) {
      to += u"i\u0307";
    } else {
      append(to, u_tolower(point));
    }
  });
  return to;
}

Units normalised(const Units& from, const UNormalizer2* (*form)(UErrorCode*)) {
  return filled(from, [&](UChar* to, int32_t room, UErrorCode& status) {
    return unorm2_normalize(form(&status), from.data(), static_cast<int32_t>(from.size()), to, room, &status);
  });
}

Units decoded(std::string_view text) {
  Units units;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    append(units, static_cast<UChar32>(point.value));
    text.remove_prefix(point.bytes);
  }
  return units;
}

/// Without control characters and U+FFFD; Chinese characters between spaces.
Units cleaned(const Units& from) {
  Units to;
  for_each_point(from, [&](UChar32 point) {
    if (point == 0xFFFD || (U_GET_GC_MASK(point) & U_GC_C_MASK) != 0) return;
    const bool alone = is_chinese(point);
    if (alone) to += u' ';
    append(to, is_space(point) ? ' ' : point);
    if (alone) to += u' ';
  });
  return to;
}

Units without_accents(const Units& from) {
  Units to;
  for_each_point(from, [&](UChar32 point) {
    if (u_charType(point) != U_NON_SPACING_MARK) append(to, point);
  });
  return to;
}

/// Words at spaces, punctuation marks alone.
void cut(const Units& text, const Take& take) {
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) take(word);
    word.clear();
  };
  for_each_point(text, [&](UChar32 point) {
    if (is_space(point)) return flush();
    const bool alone = is_punctuation(point);
    if (alone) flush();
    append_utf8(static_cast<uint32_t>(point), word);
    if (alone) flush();
  });
  flush();
}

void split_unicode(std::string_view run, const Take& take) {
  if (run.size() > kMostBytes) throw Error(ErrorKind::data, std::to_string(run.size()) + " bytes without a space", "BERT tokenizer", "break such lines");
  const Units text = normalised(cleaned(lower(decoded(run))), unorm2_getNFCInstance);
  cut(without_accents(normalised(text, unorm2_getNFDInstance)), take);
}

void split_ascii(std::string_view run, const Take& take) {
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) take(word);
    word.clear();
  };
  for (const char byte : run) {
    const auto point = static_cast<uint32_t>(byte);
    if (point < 0x20 || point == 0x7F) continue;
    const bool alone = is_ascii_punctuation(point);
    if (alone) flush();
    word += point >= 'A' && point <= 'Z' ? static_cast<char>(point + 32) : byte;
    if (alone) flush();
  }
  flush();
}

}  // namespace

void split_bert_words(std::string_view text, const Take& take) {
  for (size_t start = 0; start < text.size();) {
    size_t end = start;
    bool ascii = true;
    for (; end < text.size() && !is_ascii_space(text[end]); ++end) ascii &= static_cast<uint8_t>(text[end]) < 0x80;
    const std::string_view run = text.substr(start, end - start);
    if (ascii) {
      split_ascii(run, take);
    } else {
      split_unicode(run, take);
    }
    start = end + 1;
  }
}

}  // namespace tessera::text
