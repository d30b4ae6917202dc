// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/gather.h"

#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kRowElements = 256;  // of a row that one thread takes in backward

void forward(const GatherForward& args) {
  const auto row_bytes = static_cast<size_t>(args.inner) * sizeof(float);
  parallel_for(args.outer * args.count, args.inner, [&](int64_t row) {
    const int64_t outer = row / args.count, k = row % args.count;
    __builtin_memcpy(args.y + row * args.inner, args.x + (outer * args.size + args.indices[k]) * args.inner, row_bytes);
  });
}

/// Elements [begin, end) of all rows of one outer index; of one thread, so that parts are added in order.
void add_rows(const GatherBackward& args, int64_t outer, int64_t begin, int64_t end) {
  float* dx = args.dx + outer * args.size * args.inner;
  const float* dy = args.dy + outer * args.count * args.inner;
  for (int64_t row = 0; row < args.size; ++row) __builtin_memset(dx + row * args.inner + begin, 0, static_cast<size_t>(end - begin) * sizeof(float));
  for (int64_t k = 0; k < args.count; ++k) {
    float* to = dx + args.indices[k] * args.inner;
    const float* from = dy + k * args.inner;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) to[i] += from[i];
  }
}

void backward(const GatherBackward& args) {
  const int64_t pieces = (args.inner + kRowElements - 1) / kRowElements;
  parallel_for(args.outer * pieces, (args.size + args.count) * kRowElements, [&](int64_t part) {
    const int64_t begin = part % pieces * kRowElements, end = begin + kRowElements;
    add_rows(args, part / pieces, begin, end < args.inner ? end : args.inner);
  });
}

}  // namespace

GatherKernels gather_kernels() { return {forward, backward}; }

TESSERA_ISA_END
