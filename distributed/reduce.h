// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "distributed/buffer.h"

namespace tessera::distributed {

enum class ReduceOp : uint8_t { sum, max, min };

std::string_view name_of(ReduceOp op);

/// out[i] = a[i] op b[i]. `out` may be `a` or `b` themselves but not overlap them otherwise. Integer sums wrap around.
/// Types without arithmetic (byte) are a defect of the caller.
void combine(ReduceOp op, ElementType type, const std::byte* a, const std::byte* b, std::byte* out, size_t elements);

}  // namespace tessera::distributed
