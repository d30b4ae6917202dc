// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernels/matmul.h"

namespace tessera::cpu {

/// Our own blocks for small products, where a call into oneDNN costs more than the product; oneDNN elsewhere.
void matmul(const Matmul&);

}  // namespace tessera::cpu
