// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/config/fields.h"
#include "core/nn/decoder.h"
#include "recipes/model_table.h"

namespace tessera::recipes {

/// The decoder of Llama 2 (Touvron et al. 2023): RMS norm, rotary positions, SwiGLU, groups of heads that share keys and values. Names as in transformers' LlamaForCausalLM:
/// model.embed_tokens, model.layers.0.input_layernorm, .self_attn.q_proj, .k_proj, .v_proj, .o_proj, .post_attention_layernorm, .mlp.gate_proj, .up_proj, .down_proj,
/// model.norm and, where it is not tied to the embedding, lm_head.
struct LlamaConfig {
  int64_t vocabulary = 32000;
  int64_t context = 2048;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t key_heads = 12;
  int64_t width = 768;
  int64_t hidden = 2048;
  double rope_theta = 10000.0;
  double norm_epsilon = 1e-5;
  bool tied = true;
  double dropout = 0.0;
  void declare(config::Fields& fields);
};

std::unique_ptr<nn::Module> make_llama(const LlamaConfig& config);

void register_llama(ModelTable& table);

}  // namespace tessera::recipes
