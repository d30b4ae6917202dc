// SPDX-License-Identifier: Apache-2.0
// Chooses the best instruction set that the processor has, once.
#include <omp.h>

#include <fstream>
#include <string>

#include "core/base/error.h"
#include "core/kernels/cpu/convolution.h"
#include "core/kernels/cpu/matmul.h"
#include "core/kernels/cpu/onednn/onednn.h"
#include "core/kernels/cpu/simd/tables.h"

TESSERA_DECLARE_ISA(baseline)
TESSERA_DECLARE_ISA(avx2)
TESSERA_DECLARE_ISA(avx512)

namespace tessera {
namespace {

#define TESSERA_TABLE_OF(isa)                                                                            \
  Kernels {                                                                                              \
    cpu::isa::elementwise_kernels(),                                                                     \
        {cpu::matmul, cpu::onednn::batched_matmul, cpu::isa::add_bias, cpu::isa::column_sums,            \
         cpu::isa::bias_activation, cpu::isa::bias_activation_backward},                                 \
        cpu::convolution_kernels(), cpu::isa::pooling_kernels(), cpu::isa::loss_kernels(),               \
        cpu::isa::normalisation_kernels(), cpu::isa::optimizer_kernels(), cpu::isa::summation_kernels(), \
        cpu::isa::softmax_kernels(), cpu::isa::embedding_kernels(), cpu::isa::arithmetic_kernels(),      \
        cpu::isa::reduction_kernels(), cpu::isa::gather_kernels(), cpu::isa::bin_pooling_kernels(),      \
        cpu::isa::resample_kernels(), cpu::isa::attention_kernels(), cpu::isa::rotary_kernels()          \
  }

struct Choice {
  const char* name;
  Kernels kernels;
  cpu::TileKernels tiles, narrow_tiles;
  cpu::WinogradKernels winograd;
  cpu::DepthwiseKernels depthwise;
  cpu::GroupedKernels grouped;
};

Choice& choice();

#define TESSERA_CHOICE_OF(isa, narrow) \
  Choice { #isa, TESSERA_TABLE_OF(isa), cpu::isa::tile_kernels(), cpu::narrow::tile_kernels(), cpu::isa::winograd_kernels(), cpu::isa::depthwise_kernels(), cpu::isa::grouped_kernels() }

/// A vector begins at every pixel: of few channels most of a long one is the next pixels', which nobody needs, and nearly each crosses a line of the cache.
template <auto kKernel, typename Args>
void pool_by_channels(const Args& args) {
  const PoolingKernels kernels = args.geometry.channels <= choice().narrow_tiles.lanes ? cpu::avx2::pooling_kernels() : cpu::avx512::pooling_kernels();
  (kernels.*kKernel)(args);
}

Choice choose_avx512() {
  Choice choice = TESSERA_CHOICE_OF(avx512, avx2);
  choice.kernels.pooling = {pool_by_channels<&PoolingKernels::max_forward, MaxPoolForward>, pool_by_channels<&PoolingKernels::max_backward, MaxPoolBackward>,
                            pool_by_channels<&PoolingKernels::average_forward, AveragePoolForward>,
                            pool_by_channels<&PoolingKernels::average_backward, AveragePoolBackward>};
  return choice;
}

Choice choose() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return choose_avx512();
  if (__builtin_cpu_supports("x86-64-v3")) return TESSERA_CHOICE_OF(avx2, avx2);  // what is narrower has no fused multiply-add
  return TESSERA_CHOICE_OF(baseline, baseline);
}

Choice& choice() {
  static Choice instance = choose();
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

void replace_kernels(Device device, const Kernels& kernels) {
  kernels_for(device);  // throws for a device that is not here
  choice().kernels = kernels;
}

const cpu::TileKernels& cpu::tile_kernels() { return choice().tiles; }

const cpu::TileKernels& cpu::tile_kernels_for(int64_t columns) {
  return columns <= choice().narrow_tiles.lanes ? choice().narrow_tiles : choice().tiles;
}
const cpu::WinogradKernels& cpu::winograd_kernels() { return choice().winograd; }
const cpu::DepthwiseKernels& cpu::depthwise_kernels() { return choice().depthwise; }
const cpu::GroupedKernels& cpu::grouped_kernels() { return choice().grouped; }

void set_kernel_threads(int threads) { omp_set_num_threads(threads); }

std::string platform_fingerprint() {
  return processor_name() + "; kernels " + choice().name + "; " + cpu::onednn::description() + "; gcc " + __VERSION__;
}

}  // namespace tessera
