// SPDX-License-Identifier: Apache-2.0
// `data.kind: masked_text`: texts with hidden tokens, for models that read in both directions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/config/fields.h"
#include "core/data/dataset.h"

namespace tessera::data {

/// Keys of the `data` block. A split whose shards are not given does not exist. Ids are BERT's (uncased) unless they are given.
struct MaskedTextConfig {
  std::string root;  ///< folder that the patterns are relative to
  std::string train, validation, test;
  int64_t context = 128;
  bool next_sentence = true;
  double masked_share = 0.15;
  double short_sequences = 0.1;
  int64_t vocabulary = 30522;
  int64_t padding = 0, classification = 101, separator = 102, mask = 103;
  int64_t limit_samples = 0;
  void declare(config::Fields& fields);
};

/// Samples as BERT is pre-trained on (Devlin, Chang, Lee, Toutanova, NAACL 2019), made anew in every epoch: [CLS] A [SEP] B [SEP], or [CLS] A [SEP] without next sentences.
///
/// A document is cut into the least number of stretches that fit `context`, of equal lengths but for one token; each is a sample, the same in every epoch. A share
/// `short_sequences` of samples takes a beginning of it alone, of a length drawn evenly. The stretch is cut in two at a place drawn evenly: A and B are neighbours in their document, whole
/// sentences or not. In half of the samples B is instead a stretch of another document, drawn evenly, and of the same length as far as that has as much.
///
/// Of the tokens of A and B `masked_share` are predicted, rounded, at least one: eight in ten are replaced by [MASK], one by a token drawn from the vocabulary, one stays.
///
/// Fields: `inputs` and `token_types` i64 [context], padded; `lengths` i64 []; `targets` i64 [context], -1 where nothing is predicted; and with next sentences `next_sentence` i64 [].
/// All draws are a function of (seed, epoch, sample); evaluation has one set of draws of its own.
///
/// Opening reads all tokens once. Throws Error(data) for shards that are broken, have no separators, ids beyond the vocabulary, or too little in them; Error(usage) for ids that
/// contradict each other.
std::unique_ptr<Dataset> open_masked_text(const MaskedTextConfig& config, std::string_view split);

}  // namespace tessera::data
