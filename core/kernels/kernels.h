// SPDX-License-Identifier: Apache-2.0
// Dispatch: one typed table of function pointers a family, for each device. A kernel that is missing is a link error.
#pragma once

#include <string>

#include "core/kernels/arithmetic.h"
#include "core/kernels/attention.h"
#include "core/kernels/convolution.h"
#include "core/kernels/elementwise.h"
#include "core/kernels/embedding.h"
#include "core/kernels/gather.h"
#include "core/kernels/loss.h"
#include "core/kernels/matmul.h"
#include "core/kernels/normalisation.h"
#include "core/kernels/optimizer.h"
#include "core/kernels/pooling.h"
#include "core/kernels/softmax.h"
#include "core/kernels/reduction.h"
#include "core/kernels/resample.h"
#include "core/kernels/rotary.h"
#include "core/kernels/summation.h"

namespace tessera {

struct Kernels {
  ElementwiseKernels elementwise;
  MatmulKernels matmul;
  ConvolutionKernels convolution;
  PoolingKernels pooling;
  LossKernels loss;
  NormalisationKernels normalisation;
  OptimizerKernels optimizer;
  SummationKernels summation;
  SoftmaxKernels softmax;
  EmbeddingKernels embedding;
  ArithmeticKernels arithmetic;
  ReductionKernels reduction;
  GatherKernels gather;
  BinPoolingKernels bin_pooling;
  ResampleKernels resample;
  AttentionKernels attention;
  RotaryKernels rotary;
};

/// The kernels of a device. Throws Error(usage) for a device that this build does not have.
const Kernels& kernels_for(Device device);

/// For instruments that put themselves between ops and kernels; while no kernel runs.
void replace_kernels(Device device, const Kernels& kernels);

/// Threads that each kernel call of the calling thread may use.
void set_kernel_threads(int threads);

/// What the bits of a result may depend on beside recipe and data: processor, instruction set in use, oneDNN and compiler version.
std::string platform_fingerprint();

}  // namespace tessera
