// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// exp(x) / sum(exp(x)) over the last dim; any shape [.., D].
Variable softmax(const Variable& x);
/// Its logarithm, computed without it.
Variable log_softmax(const Variable& x);

}  // namespace tessera::ops
