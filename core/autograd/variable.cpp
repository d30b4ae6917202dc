// SPDX-License-Identifier: Apache-2.0
#include "core/autograd/variable.h"

#include <algorithm>

namespace tessera::autograd {
namespace {

thread_local bool no_grad = false;

}  // namespace

NoGrad::NoGrad() : previous_(no_grad) { no_grad = true; }
NoGrad::~NoGrad() { no_grad = previous_; }
bool NoGrad::active() { return no_grad; }

bool recording(std::initializer_list<const Variable*> inputs) {
  if (no_grad) return false;
  for (const Variable* input : inputs) {
    if (input->needs_grad()) return true;
  }
  return false;
}

bool recording(std::span<const Variable> inputs) {
  return !no_grad && std::any_of(inputs.begin(), inputs.end(), [](const Variable& input) { return input.needs_grad(); });
}

}  // namespace tessera::autograd
