// SPDX-License-Identifier: Apache-2.0
#include "core/ops/precision.h"

#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {

Precision precision_from(std::string_view name) {
  if (name == "f32") return Precision::f32;
  if (name == "bf16") return Precision::bf16;
  throw Error(ErrorKind::usage, "nothing computes in '" + std::string(name) + "'", "precision.compute", "use f32 or bf16");
}

Tensor rounded(const Tensor& tensor, Precision precision) {
  if (precision == Precision::f32) return tensor;
  const Tensor source = dense(tensor), out = empty_like(source);
  round_into(source, precision, out);
  return out;
}

void round_into(const Tensor& tensor, Precision precision, const Tensor& out) {
  if (precision == Precision::f32) return copy_into(tensor, out);
  kernels_for(out.device()).elementwise.round_to_bf16({tensor.elements(), tensor.data<float>(), out.data<float>()});
}

}  // namespace tessera::ops
