// SPDX-License-Identifier: Apache-2.0
// Kernels that are oneDNN's: matrix products and convolutions.
#pragma once

#include "core/kernels/kernels.h"

namespace tessera::cpu::onednn {

void matmul(const Matmul&);
void batched_matmul(const BatchedMatmul&);
ConvolutionKernels convolution_kernels();

/// "oneDNN 3.2.0, AVX2": version and the instruction set it dispatches to.
std::string description();

}  // namespace tessera::cpu::onednn
