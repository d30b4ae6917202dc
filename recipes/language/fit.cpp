// SPDX-License-Identifier: Apache-2.0
#include "recipes/language/fit.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "recipes/fit.h"

namespace tessera::recipes {

namespace {

void check_windows(const config::KindBlock& model, int64_t vocabulary, int64_t context, const data::Field& inputs, int64_t ids, const std::string& fitting) {
  if (inputs.dtype != DType::i64 || inputs.shape.dims() != 1) {
    throw Error(ErrorKind::usage, fmt::format("{} takes windows of tokens, but a sample of the data is {} {}", model.kind, name_of(inputs.dtype), inputs.shape.text()),
                model.node.origin().text(), "take data of kind " + fitting + ", or another model");
  }
  if (context < inputs.shape[0]) {
    does_not_fit(model, "context", context, fmt::format("data.context is {} tokens", inputs.shape[0]), inputs.shape[0]);
  }
  if (vocabulary < ids) does_not_fit(model, "vocabulary", vocabulary, fmt::format("the data's vocabulary has {} tokens", ids), ids);
}

}  // namespace

void check_tokens(const config::KindBlock& model, int64_t vocabulary, int64_t context, const data::Dataset& dataset) {
  check_windows(model, vocabulary, context, dataset.fields().front(), dataset.classes().value_or(0), "tokens or text, for bert masked_text");
}

void check_texts(const config::KindBlock& model, int64_t vocabulary, int64_t context, const data::Dataset& dataset) {
  check_windows(model, vocabulary, context, dataset.fields().front(), dataset.vocabulary().value_or(0), "text_table");
}

void check_heads(int64_t width, int64_t heads) {
  if (width % heads != 0) {
    throw Error(ErrorKind::usage, fmt::format("{} heads do not divide a width of {}", heads, width), "model.heads", "take heads that divide model.width");
  }
}

}  // namespace tessera::recipes
