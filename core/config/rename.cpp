// SPDX-License-Identifier: Apache-2.0
#include "core/config/rename.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <memory>

#include "core/base/error.h"

namespace tessera::config {
namespace {

/// Steps of the matcher before a pattern gives up on a name: some milliseconds.
constexpr uint32_t kMatchLimit = 1'000'000;
constexpr uint32_t kCompileOptions = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
constexpr uint32_t kReplaceOptions = PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY;

PCRE2_SPTR units_of(const std::string& text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

std::string message_of(int error) {
  std::array<char, 256> text{};
  pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(text.data()), text.size());
  return text.data();
}

}  // namespace

/// What a message says of a pattern: of which key it is, and where that was written.
struct PatternPlace {
  std::string key;
  Origin origin;
};

namespace {

[[noreturn]] void too_long(const std::string& what, size_t size_bytes, const PatternPlace& place) {
  throw Error(ErrorKind::usage, place.key + ": " + what + " has " + std::to_string(size_bytes) + " bytes", place.origin.text(),
              "names and patterns may have " + std::to_string(kMaxRenamedBytes));
}

void check_length(const std::string& text, const PatternPlace& place) {
  if (text.size() > kMaxRenamedBytes) too_long(printable(text), text.size(), place);
}

}  // namespace

/// A compiled pattern with the limit of its work.
struct CompiledPattern {
  struct FreeCode {
    void operator()(pcre2_code* owned) const { pcre2_code_free(owned); }
  };
  struct FreeLimits {
    void operator()(pcre2_match_context* owned) const { pcre2_match_context_free(owned); }
  };

  std::unique_ptr<pcre2_code, FreeCode> code;
  std::unique_ptr<pcre2_match_context, FreeLimits> limits;

  CompiledPattern(const std::string& text, const PatternPlace& place) {
    check_length(text, place);
    int error = 0;
    size_t at = 0;
    code.reset(pcre2_compile(units_of(text), text.size(), kCompileOptions, &error, &at, nullptr));
    if (!code) {
      throw Error(ErrorKind::usage, "pattern " + printable(text) + " is no regular expression: " + message_of(error) + " at byte " + std::to_string(at),
                  place.origin.text(), "correct it; a dot that stands for itself is written \\.");
    }
    limits.reset(pcre2_match_context_create(nullptr));
    if (!limits) throw std::bad_alloc();
    pcre2_set_match_limit(limits.get(), kMatchLimit);
  }
};

struct Renamer::Rule {
  RenameRule text;
  PatternPlace place;
  CompiledPattern pattern;

  explicit Rule(const RenameRule& rule) : text(rule), place{"init.rename", rule.origin}, pattern(text.pattern, place) { check_length(text.replacement, place); }

  /// Throws Error(usage) where the pattern gives up, the replacement is malformed, or the result would be longer than kMaxRenamedBytes.
  std::string apply(const std::string& name) const {
    std::array<char, kMaxRenamedBytes + 1> renamed;
    size_t size = renamed.size();
    const int result = pcre2_substitute(pattern.code.get(), units_of(name), name.size(), 0, kReplaceOptions | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH, nullptr,
                                        pattern.limits.get(), units_of(text.replacement), text.replacement.size(),
                                        reinterpret_cast<PCRE2_UCHAR*>(renamed.data()), &size);
    if (result >= 0) return {renamed.data(), size};
    if (result == PCRE2_ERROR_NOMEMORY) too_long("what becomes of " + printable(name), size - 1, place);
    throw Error(ErrorKind::usage,
                "init.rename: {pattern: " + printable(text.pattern) + ", replacement: " + printable(text.replacement) + "} fails on " + printable(name) + ": " +
                    message_of(result),
                place.origin.text(), "write a simpler pattern, or correct the replacement ($1 is the first group)");
  }
};

Renamer::Renamer(std::span<const RenameRule> rules) {
  rules_.reserve(rules.size());
  for (const RenameRule& rule : rules) rules_.emplace_back(rule);
}

Renamer::~Renamer() = default;

std::string Renamer::operator()(const std::string& name) const {
  std::string renamed = name;
  for (const Rule& rule : rules_) {
    check_length(renamed, rule.place);
    renamed = rule.apply(renamed);
  }
  return renamed;
}

struct NamePatterns::Pattern {
  std::string text;
  PatternPlace place;
  CompiledPattern pattern;

  Pattern(const std::string& words, const PatternPlace& where) : text(words), place(where), pattern(text, place) {}

  bool is_in(const std::string& name) const {
    const int result = pcre2_match(pattern.code.get(), units_of(name), name.size(), 0, 0, groups.get(), pattern.limits.get());
    if (result >= 0 || result == PCRE2_ERROR_NOMATCH) return result >= 0;
    throw Error(ErrorKind::usage, place.key + ": " + printable(text) + " fails on " + printable(name) + ": " + message_of(result), place.origin.text(), "write a simpler pattern");
  }

  struct FreeGroups {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  std::unique_ptr<pcre2_match_data, FreeGroups> groups{pcre2_match_data_create(1, nullptr)};
};

NamePatterns::NamePatterns(std::span<const std::string> patterns, const std::string& key, const Origin& origin) {
  for (const std::string& text : patterns) patterns_.emplace_back(text, PatternPlace{key, origin});
}

NamePatterns::~NamePatterns() = default;

bool NamePatterns::match(size_t i, const std::string& name) const {
  check_length(name, patterns_[i].place);
  return patterns_[i].is_in(name);
}

bool NamePatterns::match_any(const std::string& name) const {
  for (size_t i = 0; i < patterns_.size(); ++i) {
    if (match(i, name)) return true;
  }
  return false;
}

}  // namespace tessera::config
