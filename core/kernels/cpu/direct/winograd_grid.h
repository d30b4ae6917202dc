// SPDX-License-Identifier: Apache-2.0
// Where the tiles of a Winograd convolution lie in the images.
#pragma once

#include <algorithm>

#include "core/kernels/cpu/direct/winograd.h"

namespace tessera::cpu::winograd {

/// Asks for a row of pixels that is needed soon. Rows are short, so that by itself a processor begins to guess them when they are nearly over.
template <bool kToWrite>
inline void bring_near(const float* row, int64_t elements) {
  constexpr int64_t kLineElements = 16;
  for (int64_t i = 0; i < elements; i += kLineElements) __builtin_prefetch(row + i, kToWrite ? 1 : 0, 2);
}

/// Tiles of 2x2 results over all images of a batch; rows of tiles are numbered through the batch.
struct WinogradGrid {
  int64_t batch, in_height, in_width, out_height, out_width, padding_height, padding_width;
  int64_t rows_of_image, columns;

  WinogradGrid(int64_t images, int64_t in_h, int64_t in_w, int64_t out_h, int64_t out_w, int64_t padding_h, int64_t padding_w)
      : batch(images), in_height(in_h), in_width(in_w), out_height(out_h), out_width(out_w), padding_height(padding_h), padding_width(padding_w),
        rows_of_image((out_h + 1) / 2), columns((out_w + 1) / 2) {}

  int64_t rows() const { return batch * rows_of_image; }

  /// Rows that hold about so many tiles.
  int64_t rows_of_strip(int64_t tiles) const { return std::max<int64_t>(1, tiles / columns); }

  WinogradInput input(int64_t row, const float* x, int64_t channels, const float* zeros) const {
    WinogradInput input{{}, in_width, -padding_width};
    const float* image = x + row / rows_of_image * in_height * in_width * channels;
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t y = 2 * (row % rows_of_image) - padding_height + i;
      input.rows[i] = y >= 0 && y < in_height ? image + y * in_width * channels : zeros;
    }
    return input;
  }

  /// The two rows of pixels, or one where the image ends, that belong to a row of tiles; the others of its windows belong to its neighbours.
  void bring_input_near(int64_t row, const float* x, int64_t channels) const {
    const int64_t first = 2 * (row % rows_of_image);
    const float* image = x + row / rows_of_image * in_height * in_width * channels;
    for (int64_t y = first; y < std::min(first + 2, in_height); ++y) bring_near<false>(image + y * in_width * channels, in_width * channels);
  }

  WinogradOutput output(int64_t row, float* y, int64_t channels, const float* bias) const {
    const int64_t first = 2 * (row % rows_of_image);
    float* upper = y + (row / rows_of_image * out_height + first) * out_width * channels;
    return {{upper, first + 1 < out_height ? upper + out_width * channels : nullptr}, out_width, bias};
  }

  template <bool kToWrite>
  void bring_output_near(int64_t row, const float* y, int64_t channels) const {
    const int64_t first = 2 * (row % rows_of_image);
    const float* upper = y + (row / rows_of_image * out_height + first) * out_width * channels;
    bring_near<kToWrite>(upper, (first + 1 < out_height ? 2 : 1) * out_width * channels);
  }
};

}  // namespace tessera::cpu::winograd
