// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu {

/// Direct or Winograd kernels where they are the faster ones, oneDNN's elsewhere.
ConvolutionKernels convolution_kernels();

}  // namespace tessera::cpu
