// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>

#include "core/base/error.h"
#include "core/kernels/cpu/onednn/onednn.h"

namespace tessera::cpu::onednn {
namespace {

const char* isa_name(dnnl_cpu_isa_t isa) {
  switch (isa) {
    case dnnl_cpu_isa_sse41: return "SSE4.1";
    case dnnl_cpu_isa_avx: return "AVX";
    case dnnl_cpu_isa_avx2: return "AVX2";
    case dnnl_cpu_isa_avx2_vnni: return "AVX2 VNNI";
    case dnnl_cpu_isa_avx512_core: return "AVX-512";
    case dnnl_cpu_isa_avx512_core_vnni: return "AVX-512 VNNI";
    case dnnl_cpu_isa_avx512_core_bf16: return "AVX-512 BF16";
    case dnnl_cpu_isa_avx512_core_fp16: return "AVX-512 FP16";
    case dnnl_cpu_isa_avx512_core_amx: return "AVX-512 AMX";
    default: return "other";
  }
}

}  // namespace

void matmul(const Matmul& args) {
  if (args.m == 0 || args.n == 0) return;
  if (args.k == 0) {
    if (!args.add) std::memset(args.out, 0, static_cast<size_t>(args.m * args.n) * sizeof(float));
    return;
  }
  const int64_t stride_a = args.transpose_a ? args.m : args.k;
  const int64_t stride_b = args.transpose_b ? args.k : args.n;
  const dnnl_status_t status = dnnl_sgemm(args.transpose_a ? 'T' : 'N', args.transpose_b ? 'T' : 'N', args.m, args.n, args.k, 1.0f, args.a,
                                          stride_a, args.b, stride_b, args.add ? 1.0f : 0.0f, args.out, args.n);
  TESSERA_ASSERT(status == dnnl_success, "matrix product failed");
}

std::string description() {
  const dnnl_version_t* version = dnnl_version();
  return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch) + ", " +
         isa_name(dnnl_get_effective_cpu_isa());
}

}  // namespace tessera::cpu::onednn
