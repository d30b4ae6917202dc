// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "core/tensor/tensor.h"

namespace tessera::nn {

/// How a parameter starts: element i of a tensor is a function of (seed, the tensor's name, i).
struct Initialiser {
  enum class Kind { constant, uniform, normal } kind = Kind::constant;
  float centre = 0.0f;  ///< the constant, or the mean
  float spread = 0.0f;  ///< half the width of the uniform range, or the standard deviation

  static Initialiser constant(float value) { return {Kind::constant, value, 0.0f}; }
  static Initialiser uniform(float bound) { return {Kind::uniform, 0.0f, bound}; }
  static Initialiser normal(float deviation) { return {Kind::normal, 0.0f, deviation}; }
  /// Uniform in +-1/sqrt(fan_in): what PyTorch gives the weight and bias of linear and convolution layers.
  static Initialiser fan_in_uniform(int64_t fan_in);
};

/// Fills a contiguous f32 tensor.
void initialise(const Tensor& tensor, const Initialiser& initialiser, uint64_t seed, std::string_view name);

}  // namespace tessera::nn
