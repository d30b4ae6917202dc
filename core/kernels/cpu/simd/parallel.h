// SPDX-License-Identifier: Apache-2.0
// Splitting of a range over the kernel threads. Pieces start at multiples of a fixed block, so that results do not depend on the
// number of threads.
#pragma once

#include <omp.h>

#include <cstdint>

#include "core/kernels/cpu/simd/isa.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kBlockElements = 4096;
constexpr int64_t kParallelElements = 1 << 16;  // below this, starting threads costs more than it saves

/// body(begin, end) over [0, elements) in pieces of whole blocks.
template <typename Body>
inline void parallel_ranges(int64_t elements, Body body) {
  const int threads = omp_get_max_threads();
  if (threads == 1 || elements < kParallelElements) {
    body(int64_t{0}, elements);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const int64_t blocks = (elements + kBlockElements - 1) / kBlockElements;
    const int64_t thread = omp_get_thread_num(), count = omp_get_num_threads();
    const int64_t begin = blocks * thread / count * kBlockElements;
    const int64_t end = blocks * (thread + 1) / count * kBlockElements;
    if (begin < end) body(begin, end < elements ? end : elements);
  }
}

/// body(index) for independent outer iterations that each do `work` elements.
template <typename Body>
inline void parallel_for(int64_t count, int64_t work, Body body) {
  const int threads = omp_get_max_threads();
  if (threads == 1 || count * work < kParallelElements) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < count; ++i) body(i);
}

}  // namespace
TESSERA_ISA_END
