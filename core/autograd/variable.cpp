// SPDX-License-Identifier: Apache-2.0
#include "core/autograd/variable.h"

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

}  // namespace tessera::autograd
