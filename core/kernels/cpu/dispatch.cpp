// SPDX-License-Identifier: Apache-2.0
// Chooses the best instruction set that the processor has, once.
#include <omp.h>

#include <fstream>
#include <string>

#include "core/base/error.h"
#include "core/kernels/cpu/convolution.h"
#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/cpu/onednn/onednn.h"
#include "core/kernels/kernels.h"

#define TESSERA_DECLARE_ISA(isa)                \
  namespace tessera::cpu::isa {                 \
  ElementwiseKernels elementwise_kernels();     \
  PoolingKernels pooling_kernels();             \
  LossKernels loss_kernels();                   \
  NormalisationKernels normalisation_kernels(); \
  OptimizerKernels optimizer_kernels();         \
  SummationKernels summation_kernels();         \
  SoftmaxKernels softmax_kernels();             \
  EmbeddingKernels embedding_kernels();         \
  ArithmeticKernels arithmetic_kernels();       \
  ReductionKernels reduction_kernels();         \
  GatherKernels gather_kernels();               \
  BinPoolingKernels bin_pooling_kernels();      \
  TileKernels tile_kernels();                   \
  void bias_add(const BiasAdd&);                \
  void column_sums(const ColumnSums&);          \
  }
TESSERA_DECLARE_ISA(baseline)
TESSERA_DECLARE_ISA(avx2)
TESSERA_DECLARE_ISA(avx512)

namespace tessera {
namespace {

#define TESSERA_TABLE_OF(isa)                                                                                                       \
  Kernels {                                                                                                                         \
    cpu::isa::elementwise_kernels(), {cpu::onednn::matmul, cpu::onednn::batched_matmul, cpu::isa::bias_add, cpu::isa::column_sums}, \
        cpu::convolution_kernels(), cpu::isa::pooling_kernels(), cpu::isa::loss_kernels(),                                          \
        cpu::isa::normalisation_kernels(), cpu::isa::optimizer_kernels(), cpu::isa::summation_kernels(),                            \
        cpu::isa::softmax_kernels(), cpu::isa::embedding_kernels(),                                                                 \
        cpu::isa::arithmetic_kernels(), cpu::isa::reduction_kernels(), cpu::isa::gather_kernels(), cpu::isa::bin_pooling_kernels()  \
  }

struct Choice {
  const char* name;
  Kernels kernels;
  cpu::TileKernels tiles;
};

Choice choose() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return {"avx512", TESSERA_TABLE_OF(avx512), cpu::avx512::tile_kernels()};
  if (__builtin_cpu_supports("x86-64-v3")) return {"avx2", TESSERA_TABLE_OF(avx2), cpu::avx2::tile_kernels()};
  return {"baseline", TESSERA_TABLE_OF(baseline), cpu::baseline::tile_kernels()};
}

const Choice& choice() {
  static const Choice instance = choose();
  return instance;
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

}  // namespace

const Kernels& kernels_for(Device device) {
  if (device != Device::cpu) throw Error(ErrorKind::usage, "this build has no CUDA", "device", "set device: cpu");
  return choice().kernels;
}

const cpu::TileKernels& cpu::tile_kernels() { return choice().tiles; }

void set_kernel_threads(int threads) { omp_set_num_threads(threads); }

std::string platform_fingerprint() {
  return processor_name() + "; kernels " + choice().name + "; " + cpu::onednn::description() + "; gcc " + __VERSION__;
}

}  // namespace tessera
