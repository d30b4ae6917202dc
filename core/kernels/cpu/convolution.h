// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu {

/// Terms that one f32 chain of a forward pass by oneDNN may have: an error grows with the root of them. Longer ones are cut (onednn/convolution.cpp), or made
/// another way (direct/choice.cpp).
constexpr int64_t kLongestChain = 640;

/// Direct or Winograd kernels where they are the faster ones, oneDNN's elsewhere.
ConvolutionKernels convolution_kernels();

}  // namespace tessera::cpu
