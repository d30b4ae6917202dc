// SPDX-License-Identifier: Apache-2.0
// What the sources of this folder offer, in the namespace of an instruction set.
#pragma once

#include "core/kernels/cpu/direct/depthwise.h"
#include "core/kernels/cpu/direct/grouped.h"
#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/cpu/direct/winograd.h"
#include "core/kernels/kernels.h"

/// Declares it; isa is baseline, avx2 or avx512. The functions at the end are members of a table that is made elsewhere.
#define TESSERA_DECLARE_ISA(isa)                                               \
  namespace tessera::cpu::isa {                                                \
  ElementwiseKernels elementwise_kernels();                                    \
  PoolingKernels pooling_kernels();                                            \
  LossKernels loss_kernels();                                                  \
  NormalisationKernels normalisation_kernels();                                \
  OptimizerKernels optimizer_kernels();                                        \
  SummationKernels summation_kernels();                                        \
  SoftmaxKernels softmax_kernels();                                            \
  EmbeddingKernels embedding_kernels();                                        \
  ArithmeticKernels arithmetic_kernels();                                      \
  ReductionKernels reduction_kernels();                                        \
  GatherKernels gather_kernels();                                              \
  BinPoolingKernels bin_pooling_kernels();                                     \
  ResampleKernels resample_kernels();                                          \
  AttentionKernels attention_kernels();                                        \
  RotaryKernels rotary_kernels();                                              \
  TileKernels tile_kernels();                                                  \
  WinogradKernels winograd_kernels();                                          \
  DepthwiseKernels depthwise_kernels();                                        \
  GroupedKernels grouped_kernels();                                            \
  void add_bias(int64_t rows, int64_t columns, const float* bias, float* out); \
  void column_sums(const ColumnSums&);                                         \
  void bias_activation(const BiasActivation&);                                 \
  void bias_activation_backward(const BiasActivationBackward&);                \
  }
