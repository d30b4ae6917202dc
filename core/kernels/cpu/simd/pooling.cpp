// SPDX-License-Identifier: Apache-2.0
// Whole vectors of channels, however few these are: what a vector holds beyond the last channel is the beginning of the next pixel
// and is either written again later or left as it was. Only at the very end of an image channels are taken one by one.
#include "core/kernels/pooling.h"

#include <type_traits>

#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/cpu/simd/vector.h"

TESSERA_ISA_BEGIN
namespace {

/// The part of a window that lies inside the image along one dim.
struct Window {
  int64_t origin;      ///< first index, may be negative
  int64_t begin, end;  ///< offsets inside the image

  Window(int64_t out, int64_t stride, int64_t padding, int64_t kernel, int64_t size) : origin(out * stride - padding) {
    begin = origin < 0 ? -origin : 0;
    end = origin + kernel > size ? size - origin : kernel;
  }
};

int64_t in_elements(const PoolingGeometry& g) { return g.in_height * g.in_width * g.channels; }
int64_t out_elements(const PoolingGeometry& g) { return g.out_height * g.out_width * g.channels; }

/// Where one window's channels lie: in the image and in the result, both counted from the first element of one image.
struct Site {
  const PoolingGeometry& g;
  Window rows, columns;
  int64_t out;

  int64_t in(int64_t ky, int64_t kx) const { return ((rows.origin + ky) * g.in_width + columns.origin + kx) * g.channels; }
  int32_t place(int64_t ky, int64_t kx) const { return static_cast<int32_t>(ky * g.kernel_width + kx); }
};

/// body(site) for every window of one image, in row-major order.
template <typename Body>
inline void for_each_window(const PoolingGeometry& g, Body body) {
  for (int64_t oh = 0; oh < g.out_height; ++oh) {
    const Window rows(oh, g.stride_height, g.padding_height, g.kernel_height, g.in_height);
    for (int64_t ow = 0; ow < g.out_width; ++ow) {
      const Window columns(ow, g.stride_width, g.padding_width, g.kernel_width, g.in_width);
      body(Site{g, rows, columns, (oh * g.out_width + ow) * g.channels});
    }
  }
}

/// body(Vector{}, channel) for whole vectors of channels, as far as `room` elements reach from the first channel, then body(0.0f, channel).
template <typename Body>
inline void for_each_channel(int64_t channels, int64_t room, Body body) {
  int64_t c = 0;
  for (; c < channels && c + kLanes <= room; c += kLanes) body(Vector{}, c);
  for (; c < channels; ++c) body(0.0f, c);
}

/// Elements from the window's first channel to the end of image and result, whichever is nearer.
inline int64_t room_of(const Site& site) {
  const int64_t in = in_elements(site.g) - site.in(site.rows.end - 1, site.columns.end - 1), out = out_elements(site.g) - site.out;
  return in < out ? in : out;
}

template <typename Value>
struct Maximum {
  using Integer = std::conditional_t<sizeof(Value) == sizeof(float), int32_t, IntVector>;
  Value value;
  Integer place;

  void take(Value other, int32_t at) {
    const auto larger = (other > value) | (other != other);
    value = larger ? other : value;
    place = larger ? Integer{} + at : place;
  }
};

template <typename Value>
inline Maximum<Value> maximum_of(const Site& site, const float* x) {
  Maximum<Value> maximum{load<Value>(x + site.in(site.rows.begin, site.columns.begin)), {}};
  maximum.place += site.place(site.rows.begin, site.columns.begin);
  for (int64_t ky = site.rows.begin; ky < site.rows.end; ++ky) {
    for (int64_t kx = site.columns.begin; kx < site.columns.end; ++kx) maximum.take(load<Value>(x + site.in(ky, kx)), site.place(ky, kx));
  }
  return maximum;
}

void max_of_window(const Site& site, const float* x, float* y, uint8_t* argmax) {
  for_each_channel(site.g.channels, room_of(site), [&](auto kind, int64_t c) {
    auto maximum = maximum_of<decltype(kind)>(site, x + c);
    store(y + site.out + c, maximum.value);
    store_bytes(argmax + site.out + c, maximum.place);
  });
}

/// Neighbouring windows that lie inside the image with room behind them. x: the first one's corner.
template <int kSide>
void max_of_run(const PoolingGeometry& g, int64_t windows, const float* x, float* y, uint8_t* argmax) {
  const int64_t channels = g.channels, row = g.in_width * channels, step = g.stride_width * channels;
  for (int64_t window = 0; window < windows; ++window, x += step, y += channels, argmax += channels) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      Maximum<Vector> maximum{load<Vector>(x + c), {}};
#pragma GCC unroll 9
      for (int i = 1; i < kSide * kSide; ++i) maximum.take(load<Vector>(x + c + (i / kSide) * row + (i % kSide) * channels), i);
      store(y + c, maximum.value);
      store_bytes(argmax + c, maximum.place);
    }
  }
}

