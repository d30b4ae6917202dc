// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/channel_blocks.h"

#include <algorithm>

namespace tessera::cpu::direct {
namespace {

constexpr int64_t kFullVector = 8;  // channels of a block of groups on either side, at least

/// The fewest that divide all groups and are enough.
int64_t groups_of_block(const ConvolutionGeometry& g) {
  const int64_t fewest = std::min(g.in_channels, g.out_channels) / g.groups;
  int64_t groups = 1;
  while (groups < g.groups && (groups * fewest < kFullVector || g.groups % groups != 0)) ++groups;
  return groups;
}

}  // namespace

ChannelBlocks::ChannelBlocks(const ConvolutionGeometry& whole)
    : count(whole.groups / groups_of_block(whole)), block(whole), group_inputs(whole.in_channels / whole.groups),
      group_outputs(whole.out_channels / whole.groups), pixel_inputs(whole.in_channels), pixel_outputs(whole.out_channels) {
  block.in_channels /= count, block.out_channels /= count;
  block.groups = 1;
}

}  // namespace tessera::cpu::direct
