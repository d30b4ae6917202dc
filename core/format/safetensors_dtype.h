// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/tensor/dtype.h"

namespace tessera {

/// Longest header that the reference implementation accepts.
inline constexpr uint64_t kMaxSafetensorsHeader_bytes = 100'000'000;

/// Bits an element of a dtype of the format ("F32", "I8", "F4", ...); 0 for a name the format does not know.
uint64_t safetensors_bits(std::string_view dtype);

/// The dtype of ours that `dtype` is, if there is one.
std::optional<DType> dtype_from_safetensors(std::string_view dtype);

/// "F32", "BF16", "F16", "I64", "I32", "U8", "BOOL".
std::string_view safetensors_name_of(DType dtype);

/// A name from a file, fit for a line of an error message: quoted, control characters replaced, not endless.
std::string quoted_name(std::string_view name);

}  // namespace tessera
