// SPDX-License-Identifier: Apache-2.0
// The inputs and weights that both sides of the golden tests compute; formula(), class_ids() and signed_sum() of make_golden.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/tensor/tensor.h"

namespace tessera::golden {

inline constexpr double kInputScale = 2.0, kWeightScale = 2.0;

/// Element `index` of a stream of words: splitmix64 of the name's FNV-1a hash plus the index.
inline uint64_t word(uint64_t hash_of_name, uint64_t index) {
  uint64_t z = hash_of_name + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

inline uint64_t hash_of(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

/// Uniform in [-scale, scale), in logical order; `to` is contiguous.
inline void fill(const Tensor& to, std::string_view name, double scale) {
  const uint64_t hash = hash_of(name);
  float* out = to.data<float>();
  for (int64_t i = 0; i < to.elements(); ++i) {
    const double uniform = static_cast<double>(word(hash, static_cast<uint64_t>(i)) >> 40) * 0x1.0p-23 - 1.0;
    out[i] = static_cast<float>(uniform * scale);
  }
}

inline Tensor class_ids(std::string_view name, int64_t count, int64_t classes) {
  Tensor ids = Tensor::empty({count}, DType::i64);
  const uint64_t hash = hash_of(name);
  for (int64_t i = 0; i < count; ++i) {
    ids.data<int64_t>()[i] = static_cast<int64_t>(word(hash, static_cast<uint64_t>(i)) % static_cast<uint64_t>(classes));
  }
  return ids;
}

/// Sum of the values with random signs, which are a function of tensor and sketch number.
inline double signed_sum(const std::string& name, size_t sketch, std::span<const float> values) {
  const uint64_t hash = hash_of(name + "#" + std::to_string(sketch));
  double sum = 0.0;
  for (size_t i = 0; i < values.size(); ++i) sum += word(hash, i) >> 63 ? -static_cast<double>(values[i]) : static_cast<double>(values[i]);
  return sum;
}

}  // namespace tessera::golden
