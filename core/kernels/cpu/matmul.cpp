// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/matmul.h"

#include "core/base/flops.h"
#include "core/base/profiler.h"
#include "core/kernels/cpu/direct/matmul.h"
#include "core/kernels/cpu/onednn/onednn.h"
#include "core/kernels/kernels.h"

namespace tessera::cpu {

void matmul(const Matmul& args) {
  if (args.m == 0 || args.n == 0) return;
  const ProfileScope scope(HotKernel::gemm);
  count_flops(2.0 * static_cast<double>(args.m * args.n) * static_cast<double>(args.k));
  if (direct::is_small(args)) return direct::matmul(args);
  onednn::matmul(args);
  if (args.bias) kernels_for(Device::cpu).matmul.add_bias(args.m, args.n, args.bias, args.out);
}

}  // namespace tessera::cpu
