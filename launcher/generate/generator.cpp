// SPDX-License-Identifier: Apache-2.0
#include "launcher/generate/generator.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"

namespace tessera::launcher {
namespace {

using text::TokenId;

std::vector<TokenId> first_tokens(const text::Tokenizer& tokenizer, const std::string& prompt) {
  std::vector<TokenId> ids;
  const text::SpecialTokens& special = tokenizer.special();
  if (special.begin) {
    ids.push_back(*special.begin);
  } else if (prompt.empty() && special.between_documents()) {
    ids.push_back(*special.between_documents());
  }
  tokenizer.encode(prompt, ids);
  if (ids.empty()) {
    throw Error(ErrorKind::usage, fmt::format("the prompt is empty, and the {} tokenizer has no token that begins a text", tokenizer.kind()), "--prompt", "give a prompt");
  }
  return ids;
}

/// The first of `count` tokens that the model sees. It moves half a context at a time, so that keys and values are seldom computed anew.
size_t first_seen(size_t count, size_t context) {
  const size_t half = std::max<size_t>(context / 2, 1);
  return count <= context ? 0 : (count - context + half - 1) / half * half;
}

/// A model with what it has read so far.
class Reader {
 public:
  Reader(nn::Decoder& model, bool cached) : model_(model), cached_(cached) {}

  /// Logits for the token behind `ids`, which begin with those of the call before.
  std::span<const float> next_logits(std::span<const TokenId> ids) {
    const size_t first = first_seen(ids.size(), static_cast<size_t>(model_.context()));
    if (cached_ && (first != first_ || cache_.layers.empty())) cache_ = model_.empty_cache(1);
    first_ = first;
    const auto fresh = ids.subspan(first + static_cast<size_t>(cached_ ? cache_.length : 0));
    const Tensor input = Tensor::empty({1, static_cast<int64_t>(fresh.size())}, DType::i64);
    std::copy(fresh.begin(), fresh.end(), input.data<int64_t>());
    nn::ForwardContext context(false, 0, 0, 0);
    const autograd::NoGrad no_grad;
    logits_ = (cached_ ? model_.extend(input, cache_, context) : model_(autograd::Variable(input), context)).value();
    const auto vocabulary = static_cast<size_t>(model_.vocabulary());
    return {logits_.data<float>() + static_cast<size_t>(logits_.elements()) - vocabulary, vocabulary};
  }

 private:
  nn::Decoder& model_;
  bool cached_;
  size_t first_ = 0;
  nn::KeyValueCache cache_;
  Tensor logits_;
};

}  // namespace

Generation generate_text(nn::Decoder& model, const text::Tokenizer& tokenizer, const GenerationPlan& plan, const std::function<void(std::string_view)>& take) {
  if (tokenizer.vocabulary() > model.vocabulary()) {
    throw Error(ErrorKind::usage, fmt::format("the tokenizer has {} tokens, but the model knows {}", tokenizer.vocabulary(), model.vocabulary()), "model.vocabulary",
                "take the tokenizer that the model was trained with");
  }
  std::vector<TokenId> ids = first_tokens(tokenizer, plan.prompt);
  if (ids.size() > static_cast<size_t>(model.context())) {
    throw Error(ErrorKind::usage, fmt::format("the prompt has {} tokens, but model.context is {}", ids.size(), model.context()), "--prompt", "give a shorter prompt");
  }
  const text::SpecialTokens& special = tokenizer.special();
  Generation result{static_cast<int64_t>(ids.size()), 0, TextEnd::most_tokens};
  size_t shown = 0;
  const auto show = [&] {
    const std::string text = tokenizer.decode(ids);
    take(std::string_view(text).substr(shown));
    shown = text.size();
  };
  show();
  Reader reader(model, plan.cache);
  const auto usable = static_cast<size_t>(tokenizer.vocabulary());  // a model may have more, as padding
  for (; result.tokens < plan.most_tokens; ++result.tokens) {
    const TokenId next = draw_token(reader.next_logits(ids).first(usable), plan.sampling, static_cast<int64_t>(ids.size()));
    if (next == special.begin || next == special.end || next == special.between_documents()) {
      result.end = TextEnd::end_token;
      break;
    }
    ids.push_back(next);
    show();
  }
  return result;
}

}  // namespace tessera::launcher