/// Windows of output row `oh`, from the first inside the image on, that max_of_run() may do.
struct Run {
  int64_t first = 0, count = 0;

  Run(const PoolingGeometry& g, const Window& rows, int64_t oh) {
    if (rows.begin > 0 || rows.end < g.kernel_height) return;
    first = (g.padding_width + g.stride_width - 1) / g.stride_width;
    const int64_t end = (g.in_width + g.padding_width - g.kernel_width) / g.stride_width + 1;
    count = (end < g.out_width ? end : g.out_width) - first;
    const int64_t padded = (g.channels + kLanes - 1) / kLanes * kLanes;
    const auto has_room = [&](int64_t ow) {
      const int64_t corner = ((rows.origin + g.kernel_height - 1) * g.in_width + ow * g.stride_width - g.padding_width + g.kernel_width - 1);
      return corner * g.channels + padded <= in_elements(g) && (oh * g.out_width + ow) * g.channels + padded <= out_elements(g);
    };
    while (count > 0 && !has_room(first + count - 1)) --count;
    if (count < 0) count = 0;
  }
};

void max_of_image(const PoolingGeometry& g, const float* x, float* y, uint8_t* argmax) {
  const bool two = g.kernel_height == 2 && g.kernel_width == 2, three = g.kernel_height == 3 && g.kernel_width == 3;
  for (int64_t oh = 0; oh < g.out_height; ++oh) {
    const Window rows(oh, g.stride_height, g.padding_height, g.kernel_height, g.in_height);
    const Run run(g, rows, oh);
    for (int64_t ow = 0; ow < g.out_width; ++ow) {
      const Window columns(ow, g.stride_width, g.padding_width, g.kernel_width, g.in_width);
      const Site site{g, rows, columns, (oh * g.out_width + ow) * g.channels};
      if (ow == run.first && run.count > 0 && (two || three)) {
        const auto run_kernel = two ? max_of_run<2> : max_of_run<3>;
        run_kernel(g, run.count, x + site.in(0, 0), y + site.out, argmax + site.out);
        ow += run.count - 1;
      } else {
        max_of_window(site, x, y, argmax);
      }
    }
  }
}

void max_forward(const MaxPoolForward& args) {
  const PoolingGeometry& g = args.geometry;
  parallel_for(g.batch, in_elements(g), [&](int64_t image) {
    const int64_t out = image * out_elements(g);
    max_of_image(g, args.x + image * in_elements(g), args.y + out, args.argmax + out);
  });
}

/// Windows that lie side by side and begin at the image's corner: every pixel belongs to one of them, or to none at the far edges.
bool is_tiling(const PoolingGeometry& g) {
  return g.stride_height == g.kernel_height && g.stride_width == g.kernel_width && g.padding_height == 0 && g.padding_width == 0 &&
         g.out_height * g.kernel_height <= g.in_height && g.out_width * g.kernel_width <= g.in_width;
}

/// One row of the image, covered by row `ky` of windows: dx = gradient(out element, place, Value{}). The rooms are elements from
/// here to the ends of image and result.
template <int kWidth, typename Gradient>
inline void spread_row(const PoolingGeometry& g, float* to, int64_t out, int64_t ky, int64_t room_in, int64_t room_out, Gradient gradient) {
  const int64_t channels = g.channels, windows = g.out_width, width = kWidth > 0 ? kWidth : g.kernel_width;
  const bool whole = room_in >= windows * width * channels + kLanes && room_out >= windows * channels + kLanes;
  const auto first_place = static_cast<int32_t>(ky * width);
  for (int64_t ow = 0; ow < windows; ++ow, out += channels, room_out -= channels) {
    for (int64_t kx = 0; kx < width; ++kx, to += channels, room_in -= channels) {
      const int64_t room = room_in < room_out ? room_in : room_out;
      const int32_t place = first_place + static_cast<int32_t>(kx);
      for_each_channel(channels, whole ? channels + kLanes : room, [=](auto kind, int64_t c) { store(to + c, gradient(out + c, place, kind)); });
    }
  }
}

