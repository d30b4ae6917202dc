// SPDX-License-Identifier: Apache-2.0
#include "core/nn/start.h"

namespace tessera::nn {
namespace {

Initialiser zero(const Shape&) { return Initialiser::constant(0.0f); }

}  // namespace

void start(Module& model, std::string_view kind, std::string_view name, const StartRule& rule) {
  model.for_each_module([&](Module& module) {
    if (module.kind() != kind) return;
    for (const auto& parameter : module.own_parameters()) {
      if (parameter->name == name) parameter->initialiser = rule(parameter->shape);
    }
  });
}

void start_convolutions_by_fan_out(Module& model) {
  start(model, "Conv2d", "weight", Initialiser::he_normal_fan_out);
  start(model, "Conv2d", "bias", zero);
}

void start_linears_normal(Module& model, float deviation) {
  start(model, "Linear", "weight", [deviation](const Shape&) { return Initialiser::normal(deviation); });
  start(model, "Linear", "bias", zero);
}

}  // namespace tessera::nn
