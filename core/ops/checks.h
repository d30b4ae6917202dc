// SPDX-License-Identifier: Apache-2.0
// Shape and layout checks that ops share. Failures are Error(usage): they come from a recipe whose sizes do not fit.
#pragma once

#include <string_view>

#include "core/autograd/variable.h"

namespace tessera::ops {

/// A dense f32 tensor, in the layout it has (contiguous or channels-last); a copy where it is neither.
Tensor dense(const Tensor& tensor);
/// The channels-last form of an [N, C, H, W] tensor; a copy where it is not one.
Tensor channels_last(const Tensor& tensor);

void require_f32(std::string_view op, const Tensor& tensor);
void require_dims(std::string_view op, const Tensor& tensor, size_t dims, std::string_view expected);
/// Error(usage) that names the op.
[[noreturn]] void fail(std::string_view op, std::string_view what);
[[noreturn]] void fail_shapes(std::string_view op, std::string_view what, const Shape& a, const Shape& b);

/// The dim that `dim` means: negative ones count from the end. Fails where the tensor does not have it.
size_t dim_of(std::string_view op, int64_t dim, const Shape& shape);
/// A contiguous f32 tensor of that shape: `variable` where it is defined, `missing` everywhere where it is not. Throws as fail_shapes() with `what` where the shapes differ.
Tensor parameter_or(std::string_view op, std::string_view what, const autograd::Variable& variable, const Shape& shape, float missing);

/// Whether an f32 tensor holds only finite numbers.
bool all_finite(const Tensor& tensor);

/// A tensor of the same shape, dtype and memory order, uninitialised.
Tensor empty_like(const Tensor& tensor);

}  // namespace tessera::ops
