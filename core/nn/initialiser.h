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
  int64_t zero_begin = 0, zero_end = 0;  ///< elements of this range start at zero instead (an embedding's padding)

  static Initialiser constant(float value) { return {.kind = Kind::constant, .centre = value, .spread = 0.0f}; }
  static Initialiser uniform(float bound) { return {.kind = Kind::uniform, .centre = 0.0f, .spread = bound}; }
  static Initialiser normal(float deviation) { return {.kind = Kind::normal, .centre = 0.0f, .spread = deviation}; }
  /// Uniform in +-1/sqrt(fan_in): what PyTorch gives the weight and bias of linear and convolution layers.
  static Initialiser fan_in_uniform(int64_t fan_in);

  // For layers before a ReLU, by the shape of the weight [out, in / groups, ...] (He, Zhang, Ren, Sun, ICCV 2015): variance 2 / fan. The fan out is
  // out * pixels of the kernel, also in groups.
  static Initialiser he_normal_fan_in(const Shape& weight);
  static Initialiser he_normal_fan_out(const Shape& weight);
  static Initialiser he_uniform_fan_in(const Shape& weight);
};

/// Fills a contiguous f32 tensor.
void initialise(const Tensor& tensor, const Initialiser& initialiser, uint64_t seed, std::string_view name);

}  // namespace tessera::nn
