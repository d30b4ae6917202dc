// SPDX-License-Identifier: Apache-2.0
// Where the tiles of a Winograd convolution lie in the images.
#pragma once

#include <algorithm>

#include "core/kernels/cpu/direct/winograd.h"

namespace tessera::cpu::winograd {

/// Memory that is needed soon, asked for a few lines at a time between products, so that it arrives while they are made: by itself a processor begins to
/// guess short rows when they are nearly over, and lines that are all asked for at once keep what follows waiting.
class Upcoming {
 public:
  /// All of `elements` is asked for in so many turns.
  Upcoming(const float* first, int64_t elements, int64_t turns)
      : line_(first), lines_((elements + kLineElements - 1) / kLineElements), lines_of_turn_((lines_ + turns - 1) / turns) {}

  void take_turn() {
    for (int64_t i = std::min(lines_of_turn_, lines_); i > 0; --i, --lines_, line_ += kLineElements) __builtin_prefetch(line_);
  }

 private:
  static constexpr int64_t kLineElements = 16;
  const float* line_;
  int64_t lines_, lines_of_turn_;
};

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

  /// The pixels that belong to so many rows of tiles alone, in `turns`; the others of their windows belong to their neighbours.
  Upcoming upcoming_input(int64_t first, int64_t count, const float* x, int64_t channels, int64_t turns) const {
    return upcoming(first, count, x, in_height, in_width * channels, turns);
  }
  Upcoming upcoming_output(int64_t first, int64_t count, const float* y, int64_t channels, int64_t turns) const {
    return upcoming(first, count, y, out_height, out_width * channels, turns);
  }

  WinogradOutput output(int64_t row, float* y, int64_t channels, const float* bias) const {
    const int64_t first = 2 * (row % rows_of_image);
    float* upper = y + (row / rows_of_image * out_height + first) * out_width * channels;
    return {{upper, first + 1 < out_height ? upper + out_width * channels : nullptr}, out_width, bias};
  }

 private:
  Upcoming upcoming(int64_t first, int64_t count, const float* pixels, int64_t height, int64_t row_elements, int64_t turns) const {
    const auto pixel_row = [&](int64_t row) { return row / rows_of_image * height + std::min(2 * (row % rows_of_image), height); };
    const int64_t begin = pixel_row(std::min(first, rows())), end = pixel_row(std::min(first + count, rows()));
    return {pixels + begin * row_elements, (end - begin) * row_elements, turns};
  }
};

}  // namespace tessera::cpu::winograd
