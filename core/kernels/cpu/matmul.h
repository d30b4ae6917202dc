// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernels/matmul.h"

namespace tessera::cpu {

/// Our own blocks for small products, where a call into oneDNN costs more than the product; oneDNN elsewhere.
void matmul(const Matmul&);

/// out[rows, columns] += bias[columns], of the instruction set in use.
using AddBias = void (*)(int64_t rows, int64_t columns, const float* bias, float* out);
AddBias add_bias();

}  // namespace tessera::cpu
