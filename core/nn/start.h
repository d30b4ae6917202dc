// SPDX-License-Identifier: Apache-2.0
// How a whole model starts, where it does not start as its layers do by themselves.
#pragma once

#include <functional>
#include <string_view>

#include "core/nn/module.h"

namespace tessera::nn {

/// An initialiser for a parameter of this shape.
using StartRule = std::function<Initialiser(const Shape&)>;

/// Parameters `name` ("weight") of all modules of a kind ("Conv2d") in and below `model` start by `rule`. To be called before name_tree().
void start(Module& model, std::string_view kind, std::string_view name, const StartRule& rule);

/// Weights of convolutions start normally distributed by their fan out (he_normal_fan_out), their biases at zero: what most image models of torchvision
/// and timm do.
void start_convolutions_by_fan_out(Module& model);

/// Weights of linear layers start normally distributed, their biases at zero.
void start_linears_normal(Module& model, float deviation);

}  // namespace tessera::nn
