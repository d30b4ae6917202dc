// SPDX-License-Identifier: Apache-2.0
// What the three directions of a grouped convolution share: how channels, weights and pixels lie.
#pragma once

#include <algorithm>

#include "core/kernels/cpu/direct/grouped.h"

namespace tessera::cpu::grouped {

/// Channels are taken in chunks of panels that hold whole groups: a few, so that a chunk's pixels lie together in memory, and enough for threads.
struct Channels {
  explicit Channels(const ConvolutionGeometry& geometry);

  int64_t all, of_group;       ///< on either side
  int64_t panels, group_panels, chunk_panels;
  int64_t terms;               ///< of a group in a panel

  int64_t chunks() const { return (panels + chunk_panels - 1) / chunk_panels; }
  int64_t first_panel(int64_t chunk) const { return chunk * chunk_panels; }
  int64_t panels_of(int64_t chunk) const { return std::min(chunk_panels, panels - first_panel(chunk)); }
  /// First channel of the group of a channel.
  int64_t group_of(int64_t channel) const { return channel / of_group * of_group; }
  /// Weights of a vector of channels: [row][term of all panels][column][lane].
  int64_t vector_weights(int64_t lanes) const { return 9 * of_group * lanes; }
};

/// Some rows of an image in panels, with zeros around them.
struct PanelRows {
  int64_t height, width;  ///< of the image, pixels
  int64_t before, row_pixels;  ///< zeros before a row, and the pixels of a row with all zeros
  int64_t most_rows;

  int64_t row() const { return row_pixels * kGroupedPanel; }
  int64_t panel() const { return most_rows * row(); }
  int64_t elements(const Channels& channels) const { return channels.chunk_panels * panel(); }

  /// Rows from `first` on, which may lie outside, of `panels` panels from `image` on. What lies beside rows is not touched.
  void copy(const Channels& channels, const float* image, int64_t first, int64_t rows, int64_t panels, float* to) const;
  /// Offset of the pixels of a channel's group, counted from the first channel of the chunk.
  int64_t group(const Channels& channels, int64_t channel) const {
    const int64_t first = channels.group_of(channel);
    return first / kGroupedPanel * panel() + first % kGroupedPanel;
  }
};

enum class Turn : uint8_t {
  none,
  inputs,          ///< results are the layer's inputs, whose terms are its outputs
  inputs_reversed  ///< the same with windows from end to beginning
};

/// Vectors of weights, one behind the other.
void pack_weight(const Channels& channels, int64_t lanes, Turn turn, const float* weight, float* to);

}  // namespace tessera::cpu::grouped
