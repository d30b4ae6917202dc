// SPDX-License-Identifier: Apache-2.0
// The gradient of the weight of convolutions whose windows are single pixels: a product of two matrices, of which the gradient lies in memory already, and
// the image, too, unless the step leaves pixels out. oneDNN's convolution reaches two thirds of its own product's rate here.
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu::pointwise {

/// 1x1 windows without padding and groups.
bool fits(const ConvolutionGeometry& geometry);

/// Of a geometry that fits.
void backward_weight(const ConvolutionBackwardWeight&);

}  // namespace tessera::cpu::pointwise
