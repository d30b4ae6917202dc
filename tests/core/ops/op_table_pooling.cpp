// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/ops/pooling.h"
#include "core/ops/upsample.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;
using ops::PoolingOptions;

/// Places of a window in one dim; those outside of 0..size-1 are padding.
struct Places {
  std::vector<int64_t> all;
  int64_t size;

  bool inside(int64_t place) const { return place >= 0 && place < size; }
};

/// Windows that end inside the padded image and, where `ceil_mode` is set, those that begin inside it before another has reached its end. Places beyond
/// the padding are left out.
std::vector<Places> windows(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, bool ceil_mode) {
  std::vector<Places> result;
  for (int64_t start = -padding, reached = 0;; start += stride) {
    const int64_t stop = start + dilation * (kernel - 1) + 1;
    const bool late = ceil_mode && start < size && reached < size + padding;
    if (stop > size + padding && !late) return result;
    reached = stop;
    result.push_back({{}, size});
    for (int64_t place = start; place < std::min(stop, size + padding); place += dilation) result.back().all.push_back(place);
  }
}

std::vector<Places> adaptive_windows(int64_t size, int64_t count) {
  std::vector<Places> result;
  for (int64_t i = 0; i < count; ++i) {
    result.push_back({{}, size});
    for (int64_t place = 0; place < size; ++place) {
      if ((place + 1) * count > i * size && place * count < (i + 1) * size) result.back().all.push_back(place);
    }
  }
  return result;
}

/// The maximum over a window's pixels, or their sum over the count of all places, or of those in the image.
enum class Kind { maximum, average, average_of_image };

double pooled(const double* image, const Places& rows, const Places& columns, Kind kind) {
  double sum = 0.0, largest = -1e300, inside = 0.0;
  for (int64_t h : rows.all)
    for (int64_t w : columns.all) {
      if (!rows.inside(h) || !columns.inside(w)) continue;
      const double value = image[h * columns.size + w];
      sum += value;
      largest = std::max(largest, value);
      inside += 1.0;
    }
  if (kind == Kind::maximum) return largest;
  return sum / (kind == Kind::average ? static_cast<double>(rows.all.size() * columns.all.size()) : inside);
}

Numbers pool_reference(const Numbers& x, const Shape& shape, const std::vector<Places>& rows, const std::vector<Places>& columns, Kind kind) {
  Numbers y;
  for (int64_t image = 0; image < shape[0] * shape[1]; ++image)
    for (const Places& row : rows)
      for (const Places& column : columns) y.push_back(pooled(x.data() + image * shape[2] * shape[3], row, column, kind));
  return y;
}

OpRow pool_row(const Shape& x, const PoolingOptions& o, bool maximum) {
  const Kind kind = maximum ? Kind::maximum : o.padding_counts ? Kind::average : Kind::average_of_image;
  return {std::string(maximum ? "max_pool2d " : "average_pool2d ") + x.text() + " kernel " + o.kernel.text() + " stride " + o.stride.text() + " padding " +
              o.padding.text() + " dilation " + o.dilation.text() + (o.ceil_mode ? " ceil" : "") + (o.padding_counts ? "" : " image only"),
          {{x, true}},
          [=](const std::vector<Variable>& in) { return maximum ? ops::max_pool2d(in[0], o) : ops::average_pool2d(in[0], o); },
          [=](const std::vector<Numbers>& in) {
            return pool_reference(in[0], x, windows(x[2], o.kernel.height, o.stride.height, o.padding.height, o.dilation.height, o.ceil_mode),
                                  windows(x[3], o.kernel.width, o.stride.width, o.padding.width, o.dilation.width, o.ceil_mode), kind);
          }};
}

OpRow adaptive_row(const Shape& x, ops::Size2d out, bool maximum) {
  return {std::string(maximum ? "adaptive_max_pool2d " : "adaptive_average_pool2d ") + x.text() + " to " + out.text(), {{x, true}},
          [=](const std::vector<Variable>& in) { return maximum ? ops::adaptive_max_pool2d(in[0], out) : ops::adaptive_average_pool2d(in[0], out); },
          [=](const std::vector<Numbers>& in) {
            return pool_reference(in[0], x, adaptive_windows(x[2], out.height), adaptive_windows(x[3], out.width), maximum ? Kind::maximum : Kind::average);
          }};
}

