// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/grouped.h"

#include <algorithm>

#include "core/kernels/cpu/direct/grouped_panels.h"
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"

namespace tessera::cpu::grouped {
namespace {

constexpr int64_t kBandElements = 1 << 16;  // of a chunk's rows: half of the second cache

/// A direction: forward, or the gradient of the input.
struct Problem {
  const ConvolutionGeometry& g;
  bool backward;
  const float* x;  ///< what windows see
  const float* weight;
  const float* bias;  ///< nullptr: none
  float* y;

  int64_t source_height() const { return backward ? g.out_height : g.in_height; }
  int64_t source_width() const { return backward ? g.out_width : g.in_width; }
  int64_t result_height() const { return backward ? g.in_height : g.out_height; }
  int64_t result_width() const { return backward ? g.in_width : g.out_width; }
  /// Results are pairs of pixels, an even and an odd one: turned windows of step two.
  bool in_pairs() const { return backward && g.stride_height == 2; }
  int64_t step() const { return backward ? 1 : g.stride_height; }
  /// Zeros before the source's rows and columns.
  int64_t before(int64_t padding) const { return in_pairs() ? 1 : backward ? 2 - padding : padding; }
  Turn turn() const { return !backward ? Turn::none : in_pairs() ? Turn::inputs : Turn::inputs_reversed; }
  /// First row of the source that a row of results sees, counted from the zeros before it.
  int64_t first_source(int64_t result) const { return in_pairs() ? (result + g.padding_height) / 2 : result * step(); }
  /// Rows of the source that so many rows of results see at most.
  int64_t sources(int64_t results) const { return in_pairs() ? results / 2 + 2 : (results - 1) * step() + 3; }
  int64_t row_pixels() const {
    if (in_pairs()) return g.out_width + 2;
    return std::max((result_width() - 1) * step() + 3, before(g.padding_width) + source_width());
  }
};

struct Plan {
  const Problem& problem;
  Channels channels;
  const GroupedKernels& kernels;
  Pieces bands;     ///< of rows of results
  PanelRows panels;
  const float* weights;

  Plan(const Problem& p, const GroupedKernels& k, const float* packed)
      : problem(p), channels(p.g), kernels(k), bands(p.result_height(), rows_of_band()),
        panels{p.source_height(), p.source_width(), p.before(p.g.padding_width), p.row_pixels(), p.sources(bands.size(0))}, weights(packed) {}

  int64_t rows_of_band() const {
    const int64_t rows = kBandElements / (problem.row_pixels() * channels.chunk_panels * kGroupedPanel);
    return std::max<int64_t>(1, problem.in_pairs() ? 2 * rows - 4 : (rows - 2) / problem.step());
  }
  int64_t parts() const { return problem.g.batch * channels.chunks() * bands.count; }

  /// A row of results of one vector: `x` is where its windows begin, without the rows that they leave out.
  void run_row(GroupedRow row, const float* x, float* y) const {
    const Pieces pieces(problem.result_width(), GroupedKernels::kMostResults);
    for (int64_t piece = 0; piece < pieces.count; ++piece) {
      row.results = pieces.size(piece);
      row.x = x + pieces.begin(piece) * row.step * kGroupedPanel;
      row.y = y + pieces.begin(piece) * row.y_pixel;
      kernels.row(row);
    }
  }

  void run_pairs(GroupedRow row, const float* x, float* y) const {
    const int64_t padding = problem.g.padding_width, first = padding / 2, last = (padding + problem.result_width() - 1) / 2;
    const Pieces pieces(last - first + 1, GroupedKernels::kMostPairs);
    for (int64_t piece = 0; piece < pieces.count; ++piece) {
      const int64_t pair = first + pieces.begin(piece), column = 2 * pair - padding;
      row.results = pieces.size(piece);
      row.x = x + pair * kGroupedPanel;
      row.y = y + column * row.y_pixel;
      row.first = -column, row.end = problem.result_width() - column;
      kernels.pairs(row);
    }
  }

