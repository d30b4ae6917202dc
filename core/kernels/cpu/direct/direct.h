// SPDX-License-Identifier: Apache-2.0
// Direct convolutions: no reordered copies, blocks of the result in registers (tile.h). For few channels, where oneDNN's kernels
// leave most of a vector empty.
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu::direct {

enum class Direction : uint8_t { forward, backward_data, backward_weight };

enum class Method : uint8_t {
  library,    ///< oneDNN's
  direct,     ///< those below: no groups, no dilation
  winograd,   ///< winograd.h: 3x3 windows of step one besides
  depthwise,  ///< depthwise.h: 3x3 windows of a single channel each
  panels      ///< backward_weight_by_panels(): no groups
};

/// Whose kernels are the fastest. A function of the geometry alone: nothing is ever timed while a program runs.
Method method_for(const ConvolutionGeometry& geometry, Direction direction);

/// Whether winograd.h can do it.
bool fits_winograd(const ConvolutionGeometry& geometry);

// Geometries without groups and dilation.
void forward(const ConvolutionForward&);
void backward_data(const ConvolutionBackwardData&);
void backward_weight(const ConvolutionBackwardWeight&);

/// For many channels. Geometries without groups.
void backward_weight_by_panels(const ConvolutionBackwardWeight&);

}  // namespace tessera::cpu::direct
