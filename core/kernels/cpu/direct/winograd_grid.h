// SPDX-License-Identifier: Apache-2.0
// Where the tiles of a Winograd convolution lie in the images.
#pragma once

#include <algorithm>

#include "core/kernels/cpu/direct/winograd.h"

namespace tessera::cpu::winograd {

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

  WinogradOutput output(int64_t row, float* y, int64_t channels, const float* bias) const {
    const int64_t first = 2 * (row % rows_of_image);
    float* upper = y + (row / rows_of_image * out_height + first) * out_width * channels;
    return {{upper, first + 1 < out_height ? upper + out_width * channels : nullptr}, out_width, bias};
  }
};

}  // namespace tessera::cpu::winograd
