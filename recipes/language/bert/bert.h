// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "core/config/fields.h"
#include "core/nn/masked_language_model.h"
#include "core/nn/text_scorer.h"
#include "recipes/model_table.h"

namespace tessera::recipes {

/// BERT (Devlin, Chang, Lee, Toutanova, "BERT: pre-training of deep bidirectional transformers for language understanding", NAACL 2019). Names as transformers spells them.
/// Head `pretraining` is BertForPreTraining: bert.*, cls.predictions.transform.dense, .LayerNorm, cls.predictions.bias, cls.seq_relationship; the output layer is the
/// embedding of words. Head `scores` is BertForSequenceClassification: bert.*, classifier.
struct BertConfig {
  std::string head = "pretraining";
  int64_t outputs = 2;  ///< of head scores
  int64_t vocabulary = 30522;
  int64_t context = 512;
  int64_t token_types = 2;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t width = 768;
  int64_t hidden = 0;  ///< 0: 4 * width
  double dropout = 0.1;
  void declare(config::Fields& fields);
};

/// An nn::MaskedLanguageModel.
std::unique_ptr<nn::Module> make_bert_for_pretraining(const BertConfig& config);
/// An nn::TextScorer.
std::unique_ptr<nn::Module> make_bert_for_scores(const BertConfig& config);
/// Whichever the head says. Throws Error(usage) for sizes that do not fit.
std::unique_ptr<nn::Module> make_bert(const BertConfig& config);

void register_bert(ModelTable& table);

}  // namespace tessera::recipes
