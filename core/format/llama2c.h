// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor/tensor.h"

namespace tessera {

/// The weights of a checkpoint of llama2.c (Karpathy 2023; version 0: seven numbers i32, then f32), under the names of transformers' LlamaForCausalLM. Rows of queries and
/// keys are put in transformers' order, which pairs element i of a head with i + width / 2; llama2.c pairs neighbours. Throws Error(data) for sizes that make no sense
/// and a file of another length than they say.
std::vector<std::pair<std::string, Tensor>> read_llama2c(const std::filesystem::path& path);

}  // namespace tessera
