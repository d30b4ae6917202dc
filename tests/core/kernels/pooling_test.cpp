// SPDX-License-Identifier: Apache-2.0
// Pooling against plain loops, to the bit, for every instruction set.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/core/kernels/instruction_sets.h"

namespace tessera::test {
namespace {

using Floats = std::vector<float>;

struct PoolingProblem {
  explicit PoolingProblem(const PoolingGeometry& geometry)
      : g(geometry), x(noise(g.batch * g.in_height * g.in_width * g.channels, 1)), dy(noise(g.batch * g.out_height * g.out_width * g.channels, 2)) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::round(x[i] * 4.0f);  // many equal maxima
    for (size_t i = 5; i < x.size(); i += 17) x[i] = std::numeric_limits<float>::quiet_NaN();
    for (size_t i = 3; i < x.size(); i += 29) x[i] = -std::numeric_limits<float>::infinity();
  }

  /// body(out place, in place, place in the window) for every pixel of every window, windows and pixels in row-major order.
  template <typename Body>
  void for_each(Body body) const {
    for (int64_t n = 0; n < g.batch; ++n)
      for (int64_t oh = 0; oh < g.out_height; ++oh)
        for (int64_t ow = 0; ow < g.out_width; ++ow)
          for (int64_t ky = 0; ky < g.kernel_height; ++ky)
            for (int64_t kx = 0; kx < g.kernel_width; ++kx) {
              const int64_t h = oh * g.stride_height + ky - g.padding_height, w = ow * g.stride_width + kx - g.padding_width;
              if (h < 0 || h >= g.in_height || w < 0 || w >= g.in_width) continue;
              for (int64_t c = 0; c < g.channels; ++c) {
                body(static_cast<size_t>(((n * g.out_height + oh) * g.out_width + ow) * g.channels + c),
                     static_cast<size_t>(((n * g.in_height + h) * g.in_width + w) * g.channels + c), static_cast<uint8_t>(ky * g.kernel_width + kx));
              }
            }
  }

  PoolingGeometry g;
  Floats x, dy;
};

uint32_t bits(float value) { return std::isnan(value) ? 0x7fc00000u : __builtin_bit_cast(uint32_t, value); }

void expect_same(const Floats& got, const Floats& want, const char* what) {
  for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(bits(got[i]), bits(want[i])) << what << ", element " << i << ": " << got[i] << ", not " << want[i];
}

void check_maximum(const PoolingProblem& p, const PoolingKernels& kernels) {
  Floats y(p.dy.size(), 7.0f), dx(p.x.size(), 7.0f), want_y(p.dy.size(), 7.0f), want_dx(p.x.size(), 0.0f);
  std::vector<uint8_t> argmax(p.dy.size(), 99), want_argmax(p.dy.size(), 255);
  p.for_each([&](size_t out, size_t in, uint8_t place) {
    if (want_argmax[out] == 255 || p.x[in] > want_y[out] || std::isnan(p.x[in])) want_y[out] = p.x[in], want_argmax[out] = place;
  });
  p.for_each([&](size_t out, size_t in, uint8_t place) { want_dx[in] += want_argmax[out] == place ? p.dy[out] : 0.0f; });
  kernels.max_forward({p.g, p.x.data(), y.data(), argmax.data()});
  kernels.max_backward({p.g, argmax.data(), p.dy.data(), dx.data()});
  expect_same(y, want_y, "maximum");
  EXPECT_EQ(argmax, want_argmax);
  expect_same(dx, want_dx, "gradient of maximum");
}

void check_average(const PoolingProblem& p, const PoolingKernels& kernels) {
  const float scale = 1.0f / static_cast<float>(p.g.kernel_height * p.g.kernel_width);
  Floats y(p.dy.size(), 7.0f), dx(p.x.size(), 7.0f), want_y(p.dy.size(), 0.0f), want_dx(p.x.size(), 0.0f);
  p.for_each([&](size_t out, size_t in, uint8_t) {
    want_y[out] += p.x[in];
    want_dx[in] += p.dy[out] * scale;
  });
  for (float& value : want_y) value *= scale;
  kernels.average_forward({p.g, true, p.x.data(), y.data()});
  kernels.average_backward({p.g, true, p.dy.data(), dx.data()});
  expect_same(y, want_y, "average");
  expect_same(dx, want_dx, "gradient of average");
}

TEST(Pooling, EqualsPlainLoops) {
  struct Window {
    int64_t kernel_height, kernel_width, stride_height, stride_width, padding_height, padding_width;
  };
  const Window windows[] = {{2, 2, 2, 2, 0, 0}, {3, 3, 2, 2, 1, 1}, {3, 3, 3, 3, 0, 0}, {2, 2, 1, 1, 0, 0}, {1, 1, 1, 1, 0, 0}, {2, 3, 2, 3, 0, 0},
                            {3, 3, 1, 1, 1, 1}, {2, 2, 3, 3, 0, 0}, {5, 4, 2, 3, 2, 2}, {2, 2, 2, 2, 1, 1}, {15, 15, 4, 4, 7, 7}};
  for (const InstructionSet& set : instruction_sets()) {
    for (const Window& w : windows) {
      for (const int64_t channels : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 33}) {
        for (const int64_t size : {5, 8, 15}) {
          if (size + 2 * w.padding_height < w.kernel_height) continue;
          const int64_t height = size, width = size + 2;
          const PoolingGeometry g{3, channels, height, width, (height + 2 * w.padding_height - w.kernel_height) / w.stride_height + 1,
                                  (width + 2 * w.padding_width - w.kernel_width) / w.stride_width + 1, w.kernel_height, w.kernel_width,
                                  w.stride_height, w.stride_width, w.padding_height, w.padding_width};
          SCOPED_TRACE(set.name + ", window " + std::to_string(w.kernel_height) + " x " + std::to_string(w.kernel_width) + " stride " +
                       std::to_string(w.stride_height) + " padding " + std::to_string(w.padding_height) + ", " + std::to_string(channels) +
                       " channels, size " + std::to_string(size));
          const PoolingProblem problem(g);
          check_maximum(problem, set.pooling);
          check_average(problem, set.pooling);
          if (testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tessera::test
