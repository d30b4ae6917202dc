// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// out[i] = table[ids[i]], rows of `columns` elements; ids in 0..table_rows-1.
struct EmbeddingForward {
  int64_t count, table_rows, columns;
  const int64_t* ids;
  const float* table;
  float* out;
};

/// dtable[ids[i]] += dy[i] in ascending order of i, except where ids[i] is `skipped`.
struct EmbeddingBackward {
  int64_t count, table_rows, columns;
  const int64_t* ids;
  int64_t skipped;  ///< -1: none
  const float* dy;
  float* dtable;
};

struct EmbeddingKernels {
  void (*forward)(const EmbeddingForward&);
  void (*backward)(const EmbeddingBackward&);
};

}  // namespace tessera
