// SPDX-License-Identifier: Apache-2.0
// Sums are f32 over the bands of a few images, and then f64 over such sets of images: what a set holds is fixed, so that the result does not depend on the
// number of threads.
#include <algorithm>

#include "core/kernels/cpu/direct/grouped_panels.h"
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/kernels.h"

namespace tessera::cpu::grouped {
namespace {

constexpr int64_t kSetImages = 4;
constexpr int64_t kBandPixels = 192;  // of a panel: about what the first cache holds of both images

struct GradientPlan {
  const ConvolutionBackwardWeight& args;
  const ConvolutionGeometry& g;
  Channels channels;
  const GroupedKernels& kernels;
  Pieces bands;  ///< of rows of the output's gradient
  PanelRows inputs, gradients;

  GradientPlan(const ConvolutionBackwardWeight& a, const GroupedKernels& k)
      : args(a), g(a.geometry), channels(g), kernels(k), bands(g.out_height, std::max<int64_t>(1, kBandPixels / g.out_width)),
        inputs{g.in_height, g.in_width, g.padding_width, std::max((g.out_width + 2 / g.stride_width) * g.stride_width, g.padding_width + g.in_width),
               (bands.size(0) - 1) * g.stride_height + 3},
        gradients{g.out_height, g.out_width, 0, g.out_width + 3 - g.stride_width, bands.size(0)} {}

  int64_t sets() const { return (g.batch + kSetImages - 1) / kSetImages; }
  int64_t parts() const { return sets() * channels.chunks(); }
  int64_t slot() const { return inputs.elements(channels) + gradients.elements(channels); }
  /// Sums of a set: vectors of weights as pack_weight() has them.
  int64_t sum_elements() const { return channels.all * channels.of_group * 9; }

  /// All weights of a vector from `rows` rows of pixels.
  void add_vector(int64_t channel, int64_t rows, const float* x, const float* dy, float* sums) const {
    constexpr int64_t kTerms = GroupedKernels::kTermsAtOnce;
    GroupedGradient sum{};
    sum.step = g.stride_height;
    sum.rows = rows, sum.columns = g.out_width;
    sum.terms = channels.terms;
    sum.x_row = g.stride_height * inputs.row();
    sum.dy = dy + channel / kGroupedPanel * gradients.panel() + channel % kGroupedPanel, sum.dy_row = gradients.row();
    sum.sums = sums;
    for (int64_t window_row = 0; window_row < 3; ++window_row) {
      for (int64_t panel = 0; panel < channels.group_panels; ++panel) {
        sum.x = x + inputs.group(channels, channel) + window_row * inputs.row() + panel * inputs.panel();
        for (sum.first_term = 0; sum.first_term < channels.terms; sum.first_term += kTerms, sum.sums += 3 * kTerms * kernels.lanes) kernels.gradient(sum);
      }
    }
  }

  /// One chunk of channels over one set of images.
  void part(int64_t number, float* own, float* all_sums) const {
    const int64_t chunk = number % channels.chunks(), set = number / channels.chunks(), panels = channels.panels_of(chunk);
    const int64_t first_channel = channels.first_panel(chunk) * kGroupedPanel, vector = channels.vector_weights(kernels.lanes);
    float *x = own, *dy = own + inputs.elements(channels), *sums = all_sums + set * sum_elements() + first_channel / kernels.lanes * vector;
    for (int64_t image = set * kSetImages; image < std::min(g.batch, (set + 1) * kSetImages); ++image) {
      for (int64_t band = 0; band < bands.count; ++band) {
        const int64_t row = bands.begin(band), rows = bands.size(band);
        inputs.copy(channels, args.x + image * direct::image_elements(g) + first_channel, row * g.stride_height - g.padding_height,
                    (rows - 1) * g.stride_height + 3, panels, x);
        gradients.copy(channels, args.dy + image * direct::result_elements(g) + first_channel, row, rows, panels, dy);
        for (int64_t channel = 0; channel < panels * kGroupedPanel; channel += kernels.lanes) {
          add_vector(channel, rows, x, dy, sums + channel / kernels.lanes * vector);
        }
      }
    }
  }

  /// The sums of all sets into row-major weights.
  void finish(const float* sums) const {
    const int64_t lanes = kernels.lanes, terms = channels.of_group;
    for (int64_t channel = 0; channel < channels.all; ++channel) {
      const float* from = sums + channel / lanes * channels.vector_weights(lanes) + channel % lanes;
      for (int64_t term = 0; term < terms; ++term) {
        float* to = args.dweight + (channel * terms + term) * 9;
        for (int64_t place = 0; place < 9; ++place) {
          const float* element = from + ((place / 3 * terms + term) * 3 + place % 3) * lanes;
          double sum = 0.0;
          for (int64_t set = 0; set < sets(); ++set) sum += static_cast<double>(element[set * sum_elements()]);
          to[place] = static_cast<float>(sum);
        }
      }
    }
  }
};

}  // namespace

void backward_weight(const ConvolutionBackwardWeight& args) {
  const GradientPlan plan(args, grouped_kernels());
  const ConvolutionGeometry& g = args.geometry;
  const int64_t pixels = g.batch * g.out_height * g.out_width;
  const int threads = direct::threads_for(plan.parts(), pixels * plan.channels.all * plan.channels.of_group * 9);
  const Tensor copies = direct::scratch(plan.slot() * threads), sums = direct::scratch(plan.sets() * plan.sum_elements());
  fill_zero(copies);
  fill_zero(sums);
  direct::for_each_part(plan.parts(), threads, [&](int64_t part, int thread) { plan.part(part, copies.data<float>() + thread * plan.slot(), sums.data<float>()); });
  plan.finish(sums.data<float>());
  if (args.dbias) kernels_for(Device::cpu).matmul.column_sums({pixels, g.out_channels, args.dy, args.dbias});
}

}  // namespace tessera::cpu::grouped
