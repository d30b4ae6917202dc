// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/embedding.h"

#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

void embedding_forward(const EmbeddingForward& args) {
  parallel_for(args.count, args.columns, [&](int64_t i) {
    __builtin_memcpy(args.out + i * args.columns, args.table + args.ids[i] * args.columns, static_cast<size_t>(args.columns) * sizeof(float));
  });
}

/// The rows [begin, end) of the table; whoever owns them reads all ids, so that a row's sum has one order.
void scatter(const EmbeddingBackward& args, int64_t begin, int64_t end) {
  const int64_t columns = args.columns;
  for (int64_t i = 0; i < args.count; ++i) {
    const int64_t id = args.ids[i];
    if (id < begin || id >= end || id == args.skipped) continue;
    const float* dy = args.dy + i * columns;
    float* row = args.dtable + id * columns;
#pragma GCC ivdep
    for (int64_t c = 0; c < columns; ++c) row[c] += dy[c];
  }
}

void embedding_backward(const EmbeddingBackward& args) {
  const int64_t parts = omp_get_max_threads();
  parallel_for(parts, args.count * args.columns / parts, [&](int64_t part) {
    scatter(args, args.table_rows * part / parts, args.table_rows * (part + 1) / parts);
  });
}

}  // namespace

EmbeddingKernels embedding_kernels() { return {embedding_forward, embedding_backward}; }

TESSERA_ISA_END