  /// Which of the window's rows a row of results sees.
  void set_rows(int64_t result, GroupedRow& row) const {
    const int64_t weight_row = row.weight_row;
    row.rows = 3, row.x_row = panels.row();
    if (!problem.in_pairs()) return;
    const bool odd = (result + problem.g.padding_height) % 2 != 0;
    row.rows = odd ? 1 : 2;  // the middle one of the pixel's own row, or the last one of the row before and the first of its own
    row.weight += odd ? weight_row : 2 * weight_row;
    row.weight_row = -2 * weight_row;
  }

  void part(int64_t number, float* own) const {
    const int64_t band = number % bands.count, chunk = number / bands.count % channels.chunks(), image = number / (bands.count * channels.chunks());
    const int64_t first_row = bands.begin(band), end_row = first_row + bands.size(band), first_channel = channels.first_panel(chunk) * kGroupedPanel;
    const int64_t first_source = problem.first_source(first_row), sources = problem.first_source(end_row - 1) - first_source + (problem.in_pairs() ? 2 : 3);
    const float* x = problem.x + image * problem.source_height() * problem.source_width() * channels.all + first_channel;
    panels.copy(channels, x, first_source - problem.before(problem.g.padding_height), sources, channels.panels_of(chunk), own);
    GroupedRow row{};
    row.step = problem.step();
    row.panels = channels.group_panels, row.terms = channels.terms;
    row.x_panel = panels.panel();
    row.y_pixel = channels.all;
    for (int64_t channel = 0; channel < channels.panels_of(chunk) * kGroupedPanel; channel += kernels.lanes) {
      row.start = problem.bias ? problem.bias + first_channel + channel : nullptr;
      for (int64_t result = first_row; result < end_row; ++result) {
        row.weight = weights + (first_channel + channel) / kernels.lanes * channels.vector_weights(kernels.lanes);
        row.weight_row = channels.vector_weights(kernels.lanes) / 3;
        set_rows(result, row);
        const int64_t skipped = problem.in_pairs() && row.rows == 1 ? 1 : 0;  // an odd row has no part in the source's row before
        const float* from = own + panels.group(channels, channel) + (problem.first_source(result) - first_source + skipped) * panels.row();
        float* y = problem.y + (image * problem.result_height() + result) * problem.result_width() * channels.all + first_channel + channel;
        problem.in_pairs() ? run_pairs(row, from, y) : run_row(row, from, y);
      }
    }
  }
};

void run(const Problem& problem) {
  const Channels channels(problem.g);
  const GroupedKernels& kernels = grouped_kernels();
  const Tensor weights = direct::scratch(channels.all * channels.of_group * 9);
  pack_weight(channels, kernels.lanes, problem.turn(), problem.weight, weights.data<float>());
  const Plan plan(problem, kernels, weights.data<float>());
  const ConvolutionGeometry& g = problem.g;
  const int threads = direct::threads_for(plan.parts(), g.batch * g.out_height * g.out_width * channels.all * channels.of_group * 9);
  const int64_t slot = plan.panels.elements(channels);
  const Tensor rows = direct::scratch(slot * threads);
  fill_zero(rows);
  direct::for_each_part(plan.parts(), threads, [&](int64_t part, int thread) { plan.part(part, rows.data<float>() + thread * slot); });
}

}  // namespace

bool fits(const ConvolutionGeometry& g) {
  const int64_t channels = g.in_channels / g.groups;
  const bool window = g.kernel_height == 3 && g.kernel_width == 3 && g.dilation_height == 1 && g.dilation_width == 1;
  const bool step = g.stride_height == g.stride_width && g.stride_height <= 2 && g.padding_height <= 2 && g.padding_width <= 2;
  return window && step && g.in_channels == g.out_channels && g.in_channels % kGroupedPanel == 0 &&
         (channels == 4 || channels == 8 || (channels > 0 && channels % kGroupedPanel == 0));
}

void forward(const ConvolutionForward& args) { run({args.geometry, false, args.x, args.weight, args.bias, args.y}); }

void backward_data(const ConvolutionBackwardData& args) { run({args.geometry, true, args.dy, args.weight, nullptr, args.dx}); }

}  // namespace tessera::cpu::grouped
