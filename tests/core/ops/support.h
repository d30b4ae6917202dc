// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/base/philox.h"
#include "core/tensor/tensor.h"

namespace tessera::test {

/// The message of the Error that `body` throws.
template <typename Body>
std::string error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Uniform in [-1, 1).
inline Tensor random_tensor(const Shape& shape, uint64_t seed) {
  const RandomKey key = random_key(seed, RandomPurpose::sample, "tests");
  Tensor tensor = Tensor::empty(shape);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    tensor.data<float>()[i] = 2.0f * uniform_f32(philox_at(key, static_cast<uint64_t>(i), 0)[0]) - 1.0f;
  }
  return tensor;
}

}  // namespace tessera::test
