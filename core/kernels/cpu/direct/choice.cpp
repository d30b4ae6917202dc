// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/direct.h"

namespace tessera::cpu::direct {

bool prefers_direct(const ConvolutionGeometry&, Direction) { return true; }

}  // namespace tessera::cpu::direct
