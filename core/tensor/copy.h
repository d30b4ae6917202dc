// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/tensor/shape.h"

namespace tessera {

/// Copies every element of `shape` from one layout to another; strides are in elements. Neighbours in memory are copied together
/// where both layouts have them, and in small blocks where they do not, so that no layout is much slower than another.
void copy_strided(const std::byte* from, const Shape& from_strides, std::byte* to, const Shape& to_strides, const Shape& shape,
                  size_t element_bytes);

}  // namespace tessera
