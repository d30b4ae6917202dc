// SPDX-License-Identifier: Apache-2.0
// What of a model and its optimizer goes into checkpoints, under which names.
#pragma once

#include <string>
#include <vector>

#include "core/checkpoint/state.h"
#include "core/nn/flat_parameters.h"

namespace tessera::checkpoint {

/// Parameters and running statistics, under their own names; views.
std::vector<StateEntry> weight_entries(const nn::FlatParameters& parameters);

/// A flat buffer of optimizer state, as "optimizer.<buffer>.<parameter>"; views.
std::vector<StateEntry> optimizer_entries(const nn::FlatParameters& parameters, const std::string& buffer, const Tensor& flat);

/// A moving average of the parameters, as "average.<parameter>"; views.
std::vector<StateEntry> average_entries(const nn::FlatParameters& parameters, const Tensor& flat);

}  // namespace tessera::checkpoint
