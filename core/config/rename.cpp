// SPDX-License-Identifier: Apache-2.0
#include "core/config/rename.h"

#include <regex>

#include "core/base/error.h"

namespace tessera::config {

struct Renamer::Rule {
  std::regex pattern;
  RenameRule text;
};

namespace {

void check_length(const std::string& text, const Origin& origin) {
  if (text.size() <= kMaxRenamedBytes) return;
  throw Error(ErrorKind::usage, "init.rename: " + printable(text) + " has " + std::to_string(text.size()) + " bytes", origin.text(),
              "names and patterns may have " + std::to_string(kMaxRenamedBytes));
}

}  // namespace

Renamer::Renamer(std::span<const RenameRule> rules) : rules_(std::make_unique<Rule[]>(rules.size())), count_(rules.size()) {
  for (size_t i = 0; i < count_; ++i) {
    check_length(rules[i].pattern, rules[i].origin);
    check_length(rules[i].replacement, rules[i].origin);
    try {
      rules_[i] = {std::regex(rules[i].pattern), rules[i]};
    } catch (const std::regex_error& error) {
      throw Error(ErrorKind::usage, "pattern " + printable(rules[i].pattern) + " is no regular expression: " + error.what(), rules[i].origin.text(),
                  "correct it; a dot that stands for itself is written \\.");
    }
  }
}

Renamer::~Renamer() = default;

std::string Renamer::operator()(const std::string& name) const {
  std::string renamed = name;
  for (size_t i = 0; i < count_; ++i) {
    check_length(renamed, rules_[i].text.origin);
    try {
      renamed = std::regex_replace(renamed, rules_[i].pattern, rules_[i].text.replacement);
    } catch (const std::regex_error& error) {
      throw Error(ErrorKind::usage, "pattern " + printable(rules_[i].text.pattern) + " gives up on " + printable(renamed) + ": " + error.what(),
                  rules_[i].text.origin.text(), "write a simpler one");
    }
    check_length(renamed, rules_[i].text.origin);
  }
  return renamed;
}

}  // namespace tessera::config
