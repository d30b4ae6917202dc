// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

namespace tessera::text {

/// Calls `take` with the words of a text, in order, as uncased BERT sees them: control characters and U+FFFD dropped, each Chinese character and each punctuation mark a word
/// of its own, lower case, without accents (combining marks of the canonical decomposition).
void split_bert_words(std::string_view text, const std::function<void(std::string_view)>& take);

}  // namespace tessera::text