/// The gradient of windows that tile the image; in memory order, since a vector reaches into the next pixel.
template <typename Gradient>
inline void spread_tiling(const PoolingGeometry& g, float* dx, Gradient gradient) {
  const int64_t end = in_elements(g), row = g.in_width * g.channels, covered = g.out_width * g.kernel_width * g.channels;
  for (int64_t oh = 0; oh < g.out_height; ++oh) {
    const int64_t out = oh * g.out_width * g.channels;
    for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
      const int64_t begin = (oh * g.kernel_height + ky) * row;
      const auto run = g.kernel_width == 2 ? spread_row<2, Gradient> : spread_row<0, Gradient>;
      run(g, dx + begin, out, ky, end - begin, out_elements(g) - out, gradient);
      __builtin_memset(dx + begin + covered, 0, static_cast<size_t>(row - covered) * sizeof(float));
    }
  }
  const int64_t covered_rows = g.out_height * g.kernel_height * row;
  __builtin_memset(dx + covered_rows, 0, static_cast<size_t>(end - covered_rows) * sizeof(float));
}

/// dx += gradient_of(window)(...) over all windows; for windows that overlap.
template <typename GradientOf>
inline void spread_any(const PoolingGeometry& g, float* dx, GradientOf gradient_of) {
  __builtin_memset(dx, 0, static_cast<size_t>(in_elements(g)) * sizeof(float));
  for_each_window(g, [&](const Site& site) {
    const int64_t room = room_of(site);
    const auto gradient = gradient_of(site);
    for (int64_t ky = site.rows.begin; ky < site.rows.end; ++ky) {
      for (int64_t kx = site.columns.begin; kx < site.columns.end; ++kx) {
        float* to = dx + site.in(ky, kx);
        for_each_channel(g.channels, room, [&](auto kind, int64_t c) {
          const auto part = gradient(site.out + c, site.place(ky, kx), kind);
          store(to + c, load<decltype(kind)>(to + c) + first_lanes(part, g.channels - c));
        });
      }
    }
  });
}

void max_backward(const MaxPoolBackward& args) {
  const PoolingGeometry& g = args.geometry;
  parallel_for(g.batch, in_elements(g), [&](int64_t image) {
    const float* dy = args.dy + image * out_elements(g);
    const uint8_t* argmax = args.argmax + image * out_elements(g);
    const auto gradient = [=](int64_t out, int32_t place, auto kind) {
      using Value = decltype(kind);
      const auto mine = load_bytes<typename Maximum<Value>::Integer>(argmax + out) == place;
      return mine ? load<Value>(dy + out) : Value{};
    };
    float* dx = args.dx + image * in_elements(g);
    if (is_tiling(g)) {
      spread_tiling(g, dx, gradient);
    } else {
      spread_any(g, dx, [=](const Site&) { return gradient; });
    }
  });
}

/// Of `kernel` places along one dim, those that the mean counts.
int64_t counted(const Window& window, int64_t kernel, int64_t padding, int64_t size, bool padding_counts) {
  if (!padding_counts) return window.end - window.begin;
  return window.origin + kernel > size + padding ? size + padding - window.origin : kernel;
}

float scale_of(const Site& site, bool padding_counts) {
  const PoolingGeometry& g = site.g;
  const int64_t rows = counted(site.rows, g.kernel_height, g.padding_height, g.in_height, padding_counts);
  const int64_t columns = counted(site.columns, g.kernel_width, g.padding_width, g.in_width, padding_counts);
  return 1.0f / static_cast<float>(rows * columns);
}

void average_forward(const AveragePoolForward& args) {
  const PoolingGeometry& g = args.geometry;
  parallel_for(g.batch, in_elements(g), [&](int64_t image) {
    const float* x = args.x + image * in_elements(g);
    float* y = args.y + image * out_elements(g);
    for_each_window(g, [&](const Site& site) {
      const float scale = scale_of(site, args.padding_counts);
      for_each_channel(g.channels, room_of(site), [&](auto kind, int64_t c) {
        using Value = decltype(kind);
        Value sum{};
        for (int64_t ky = site.rows.begin; ky < site.rows.end; ++ky) {
          for (int64_t kx = site.columns.begin; kx < site.columns.end; ++kx) sum += load<Value>(x + site.in(ky, kx) + c);
        }
        store(y + site.out + c, sum * scale);
      });
    });
  });
}

void average_backward(const AveragePoolBackward& args) {
  const PoolingGeometry& g = args.geometry;
  parallel_for(g.batch, in_elements(g), [&](int64_t image) {
    const float* dy = args.dy + image * out_elements(g);
    const auto gradient = [=](float scale) {
      return [=](int64_t out, int32_t, auto kind) { return load<decltype(kind)>(dy + out) * scale; };
    };
    float* dx = args.dx + image * in_elements(g);
    if (is_tiling(g)) {
      spread_tiling(g, dx, gradient(1.0f / static_cast<float>(g.kernel_height * g.kernel_width)));
    } else {
      spread_any(g, dx, [&](const Site& site) { return gradient(scale_of(site, args.padding_counts)); });
    }
  });
}

}  // namespace

PoolingKernels pooling_kernels() { return {max_forward, max_backward, average_forward, average_backward}; }

TESSERA_ISA_END
