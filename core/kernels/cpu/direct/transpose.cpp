// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/transpose.h"

#include <algorithm>

#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"

namespace tessera::cpu::direct {
namespace {

constexpr int64_t kSide = 4;      // of the squares that are turned in registers
constexpr int64_t kStrip = 16;    // rows at a time: a cache line of each column
constexpr int64_t kColumns = 256; // of a part of the work

typedef float Four __attribute__((vector_size(kSide * sizeof(float))));
typedef float UnalignedFour __attribute__((vector_size(kSide * sizeof(float)), aligned(alignof(float)), may_alias));

Four load(const float* from) { return *reinterpret_cast<const UnalignedFour*>(from); }
void store(float* to, Four value) { *reinterpret_cast<UnalignedFour*>(to) = value; }

void turn_square(const float* from, int64_t from_row, float* to, int64_t to_row) {
  const Four a = load(from), b = load(from + from_row), c = load(from + 2 * from_row), d = load(from + 3 * from_row);
  const Four ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5), ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7);
  const Four bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5), bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);
  store(to, __builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5));
  store(to + to_row, __builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7));
  store(to + 2 * to_row, __builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5));
  store(to + 3 * to_row, __builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7));
}

/// Some rows and columns of a matrix with so many; from and to point to the first.
void turn(int64_t count_rows, int64_t count_columns, const float* from, int64_t columns, float* to, int64_t rows) {
  const int64_t whole_rows = count_rows / kSide * kSide, whole_columns = count_columns / kSide * kSide;
  for (int64_t column = 0; column < whole_columns; column += kSide) {
    for (int64_t row = 0; row < whole_rows; row += kSide) turn_square(from + row * columns + column, columns, to + column * rows + row, rows);
  }
  for (int64_t column = 0; column < count_columns; ++column) {
    for (int64_t row = column < whole_columns ? whole_rows : 0; row < count_rows; ++row) to[column * rows + row] = from[row * columns + column];
  }
}

}  // namespace

void transpose(int64_t rows, int64_t columns, const float* from, float* to) {
  const Pieces parts(columns, kColumns);
  for_each_part(parts.count, threads_for(parts.count, rows * columns), [&](int64_t part, int) {
    const int64_t first = parts.begin(part);
    for (int64_t row = 0; row < rows; row += kStrip) {
      turn(std::min(kStrip, rows - row), parts.size(part), from + row * columns + first, columns, to + first * rows + row, rows);
    }
  });
}

}  // namespace tessera::cpu::direct
