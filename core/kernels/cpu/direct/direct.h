// SPDX-License-Identifier: Apache-2.0
// Direct convolutions: no reordered copies, blocks of the result in registers (tile.h). For few channels, where oneDNN's kernels
// leave most of a vector empty.
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu::direct {

enum class Direction : uint8_t { forward, backward_data, backward_weight };

/// Whether the direct kernels can do it (no groups, no dilation) and are the faster ones. A function of the geometry alone: nothing is ever timed while a program runs.
bool prefers_direct(const ConvolutionGeometry& geometry, Direction direction);

// Geometries without groups and dilation.
void forward(const ConvolutionForward&);
void backward_data(const ConvolutionBackwardData&);
void backward_weight(const ConvolutionBackwardWeight&);

}  // namespace tessera::cpu::direct
