// SPDX-License-Identifier: Apache-2.0
#include "core/data/joined_text.h"

#include "core/base/error.h"

namespace tessera::data {

TextJoiner::TextJoiner(std::shared_ptr<const text::Tokenizer> tokenizer, int64_t context, const std::string& name)
    : tokenizer_(std::move(tokenizer)), context_(static_cast<size_t>(context)) {
  const auto required = [&](const std::optional<text::TokenId>& id, const char* token) {
    if (id) return *id;
    throw Error(ErrorKind::data, std::string("the tokenizer (") + std::string(tokenizer_->kind()) + ") has no token " + token + ", which joins texts", name,
                "give the vocab.txt of a BERT model");
  };
  classification_ = required(tokenizer_->special().classification, "[CLS]");
  separator_ = required(tokenizer_->special().separator, "[SEP]");
  padding_ = required(tokenizer_->special().padding, "[PAD]");
}

int64_t TextJoiner::join(std::string_view first, std::optional<std::string_view> second, std::vector<text::TokenId>& ids) const {
  const size_t begin = ids.size();
  std::vector<text::TokenId> a = tokenizer_->encode(first), b = second ? tokenizer_->encode(*second) : std::vector<text::TokenId>();
  const size_t room = context_ - (second ? 3 : 2);
  while (a.size() + b.size() > room) (!second || a.size() > b.size() ? a : b).pop_back();
  ids.push_back(classification_);
  ids.insert(ids.end(), a.begin(), a.end());
  ids.push_back(separator_);
  const auto of_first = static_cast<int64_t>(ids.size() - begin);
  if (!second) return of_first;
  ids.insert(ids.end(), b.begin(), b.end());
  ids.push_back(separator_);
  return of_first;
}

}  // namespace tessera::data
