// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/grouped_panels.h"

#include <algorithm>
#include <cstring>

namespace tessera::cpu::grouped {
namespace {

constexpr int64_t kChunkPanels = 8;
constexpr size_t kPanelBytes = kGroupedPanel * sizeof(float);

}  // namespace

Channels::Channels(const ConvolutionGeometry& g)
    : all(g.in_channels), of_group(g.in_channels / g.groups), panels(all / kGroupedPanel), group_panels(std::max<int64_t>(1, of_group / kGroupedPanel)),
      chunk_panels(std::min(panels, std::max(group_panels, kChunkPanels / group_panels * group_panels))), terms(std::min(of_group, kGroupedPanel)) {}

void PanelRows::copy(const Channels& channels, const float* image, int64_t first, int64_t rows, int64_t panels, float* to) const {
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t h = first + i;
    float* at = to + i * row() + before * kGroupedPanel;
    if (h < 0 || h >= height) {
      for (int64_t number = 0; number < panels; ++number) std::memset(at + number * panel(), 0, static_cast<size_t>(width) * kPanelBytes);
      continue;
    }
    const float* from = image + h * width * channels.all;
    for (int64_t w = 0; w < width; ++w, from += channels.all, at += kGroupedPanel) {
      for (int64_t number = 0; number < panels; ++number) std::memcpy(at + number * panel(), from + number * kGroupedPanel, kPanelBytes);
    }
  }
}

void pack_weight(const Channels& channels, int64_t lanes, Turn turn, const float* weight, float* to) {
  const int64_t terms = channels.of_group, places = 9;
  const int64_t term_step = turn == Turn::none ? places : terms * places, place_step = turn == Turn::inputs_reversed ? -1 : 1;
  for (int64_t channel = 0; channel < channels.all; channel += lanes, to += channels.vector_weights(lanes)) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t result = channel + lane, group = channels.group_of(result);
      const float* from = weight + (turn == Turn::none ? result * terms * places : (group * terms + result - group) * places);
      if (turn == Turn::inputs_reversed) from += places - 1;
      for (int64_t term = 0; term < terms; ++term, from += term_step) {
        for (int64_t place = 0; place < places; ++place) {
          const int64_t row = place / 3, column = place % 3;
          to[((row * terms + term) * 3 + column) * lanes + lane] = from[place * place_step];
        }
      }
    }
  }
}

}  // namespace tessera::cpu::grouped
