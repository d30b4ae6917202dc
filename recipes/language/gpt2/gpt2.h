// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/config/fields.h"
#include "core/nn/decoder.h"
#include "recipes/model_table.h"

namespace tessera::recipes {

/// GPT-2 (Radford, Wu, Child, Luan, Amodei, Sutskever, "Language models are unsupervised multitask learners", 2019). Names as in transformers' GPT2LMHeadModel:
/// transformer.wte, transformer.wpe, transformer.h.0.ln_1, .attn.c_attn, .attn.c_proj, .ln_2, .mlp.c_fc, .mlp.c_proj, transformer.ln_f; the output layer is wte.
struct Gpt2Config {
  int64_t vocabulary = 50257;
  int64_t context = 1024;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t width = 768;
  double dropout = 0.0;
  void declare(config::Fields& fields);
};

std::unique_ptr<nn::Module> make_gpt2(const Gpt2Config& config);

void register_gpt2(ModelTable& table);

}  // namespace tessera::recipes
