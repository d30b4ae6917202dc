// SPDX-License-Identifier: Apache-2.0
// Additions between tiles and points (direct/winograd.h). Channels are taken a vector at a time, the rest one by one.
#include "core/kernels/cpu/direct/winograd.h"

#include "core/kernels/cpu/simd/vector.h"

TESSERA_ISA_BEGIN
namespace {

/// body.operator()<Value>(channel) over all channels.
template <typename Body>
inline void for_channels(int64_t channels, Body body) {
  int64_t channel = 0;
  for (; channel + kLanes <= channels; channel += kLanes) body.template operator()<Vector>(channel);
  for (; channel < channels; ++channel) body.template operator()<float>(channel);
}

/// One of the four rows of points: sums of two rows of pixels first, then of columns; neighbours share two columns.
template <int kRow, typename Value>
inline void input_points(const WinogradInput& input, const WinogradTiles& tiles, int64_t channel) {
  constexpr int kFirst[] = {0, 1, 2, 1}, kSecond[] = {2, 2, 1, 3};
  const float *first = input.rows[kFirst[kRow]] + channel, *second = input.rows[kSecond[kRow]] + channel;
  const auto inside = [&](int64_t x) -> Value {
    const Value a = load<Value>(first + x * tiles.channels), b = load<Value>(second + x * tiles.channels);
    return kRow == 1 ? a + b : a - b;
  };
  const auto column = [&](int64_t x) { return x < 0 || x >= input.width ? Value{} : inside(x); };
  float* out = tiles.at(channel);
  Value a = column(input.first_column), b = column(input.first_column + 1);
  const auto tile = [&](Value c, Value d) __attribute__((always_inline)) {
    store(out, a - c);
    store(out + tiles.point_step, b + c);
    store(out + 2 * tiles.point_step, c - b);
    store(out + 3 * tiles.point_step, b - d);
    out += kWinogradPanel;
    a = c, b = d;
  };
  const int64_t begin = input.first_column + 2, end = begin + 2 * tiles.tiles;
  int64_t x = begin;
  for (; x < end && x + 1 < input.width; x += 2) tile(inside(x), inside(x + 1));
  for (; x < end; x += 2) tile(column(x), column(x + 1));
}

template <int kRow>
void input_row(const WinogradInput& input, const WinogradTiles& tiles) {
  for_channels(tiles.channels, [&]<typename Value>(int64_t channel) { input_points<kRow, Value>(input, tiles, channel); });
}

void input(int row, const WinogradInput& input, const WinogradTiles& tiles) {
  static constexpr decltype(&input_row<0>) kRows[] = {input_row<0>, input_row<1>, input_row<2>, input_row<3>};
  kRows[row](input, tiles);
}

/// The four points of a row are (l, l + r, l - r, r) of a left and a right value, which are sums of the two rows of pixels.
template <int kRow>
void gradient_row(const float* const (&rows)[2], int64_t width, const WinogradTiles& tiles) {
  for_channels(tiles.channels, [&]<typename Value>(int64_t channel) {
    float* out = tiles.at(channel);
    const auto pixel = [&](int64_t x) -> Value {
      const int64_t at = x * tiles.channels + channel;
      if constexpr (kRow == 0) return load<Value>(rows[0] + at);
      if constexpr (kRow == 1) return load<Value>(rows[0] + at) + load<Value>(rows[1] + at);
      if constexpr (kRow == 2) return load<Value>(rows[0] + at) - load<Value>(rows[1] + at);
      return load<Value>(rows[1] + at);
    };
    const auto tile = [&](Value left, Value right) __attribute__((always_inline)) {
      store(out, left);
      store(out + tiles.point_step, left + right);
      store(out + 2 * tiles.point_step, left - right);
      store(out + 3 * tiles.point_step, right);
      out += kWinogradPanel;
    };
    for (int64_t x = 0; x + 1 < width; x += 2) tile(pixel(x), pixel(x + 1));
    if (width % 2 == 1) tile(pixel(width - 1), Value{});
  });
}

void gradient(int row, const float* const (&rows)[2], int64_t width, const WinogradTiles& tiles) {
  static constexpr decltype(&gradient_row<0>) kRows[] = {gradient_row<0>, gradient_row<1>, gradient_row<2>, gradient_row<3>};
  kRows[row](rows, width, tiles);
}

/// Sums over columns of points make two columns of pixels; the upper row of them is the sum of the first three rows of points, the lower one the second less
/// the others.
template <int kRow>
void output_row(const WinogradTiles& tiles, const WinogradOutput& output) {
  for_channels(tiles.channels, [&]<typename Value>(int64_t channel) {
    const Value bias = output.bias ? load<Value>(output.bias + channel) : Value{};
    float *upper = output.rows[0] + channel, *lower = output.rows[1] ? output.rows[1] + channel : nullptr;
    const auto put = [&](int64_t at, Value sum) __attribute__((always_inline)) {
      if constexpr (kRow == 0) store(upper + at, sum + bias);
      if constexpr (kRow == 1 || kRow == 2) store(upper + at, load<Value>(upper + at) + sum);
      if (kRow == 0 || !lower) return;
      store(lower + at, kRow == 1 ? sum + bias : load<Value>(lower + at) - sum);
    };
    const float* in = tiles.at(channel);
    for (int64_t t = 0; t < tiles.tiles; ++t, in += kWinogradPanel) {
      const Value second = load<Value>(in + tiles.point_step), third = load<Value>(in + 2 * tiles.point_step);
      const int64_t at = 2 * t * tiles.channels;
      put(at, load<Value>(in) + second + third);
      if (2 * t + 1 < output.width) put(at + tiles.channels, second - third - load<Value>(in + 3 * tiles.point_step));
    }
  });
}

void output(int row, const WinogradTiles& tiles, const WinogradOutput& output) {
  static constexpr decltype(&output_row<0>) kRows[] = {output_row<0>, output_row<1>, output_row<2>, output_row<3>};
  kRows[row](tiles, output);
}

/// Three values to four points.
template <typename Value>
inline void weight_points(const Value (&g)[3], Value (&points)[4]) {
  const Value outer = g[0] + g[2];
  points[0] = g[0];
  points[1] = 0.5f * (outer + g[1]);
  points[2] = 0.5f * (outer - g[1]);
  points[3] = g[2];
}

void weight(const WinogradWeight& args) {
  for (int64_t first = 0; first < args.out; first += kWinogradPanel) {
    const int64_t count = args.out - first < kWinogradPanel ? args.out - first : kWinogradPanel;
    float* panel = args.points + first / kWinogradPanel * args.panel_step;
    for (int64_t in = 0; in < args.in; ++in) {
      float window[9][kWinogradPanel];
      for (int64_t c = 0; c < count; ++c) {
        const float* from = args.weight + (first + c) * args.out_step + in * args.in_step;
        for (int place = 0; place < 9; ++place) window[args.flipped ? 8 - place : place][c] = from[place];
      }
      for_channels(count, [&]<typename Value>(int64_t c) {
        Value rows[3][4];  // [window's row][point's column]
        for (int row = 0; row < 3; ++row) {
          const Value values[3] = {load<Value>(&window[3 * row][c]), load<Value>(&window[3 * row + 1][c]), load<Value>(&window[3 * row + 2][c])};
          weight_points<Value>(values, rows[row]);
        }
        for (int column = 0; column < 4; ++column) {
          Value points[4];
          weight_points<Value>({rows[0][column], rows[1][column], rows[2][column]}, points);
          for (int row = 0; row < 4; ++row) store(panel + (4 * row + column) * args.point_step + in * kWinogradPanel + c, points[row]);
        }
      });
    }
  }
}

/// As many as a vector has f32 numbers. (Never handed over by value: without AVX that would be another way of calling.)
typedef double Doubles __attribute__((vector_size(kLanes * sizeof(double))));
typedef double UnalignedDoubles __attribute__((vector_size(kLanes * sizeof(double)), aligned(alignof(double)), may_alias));

inline void load_doubles(const double* from, Doubles& to) { to = *reinterpret_cast<const UnalignedDoubles*>(from); }
inline void load_doubles(const float* from, Doubles& to) { to = __builtin_convertvector(load<Vector>(from), Doubles); }

/// Four points to three places; the points in the middle are twice what they should be.
inline void take_back(const Doubles& first, const Doubles& second, const Doubles& third, const Doubles& fourth, Doubles (&places)[3]) {
  const Doubles sum = 0.5 * (second + third);
  places[0] = first + sum;
  places[1] = 0.5 * (second - third);
  places[2] = sum - fourth;
}

/// The windows of kLanes pairs of channels, places kWinogradPanel apart.
template <typename Sum>
inline void windows_of(const Sum* points, int64_t point_step, float* windows) {
  Doubles rows[4][3], places[3];
  for (int row = 0; row < 4; ++row) {
    Doubles sums[4];
    for (int column = 0; column < 4; ++column) load_doubles(points + (4 * row + column) * point_step, sums[column]);
    take_back(sums[0], sums[1], sums[2], sums[3], rows[row]);
  }
  for (int kx = 0; kx < 3; ++kx) {
    take_back(rows[0][kx], rows[1][kx], rows[2][kx], rows[3][kx], places);
    for (int ky = 0; ky < 3; ++ky) store(windows + (3 * ky + kx) * kWinogradPanel, __builtin_convertvector(places[ky], Vector));
  }
}

template <typename Sum>
void weight_gradient(const WinogradWeightGradient& args, const Sum* sums) {
  for (int64_t first = 0; first < args.out; first += kWinogradPanel) {
    const int64_t count = args.out - first < kWinogradPanel ? args.out - first : kWinogradPanel;
    for (int64_t in = 0; in < args.in; ++in) {
      const Sum* at = sums + first / kWinogradPanel * args.panel_step + in * kWinogradPanel;
      float window[9][kWinogradPanel];
      for (int64_t c = 0; c < kWinogradPanel; c += kLanes) windows_of(at + c, args.point_step, &window[0][c]);
      for (int64_t c = 0; c < count; ++c) {
        float* to = args.dweight + ((first + c) * args.in + in) * 9;
        for (int place = 0; place < 9; ++place) to[place] = window[place][c];
      }
    }
  }
}

void weight_gradient(const WinogradWeightGradient& args) {
  if (args.totals) return weight_gradient(args, args.totals);
  weight_gradient(args, args.only);
}

void add_to(int64_t elements, const float* terms, double* sums) {
#pragma GCC ivdep
  for (int64_t i = 0; i < elements; ++i) sums[i] += static_cast<double>(terms[i]);
}

}  // namespace

WinogradKernels winograd_kernels() { return {input, gradient, output, weight, weight_gradient, add_to}; }

TESSERA_ISA_END
