// SPDX-License-Identifier: Apache-2.0
#include "core/nn/initialiser.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/base/philox.h"

namespace tessera::nn {
namespace {

/// Four standard normal numbers from four uniform words (Box and Muller 1958).
std::array<float, 4> normal_block(const PhiloxBlock& random) {
  std::array<float, 4> out{};
  for (size_t pair = 0; pair < 4; pair += 2) {
    const double u = (static_cast<double>(random[pair]) + 1.0) * 0x1.0p-32;  // (0, 1]
    const double angle = 2.0 * std::numbers::pi * static_cast<double>(random[pair + 1]) * 0x1.0p-32;
    const double radius = std::sqrt(-2.0 * std::log(u));
    out[pair] = static_cast<float>(radius * std::cos(angle));
    out[pair + 1] = static_cast<float>(radius * std::sin(angle));
  }
  return out;
}

std::array<float, 4> uniform_block(const PhiloxBlock& random) {
  std::array<float, 4> out{};
  for (size_t i = 0; i < 4; ++i) out[i] = 2.0f * uniform_f32(random[i]) - 1.0f;
  return out;
}

int64_t fan_in_of(const Shape& weight) { return weight.elements() / weight[0]; }
float he_deviation(int64_t fan) { return std::sqrt(2.0f / static_cast<float>(fan)); }

}  // namespace

Initialiser Initialiser::fan_in_uniform(int64_t fan_in) { return uniform(1.0f / std::sqrt(static_cast<float>(fan_in))); }

Initialiser Initialiser::he_normal_fan_in(const Shape& weight) { return normal(he_deviation(fan_in_of(weight))); }
Initialiser Initialiser::he_normal_fan_out(const Shape& weight) { return normal(he_deviation(weight[0] * fan_in_of(weight) / weight[1])); }
Initialiser Initialiser::he_uniform_fan_in(const Shape& weight) { return uniform(std::sqrt(3.0f) * he_deviation(fan_in_of(weight))); }

void initialise(const Tensor& tensor, const Initialiser& initialiser, uint64_t seed, std::string_view name) {
  TESSERA_ASSERT(tensor.is_contiguous() && tensor.dtype() == DType::f32, "only contiguous f32 tensors are initialised");
  const RandomKey key = random_key(seed, RandomPurpose::initialise, name);
  float* out = tensor.data<float>();
  const int64_t elements = tensor.elements();
  for (int64_t start = 0; start < elements; start += 4) {
    std::array<float, 4> values{};
    if (initialiser.kind != Initialiser::Kind::constant) {
      const PhiloxBlock random = philox_at(key, static_cast<uint64_t>(start / 4), 0);
      values = initialiser.kind == Initialiser::Kind::normal ? normal_block(random) : uniform_block(random);
    }
    for (int64_t i = start; i < elements && i < start + 4; ++i) {
      out[i] = initialiser.centre + initialiser.spread * values[static_cast<size_t>(i - start)];
    }
  }
  std::fill(out + initialiser.zero_begin, out + initialiser.zero_end, 0.0f);
}

}  // namespace tessera::nn
