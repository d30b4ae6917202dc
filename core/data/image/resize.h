// SPDX-License-Identifier: Apache-2.0
// Antialiased resizing with the bits of Pillow's Image.resize: the filter is widened by the scale, rows come first and are rounded to 8
// bits, then columns; weights have 22 fractional bits. (Pillow 13 takes columns first where the height shrinks much more than the width:
// there it differs by 1.)
#pragma once

#include <cstdint>
#include <vector>

#include "core/data/image/image.h"

namespace tessera::data {

enum class Interpolation { bilinear, bicubic };

/// The part of an image that becomes the whole result; edges between pixels are fine, and filters see the image's pixels beyond it.
/// Pillow's `box`.
struct SourceBox {
  double top = 0, left = 0, height = 0, width = 0;
};

struct ResizePlan {
  int64_t source_height = 0, source_width = 0;  ///< what lies outside does not exist for the filters
  SourceBox box;
  int64_t height = 0, width = 0;  ///< of the whole result
  Region part;                    ///< of it that is computed
  bool flip = false;              ///< columns of the part from right to left
  Interpolation interpolation = Interpolation::bilinear;
};

/// Keeps its working memory between images. Of one thread.
class Resizer {
 public:
  /// Returns the source pixels that resize() will want.
  Region prepare(const ResizePlan& plan);

  /// `out` becomes the part that was prepared. Pixel (y, x) of the source is pixel (y - top, x - left) of `image`.
  void resize(const Image& image, int64_t top, int64_t left, Image& out);

 private:
  /// Result pixel i is made of `count` source pixels from `first` on, with the weights weights[i * taps + k].
  struct Range {
    int64_t first = 0, count = 0;
  };
  struct Filter {
    int64_t taps = 0;  // the largest count
    std::vector<Range> ranges;
    std::vector<int32_t> weights;
    Range needed() const;
  };
  struct Axis {
    int64_t source;
    float begin, end;
    int64_t whole, part_begin, part_size;
  };
  static void fill(Filter& filter, const Axis& axis, Interpolation kind);
  void pack_columns(int64_t begin, int64_t end);

  Filter across_, down_;
  bool flip_ = false;
  int64_t groups_ = 0;
  std::vector<int32_t> first_;
  std::vector<int16_t> packed_;
  std::vector<uint8_t> rows_;
};

}  // namespace tessera::data
