// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/convolution.h"

#include "core/base/profiler.h"
#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/onednn/onednn.h"

namespace tessera::cpu {
namespace {

using direct::Direction;
using direct::prefers_direct;

const ConvolutionKernels& library() {
  static const ConvolutionKernels kernels = onednn::convolution_kernels();
  return kernels;
}

void forward(const ConvolutionForward& args) {
  const ProfileScope scope(HotKernel::convolution);
  return prefers_direct(args.geometry, Direction::forward) ? direct::forward(args) : library().forward(args);
}

void backward_data(const ConvolutionBackwardData& args) {
  const ProfileScope scope(HotKernel::convolution);
  return prefers_direct(args.geometry, Direction::backward_data) ? direct::backward_data(args) : library().backward_data(args);
}

void backward_weight(const ConvolutionBackwardWeight& args) {
  const ProfileScope scope(HotKernel::convolution);
  return prefers_direct(args.geometry, Direction::backward_weight) ? direct::backward_weight(args) : library().backward_weight(args);
}

}  // namespace

ConvolutionKernels convolution_kernels() { return {forward, backward_data, backward_weight}; }

}  // namespace tessera::cpu
