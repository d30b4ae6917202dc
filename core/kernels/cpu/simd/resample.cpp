// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/resample.h"

#include "core/kernels/cpu/simd/vector.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

inline uint8_t to_pixel(int32_t sum) {
  const int32_t value = sum >> kWeightBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

#if defined(__AVX2__)
/// Four taps at a time: the channels of pixels 0 and 1 side by side in the lower half of a register, of 2 and 3 in the upper half, so that
/// one multiplication of 16-bit numbers adds neighbours. Lanes: red, green, blue, nothing.
class FourTaps {
 public:
  void add(const uint8_t* x, __m256i high_weights, __m256i low_weights) {
    const __m256i pattern = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                             6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const __m256i bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
    const __m256i pixels = _mm256_shuffle_epi8(bytes, pattern);
    high_ = _mm256_add_epi32(high_, _mm256_madd_epi16(pixels, high_weights));
    low_ = _mm256_add_epi32(low_, _mm256_madd_epi16(pixels, low_weights));
  }
  /// Writes four bytes, the last of them 0.
  void store(uint8_t* y) const {
    const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high_, kLowWeightBits), low_);
    const __m128i sum =
        _mm_add_epi32(_mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1)), _mm_set1_epi32(kHalf));
    const __m128i words = _mm_packs_epi32(_mm_srai_epi32(sum, kWeightBits), _mm_setzero_si128());
    const int32_t pixel = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    __builtin_memcpy(y, &pixel, sizeof pixel);
  }

 private:
  __m256i high_ = _mm256_setzero_si256(), low_ = _mm256_setzero_si256();
};

template <int rows>
void across_rows(const ResampleAcross& args, int64_t row) {
  const __m256i pick_high = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1), pick_low = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
  const int16_t* weights = args.weights;
  uint8_t* y = args.y + row * args.y_stride_bytes;
  for (int64_t i = 0; i < args.out_width; ++i, y += 3) {
    const uint8_t* x = args.x + row * args.x_stride_bytes + int64_t{args.first[i]} * 3;
    FourTaps sums[rows];
    for (int64_t group = 0; group < args.groups; ++group, x += 3 * kTapGroup, weights += 2 * kTapGroup) {
      const __m256i pair = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)));
      const __m256i high = _mm256_permutevar8x32_epi32(pair, pick_high), low = _mm256_permutevar8x32_epi32(pair, pick_low);
      for (int r = 0; r < rows; ++r) sums[r].add(x + r * args.x_stride_bytes, high, low);
    }
    for (int r = 0; r < rows; ++r) sums[r].store(y + r * args.y_stride_bytes);
  }
}

void across(const ResampleAcross& args) {
  int64_t row = 0;
  for (; row + 4 <= args.rows; row += 4) across_rows<4>(args, row);
  for (; row < args.rows; ++row) across_rows<1>(args, row);
}
#else
void across(const ResampleAcross& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const int16_t* weights = args.weights;
    for (int64_t i = 0; i < args.out_width; ++i) {
      const uint8_t* x = args.x + row * args.x_stride_bytes + int64_t{args.first[i]} * 3;
      int32_t high[3] = {0, 0, 0}, low[3] = {kHalf, kHalf, kHalf};
      for (int64_t group = 0; group < args.groups; ++group, weights += 2 * kTapGroup) {
        for (int64_t k = 0; k < kTapGroup; ++k, x += 3) {
          for (int c = 0; c < 3; ++c) {
            high[c] += x[c] * weights[k];
            low[c] += x[c] * weights[kTapGroup + k];
          }
        }
      }
      uint8_t* y = args.y + row * args.y_stride_bytes + i * 3;
      for (int c = 0; c < 3; ++c) y[c] = to_pixel(high[c] * (1 << kLowWeightBits) + low[c]);
    }
  }
}
#endif

constexpr int64_t kDownVectors = 4;

void down(const ResampleDown& args) {
  constexpr int64_t kBlock = kDownVectors * kLanes;
  int64_t column = 0;
  for (; column + kBlock <= args.columns; column += kBlock) {
    IntVector sums[kDownVectors];
    for (IntVector& sum : sums) sum = IntVector{} + kHalf;
    const uint8_t* x = args.x + column;
    for (int64_t k = 0; k < args.taps; ++k, x += args.x_stride_bytes) {
      for (int64_t v = 0; v < kDownVectors; ++v) sums[v] += widen(x + v * kLanes) * args.weights[k];
    }
    for (int64_t v = 0; v < kDownVectors; ++v) {
      IntVector value = sums[v] >> kWeightBits;
      value = value < 0 ? IntVector{} : value;
      value = value > 255 ? IntVector{} + 255 : value;
      narrow(args.y + column + v * kLanes, value);
    }
  }
  for (; column < args.columns; ++column) {
    int32_t sum = kHalf;
    for (int64_t k = 0; k < args.taps; ++k) sum += args.x[k * args.x_stride_bytes + column] * args.weights[k];
    args.y[column] = to_pixel(sum);
  }
}

void normalise(const NormalisePixels& args) {
  constexpr int64_t kBlock = 3 * kLanes;  // elements after which channels and lanes meet again
  float factors[kBlock], offsets[kBlock];
  for (int64_t i = 0; i < kBlock; ++i) {
    factors[i] = args.factor[i % 3];
    offsets[i] = args.offset[i % 3];
  }
  const int64_t elements = args.pixels * 3;
  int64_t at = 0;
  for (; at + kBlock <= elements; at += kBlock) {
    for (int64_t v = 0; v < kBlock; v += kLanes) {
      const Vector pixels = __builtin_convertvector(widen(args.x + at + v), Vector);
      store(args.y + at + v, pixels * load<Vector>(factors + v) + load<Vector>(offsets + v));
    }
  }
  for (int64_t i = 0; at + i < elements; ++i) args.y[at + i] = static_cast<float>(args.x[at + i]) * factors[i] + offsets[i];
}

}  // namespace

ResampleKernels resample_kernels() { return {across, down, normalise}; }

TESSERA_ISA_END
