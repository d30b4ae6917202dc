// SPDX-License-Identifier: Apache-2.0
// Convolutions whose windows are single pixels: products of matrices, which lie in memory already unless the step leaves pixels out. No weight is reordered for them.
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu::pointwise {

/// 1x1 windows without padding and groups.
bool fits(const ConvolutionGeometry& geometry);

// Of a geometry that fits, with a step of one.
void forward(const ConvolutionForward&);
void backward_data(const ConvolutionBackwardData&);
/// Of a geometry that fits.
void backward_weight(const ConvolutionBackwardWeight&);

}  // namespace tessera::cpu::pointwise
