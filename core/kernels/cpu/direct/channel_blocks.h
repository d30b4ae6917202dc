// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu::direct {

/// Groups are taken in blocks, as many groups as fill a vector: each a convolution of its own, of some of the channels. Weights between the groups of a
/// block are zero. Without groups there is one block, which is everything.
struct ChannelBlocks {
  explicit ChannelBlocks(const ConvolutionGeometry& whole);

  int64_t count;
  ConvolutionGeometry block;             ///< of one, without groups
  int64_t group_inputs, group_outputs;   ///< channels of a group
  int64_t pixel_inputs, pixel_outputs;   ///< channels of all blocks: how far apart the pixels of a block lie

  /// body(output channel of the block, input channel of the block, offset of their places in the weights) for all pairs that are of one group.
  template <typename Body>
  void for_each_pair(int64_t number, Body body) const {
    const int64_t places = block.kernel_height * block.kernel_width;
    for (int64_t out = 0; out < block.out_channels; ++out) {
      const int64_t first = out / group_outputs * group_inputs, row = (number * block.out_channels + out) * group_inputs;
      for (int64_t in = 0; in < group_inputs; ++in) body(out, first + in, (row + in) * places);
    }
  }
};

}  // namespace tessera::cpu::direct
