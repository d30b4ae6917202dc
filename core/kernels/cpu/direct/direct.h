// SPDX-License-Identifier: Apache-2.0
// Direct convolutions: no reordered copies, blocks of the result in registers (tile.h). For few channels, where oneDNN's kernels
// leave most of a vector empty, be it of the image or of a group.
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu::direct {

enum class Direction : uint8_t { forward, backward_data, backward_weight };

enum class Method : uint8_t {
  library,    ///< oneDNN's
  direct,     ///< those below: no dilation
  winograd,   ///< winograd.h: 3x3 windows of step one besides
  depthwise,  ///< depthwise.h: 3x3 windows of a single channel each
  panels,     ///< backward_weight_by_panels(): no groups
  product,    ///< pointwise.h: 1x1 windows
  grouped     ///< grouped.h: 3x3 windows of groups of a few channels
};

/// Whose kernels are the fastest. A function of the geometry alone: nothing is ever timed while a program runs.
Method method_for(const ConvolutionGeometry& geometry, Direction direction);

/// Whether winograd.h can do it.
bool fits_winograd(const ConvolutionGeometry& geometry);

// Geometries without dilation.
void forward(const ConvolutionForward&);
void backward_data(const ConvolutionBackwardData&);
void backward_weight(const ConvolutionBackwardWeight&);

/// Whether the gradient of the input is a convolution as forward() does them; backward_data() goes that way where there are groups.
bool can_turn(const ConvolutionGeometry& geometry);
void backward_data_by_turned_windows(const ConvolutionBackwardData&);

/// For many channels. Geometries without groups.
void backward_weight_by_panels(const ConvolutionBackwardWeight&);

}  // namespace tessera::cpu::direct
