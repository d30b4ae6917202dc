// SPDX-License-Identifier: Apache-2.0
#include "core/config/rename.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

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

[[noreturn]] void too_long(const std::string& what, size_t size_bytes, const Origin& origin) {
  throw Error(ErrorKind::usage, "init.rename: " + what + " has " + std::to_string(size_bytes) + " bytes", origin.text(),
              "names and patterns may have " + std::to_string(kMaxRenamedBytes));
}

void check_length(const std::string& text, const Origin& origin) {
  if (text.size() > kMaxRenamedBytes) too_long(printable(text), text.size(), origin);
}

}  // namespace

struct Renamer::Rule {
  struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  struct FreeLimits {
    void operator()(pcre2_match_context* limits) const { pcre2_match_context_free(limits); }
  };

  std::unique_ptr<pcre2_code, FreeCode> pattern;
  std::unique_ptr<pcre2_match_context, FreeLimits> limits;
  RenameRule text;

  explicit Rule(const RenameRule& rule) : text(rule) {
    check_length(text.pattern, text.origin);
    check_length(text.replacement, text.origin);
    int error = 0;
    size_t at = 0;
    pattern.reset(pcre2_compile(units_of(text.pattern), text.pattern.size(), kCompileOptions, &error, &at, nullptr));
    if (!pattern) {
      throw Error(ErrorKind::usage, "pattern " + printable(text.pattern) + " is no regular expression: " + message_of(error) + " at byte " + std::to_string(at),
                  text.origin.text(), "correct it; a dot that stands for itself is written \\.");
    }
    limits.reset(pcre2_match_context_create(nullptr));
    if (!limits) throw std::bad_alloc();
    pcre2_set_match_limit(limits.get(), kMatchLimit);
  }

  /// Throws Error(usage) where the pattern gives up, the replacement is malformed, or the result would be longer than kMaxRenamedBytes.
  std::string apply(const std::string& name) const {
    std::array<char, kMaxRenamedBytes + 1> renamed;
    size_t size = renamed.size();
    const int result = pcre2_substitute(pattern.get(), units_of(name), name.size(), 0, kReplaceOptions | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH, nullptr,
                                        limits.get(), units_of(text.replacement), text.replacement.size(),
                                        reinterpret_cast<PCRE2_UCHAR*>(renamed.data()), &size);
    if (result >= 0) return {renamed.data(), size};
    if (result == PCRE2_ERROR_NOMEMORY) too_long("what becomes of " + printable(name), size - 1, text.origin);
    throw Error(ErrorKind::usage,
                "init.rename: {pattern: " + printable(text.pattern) + ", replacement: " + printable(text.replacement) + "} fails on " + printable(name) + ": " +
                    message_of(result),
                text.origin.text(), "write a simpler pattern, or correct the replacement ($1 is the first group)");
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
    check_length(renamed, rule.text.origin);
    renamed = rule.apply(renamed);
  }
  return renamed;
}

}  // namespace tessera::config
