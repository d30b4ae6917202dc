// SPDX-License-Identifier: Apache-2.0
// The highest rate of f32 arithmetic: independent chains of multiply-adds that never leave the registers.
#include <immintrin.h>

#include <thread>

#include "launcher/bench/bench.h"

namespace tessera::launcher::bench {
namespace {

// More chains than any processor's latency times its number of units; fewer than there are registers. Each has a name of its own:
// GCC keeps arrays of vectors in memory.
#define TESSERA_EACH_CHAIN(act) act(a) act(b) act(c) act(d) act(e) act(f) act(g) act(h) act(i) act(j) act(k) act(l)
constexpr int kChains = 12;
constexpr int64_t kRounds = 1 << 20;

#define TESSERA_BEGIN(chain) auto chain = half;
#define TESSERA_STEP(chain)                 \
  chain = multiply_add(chain, half, half);  \
  asm volatile("" : "+x"(chain)); /* else equal chains would become one */
#define TESSERA_END(chain) result += first_lane(chain);

#define TESSERA_CHAINS(name, isa, half_vector)                                        \
  [[gnu::target(isa), gnu::noinline]] float name() {                                  \
    const auto half = half_vector(0.5f);                                              \
    TESSERA_EACH_CHAIN(TESSERA_BEGIN)                                                 \
    for (int64_t round = 0; round < kRounds; ++round) { TESSERA_EACH_CHAIN(TESSERA_STEP) } \
    float result = 0.0f;                                                              \
    TESSERA_EACH_CHAIN(TESSERA_END)                                                   \
    return result;                                                                    \
  }

[[gnu::target("avx512f")]] inline __m512 multiply_add(__m512 x, __m512 factor, __m512 summand) { return _mm512_fmadd_ps(x, factor, summand); }
[[gnu::target("avx2,fma")]] inline __m256 multiply_add(__m256 x, __m256 factor, __m256 summand) { return _mm256_fmadd_ps(x, factor, summand); }
inline __m128 multiply_add(__m128 x, __m128 factor, __m128 summand) { return _mm_add_ps(_mm_mul_ps(x, factor), summand); }

template <typename Vector>
float first_lane(const Vector& vector) {
  return vector[0];
}

TESSERA_CHAINS(chains_avx512, "avx512f", _mm512_set1_ps)
TESSERA_CHAINS(chains_avx2, "avx2,fma", _mm256_set1_ps)
TESSERA_CHAINS(chains_sse, "sse2", _mm_set1_ps)

struct Loop {
  float (*run)();
  double lanes;
};

/// Of the instruction sets that our own kernels are compiled for.
Loop best_loop() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return {chains_avx512, 16};
  if (__builtin_cpu_supports("x86-64-v3")) return {chains_avx2, 8};
  return {chains_sse, 4};
}

}  // namespace

double peak_flops_per_s(int threads, double seconds) {
  const Loop loop = best_loop();
  const auto all = [&] {
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(loop.run);
    loop.run();
  };
  return 2.0 * loop.lanes * kChains * static_cast<double>(kRounds) * threads / measure(seconds, all).best_s;
}

}  // namespace tessera::launcher::bench