OpRow global_row(const Shape& x, bool maximum) {
  OpRow row = adaptive_row(x, 1, maximum);
  row.name = std::string(maximum ? "global_max_pool2d " : "global_average_pool2d ") + x.text();
  row.run = [=](const std::vector<Variable>& in) { return maximum ? ops::global_max_pool2d(in[0]) : ops::global_average_pool2d(in[0]); };
  return row;
}

OpRow upsample_row(const Shape& x, int64_t factor) {
  return {"upsample_nearest2d " + x.text() + " factor " + std::to_string(factor), {{x, true}},
          [=](const std::vector<Variable>& in) { return ops::upsample_nearest2d(in[0], factor); },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            const auto at = [&](int64_t image, int64_t h, int64_t w) { return static_cast<size_t>((image * x[2] + h / factor) * x[3] + w / factor); };
            for (int64_t image = 0; image < x[0] * x[1]; ++image)
              for (int64_t h = 0; h < x[2] * factor; ++h)
                for (int64_t w = 0; w < x[3] * factor; ++w) y.push_back(in[0][at(image, h, w)]);
            return y;
          }};
}

}  // namespace

std::vector<OpRow> pooling_rows() {
  std::vector<OpRow> rows;
  for (const bool maximum : {true, false}) {
    rows.push_back(pool_row({2, 6, 8, 8}, {}, maximum));
    rows.push_back(pool_row({1, 3, 7, 9}, {.kernel = 3, .stride = 2, .padding = 1}, maximum));
    rows.push_back(pool_row({2, 1, 5, 5}, {}, maximum));
    rows.push_back(pool_row({0, 3, 4, 4}, {}, maximum));
    rows.push_back(pool_row({2, 9, 11, 8}, {.kernel = 3, .stride = 3}, maximum));
    rows.push_back(pool_row({2, 16, 7, 7}, {.kernel = 2, .stride = 1, .padding = 1}, maximum));
    rows.push_back(pool_row({2, 5, 7, 5}, {.ceil_mode = true}, maximum));
    rows.push_back(pool_row({1, 17, 6, 9}, {.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true}, maximum));
    rows.push_back(pool_row({1, 2, 4, 4}, {.kernel = 2, .stride = 3, .padding = 1, .ceil_mode = true}, maximum));  // the last would begin in the padding
    rows.push_back(pool_row({2, 3, 6, 9}, {.kernel = {2, 3}, .stride = {1, 2}, .padding = {0, 1}}, maximum));
    rows.push_back(pool_row({1, 3, 20, 18}, {.kernel = 17, .stride = 1}, maximum));
    rows.push_back(adaptive_row({2, 5, 7, 9}, {3, 4}, maximum));
    rows.push_back(adaptive_row({1, 3, 2, 3}, {5, 3}, maximum));
    rows.push_back(adaptive_row({0, 3, 5, 5}, 2, maximum));
    rows.push_back(global_row({3, 7, 8, 8}, maximum));
    rows.push_back(global_row({1, 1, 1, 1}, maximum));
  }
  rows.push_back(pool_row({1, 3, 6, 9}, {.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true, .padding_counts = false}, false));
  rows.push_back(pool_row({2, 4, 9, 8}, {.kernel = {3, 2}, .stride = 1, .padding = 1, .dilation = {2, 3}}, true));
  rows.push_back(pool_row({1, 4, 10, 8}, {.kernel = 2, .stride = 3, .ceil_mode = true, .dilation = 2}, true));
  rows.push_back(upsample_row({2, 3, 4, 5}, 2));
  rows.push_back(upsample_row({1, 18, 3, 2}, 4));
  rows.push_back(upsample_row({2, 1, 1, 3}, 3));
  rows.push_back(upsample_row({1, 5, 2, 2}, 1));
  rows.push_back(upsample_row({0, 3, 2, 2}, 2));
  return rows;
}

}  // namespace tessera::test
