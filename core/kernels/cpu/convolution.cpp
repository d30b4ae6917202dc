// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/convolution.h"

#include <omp.h>

#include <algorithm>

#include "core/base/flops.h"
#include "core/base/profiler.h"
#include "core/kernels/cpu/direct/depthwise.h"
#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/grouped.h"
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/pointwise.h"
#include "core/kernels/cpu/direct/winograd.h"
#include "core/kernels/cpu/onednn/onednn.h"

namespace tessera::cpu {
namespace {

using direct::Direction;

const ConvolutionKernels& library() {
  static const ConvolutionKernels kernels = onednn::convolution_kernels();
  return kernels;
}

const ConvolutionKernels& kernels_of(const ConvolutionGeometry& geometry, Direction direction) {
  static constexpr ConvolutionKernels kDirect = {direct::forward, direct::backward_data, direct::backward_weight};
  static constexpr ConvolutionKernels kWinograd = {winograd::forward, winograd::backward_data, winograd::backward_weight};
  static constexpr ConvolutionKernels kDepthwise = {depthwise::forward, depthwise::backward_data, nullptr};
  static constexpr ConvolutionKernels kPanels = {nullptr, nullptr, direct::backward_weight_by_panels};
  static constexpr ConvolutionKernels kProduct = {pointwise::forward, pointwise::backward_data, pointwise::backward_weight};
  static constexpr ConvolutionKernels kGrouped = {grouped::forward, grouped::backward_data, grouped::backward_weight};
  switch (direct::method_for(geometry, direction)) {
    case direct::Method::direct: return kDirect;
    case direct::Method::winograd: return kWinograd;
    case direct::Method::depthwise: return kDepthwise;
    case direct::Method::panels: return kPanels;
    case direct::Method::product: return kProduct;
    case direct::Method::grouped: return kGrouped;
    case direct::Method::library: break;
  }
  return library();
}

/// Of any of its three products.
void count(const ConvolutionGeometry& g) {
  const double terms = static_cast<double>(g.in_channels / g.groups * g.kernel_height * g.kernel_width);
  count_flops(2.0 * terms * static_cast<double>(g.batch * g.out_channels) * static_cast<double>(g.out_height * g.out_width));
}

void forward(const ConvolutionForward& args) {
  const ProfileScope scope(HotKernel::convolution);
  count(args.geometry);
  kernels_of(args.geometry, Direction::forward).forward(args);
}

void backward_data(const ConvolutionBackwardData& args) {
  const ProfileScope scope(HotKernel::convolution);
  count(args.geometry);
  kernels_of(args.geometry, Direction::backward_data).backward_data(args);
}

void backward_weight(const ConvolutionBackwardWeight& args) {
  const ProfileScope scope(HotKernel::convolution);
  count(args.geometry);
  kernels_of(args.geometry, Direction::backward_weight).backward_weight(args);
}

/// Parts are all of one size where the batch can be divided so: kernels prepare weights for each size anew.
int64_t images_at_once(const ConvolutionGeometry& g) {
  if (omp_get_max_threads() > 1) return g.batch;  // threads share the images of a call
  constexpr int64_t kGradientElements = 1 << 19;  // two mebibytes, whose products still fill their tiles
  constexpr int64_t kWeights = 4;                 // a part's sums over weights are added to those of the others: a pass that its gradients must be worth
  const int64_t weights = g.out_channels * (g.in_channels / g.groups) * g.kernel_height * g.kernel_width;
  const int64_t most = std::max(kGradientElements, kWeights * weights) / std::max<int64_t>(1, direct::result_elements(g));
  if (most >= g.batch) return g.batch;
  for (int64_t images = most; 2 * images > most; --images) {
    if (g.batch % images == 0) return images;
  }
  return std::max<int64_t>(1, most);
}

}  // namespace

ConvolutionKernels convolution_kernels() { return {forward, backward_data, backward_weight, images_at_once}; }

}  // namespace tessera::cpu
