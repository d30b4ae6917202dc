// SPDX-License-Identifier: Apache-2.0
// What the three directions of a direct convolution share: padded images, scratch memory, and the split over threads.
#pragma once

#include <omp.h>

#include "core/kernels/convolution.h"
#include "core/tensor/tensor.h"

namespace tessera::cpu::direct {

/// One channels-last image with its padding around it, as large as the windows reach and as the image itself.
struct PaddedImage {
  explicit PaddedImage(const ConvolutionGeometry& g);

  int64_t height, width;  ///< pixels
  int64_t row;            ///< elements of a row
  int64_t elements;
};

inline int64_t image_elements(const ConvolutionGeometry& g) { return g.in_height * g.in_width * g.in_channels; }
inline int64_t result_elements(const ConvolutionGeometry& g) { return g.out_height * g.out_width * g.out_channels; }
/// Whether windows reach over an edge, be it the far one alone.
inline bool is_padded(const ConvolutionGeometry& g) { return PaddedImage(g).elements > image_elements(g); }

/// Copies an image, whose pixels are `pixel_step` elements apart, into the middle of a padded one, whose padding stays as it is.
void put_into_padding(const ConvolutionGeometry& g, const float* image, int64_t pixel_step, float* padded);
void take_from_padding(const ConvolutionGeometry& g, const float* padded, float* image, int64_t pixel_step);
/// Copies `channels` of every pixel.
void copy_pixels(int64_t pixels, int64_t channels, const float* from, int64_t from_step, float* to, int64_t to_step);

/// Uninitialised memory for a kernel call.
Tensor scratch(int64_t elements);

/// Threads for `parts` independent pieces of work with so many multiplications in all.
int threads_for(int64_t parts, int64_t multiplications);

/// body(part, thread) for all parts, thread being below `threads`. Results must not depend on which thread does what.
template <typename Body>
void for_each_part(int64_t parts, int threads, Body body) {
  if (threads == 1) {
    for (int64_t part = 0; part < parts; ++part) body(part, 0);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t part = 0; part < parts; ++part) body(part, omp_get_thread_num());
}

}  // namespace tessera::cpu::direct
