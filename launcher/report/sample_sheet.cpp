// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/sample_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/data/loader.h"

namespace tessera::launcher {
namespace {

constexpr Colour kWhite{255, 255, 255}, kGreen{30, 160, 60}, kRed{214, 40, 40};
constexpr int64_t kFrame = 4, kGap = 4;  // pixels
/// Sides of an image on the sheet: small ones are enlarged by a whole factor, large ones thinned out.
constexpr int64_t kLeastSide = 64, kMostSide = 256;

/// One dim of a tile: so many pixels stand for each of the image, or one for so many.
struct Zoom {
  explicit Zoom(int64_t longest_side) : larger(std::max<int64_t>(1, kLeastSide / longest_side)), smaller((longest_side + kMostSide - 1) / kMostSide) {}
  int64_t shown(int64_t side) const { return std::max<int64_t>(1, side * larger / smaller); }
  int64_t source(int64_t place, int64_t side) const { return std::min(place * smaller / larger, side - 1); }
  int64_t larger, smaller;
};

bool shows_classes(const data::Dataset& dataset) {
  const auto& fields = dataset.fields();
  if (!dataset.classes() || fields.size() != 2 || !fields[0].image || fields[0].dtype != DType::f32) return false;
  const int64_t channels = fields[0].shape[0];
  return (channels == 1 || channels == 3) && fields[1].dtype == DType::i64 && fields[1].shape.elements() == 1;
}

/// Where the data set does not say, from an image's darkest to its brightest number.
data::Brightness range_of(const float* numbers, int64_t count) {
  const auto [least, most] = std::minmax_element(numbers, numbers + count);
  const double span = static_cast<double>(*most) - static_cast<double>(*least);
  const double factor = span > 0.0 ? 1.0 / span : 1.0;
  return {-static_cast<double>(*least) * factor, factor};
}

double probability_of(const float* scores, int64_t classes, int64_t best) {
  double sum = 0.0;
  for (int64_t i = 0; i < classes; ++i) sum += std::exp(static_cast<double>(scores[i]) - static_cast<double>(scores[best]));
  return 1.0 / sum;
}

}  // namespace

SampleSheet::SampleSheet(std::shared_ptr<const data::Dataset> dataset, int64_t count) : dataset_(std::move(dataset)) {
  count = std::min(count, dataset_->samples());
  if (count > 0 && shows_classes(*dataset_)) read(count);
}

void SampleSheet::read(int64_t count) {
  batch_ = *data::EvaluationLoader(dataset_, count, 1, 0, {}, data::OnError::skip).next();
  const data::Field& image = dataset_->fields()[0];
  const std::vector<data::Brightness> known = dataset_->brightness();
  for (int64_t sample = 0; sample < count; ++sample) {
    const data::Brightness own = range_of(batch_.tensors[0].second.data<float>() + sample * image.shape.elements(), image.shape.elements());
    for (int64_t channel = 0; channel < image.shape[0]; ++channel) brightness_.push_back(known.empty() ? own : known[static_cast<size_t>(channel)]);
  }
}

Colour SampleSheet::colour_of(int64_t sample, int64_t x, int64_t y) const {
  const Shape& shape = dataset_->fields()[0].shape;  // [C, H, W], in memory H, W, C
  const int64_t channels = shape[0];
  const float* pixel = batch_.tensors[0].second.data<float>() + sample * shape.elements() + (y * shape[2] + x) * channels;
  Colour colour;
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t channel = channels == 3 ? i : 0;
    const data::Brightness& range = brightness_[static_cast<size_t>(sample * channels + channel)];
    const double share = static_cast<double>(pixel[channel]) * range.factor + range.offset;
    colour[static_cast<size_t>(i)] = static_cast<uint8_t>(std::lround(255.0 * (share >= 0.0 ? std::min(share, 1.0) : 0.0)));
  }
  return colour;
}

Picture SampleSheet::draw_grid(const std::vector<bool>& right) const {
  const int64_t height = dataset_->fields()[0].shape[1], width = dataset_->fields()[0].shape[2];
  const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(batch_.samples))));
  const int64_t rows = (batch_.samples + columns - 1) / columns;
  const Zoom zoom(std::max(height, width));
  const int64_t tile_width = zoom.shown(width), tile_height = zoom.shown(height), around = 2 * kFrame + kGap;
  Picture picture(columns * (tile_width + around) + kGap, rows * (tile_height + around) + kGap, kWhite);
  for (int64_t sample = 0; sample < batch_.samples; ++sample) {
    const int64_t left = kGap + sample % columns * (tile_width + around), top = kGap + sample / columns * (tile_height + around);
    for (int64_t y = 0; y < tile_height + 2 * kFrame; ++y) {
      for (int64_t x = 0; x < tile_width + 2 * kFrame; ++x) {
        const int64_t in_x = x - kFrame, in_y = y - kFrame;
        const bool inside = in_x >= 0 && in_x < tile_width && in_y >= 0 && in_y < tile_height;
        picture.at(left + x, top + y) = inside ? colour_of(sample, zoom.source(in_x, width), zoom.source(in_y, height))
                                               : right[static_cast<size_t>(sample)] ? kGreen : kRed;
      }
    }
  }
  return picture;
}

std::string SampleSheet::name_of(int64_t label) const {
  const std::vector<std::string> names = dataset_->class_names();
  return label >= 0 && label < static_cast<int64_t>(names.size()) ? names[static_cast<size_t>(label)] : std::to_string(label);
}

std::optional<SampleSheet::Drawing> SampleSheet::draw(Task& task, nn::Precision precision) const {
  nn::ForwardContext context(false, 0, 0, 0, precision);
  Metrics unused(task.metric_names());
  const Tensor outputs = contiguous(task.evaluate(batch_, context, unused));
  if (outputs.dtype() != DType::f32 || outputs.shape().dims() != 2 || outputs.shape()[0] != batch_.samples) return std::nullopt;
  const int64_t classes = outputs.shape()[1];
  std::string markdown = "| sample | class | model says | probability | |\n|---|---|---|---|---|\n";
  std::vector<bool> right;
  for (int64_t sample = 0; sample < batch_.samples; ++sample) {
    const float* scores = outputs.data<float>() + sample * classes;
    const int64_t best = std::max_element(scores, scores + classes) - scores, label = batch_.tensors[1].second.data<int64_t>()[sample];
    right.push_back(best == label);
    markdown += fmt::format("| {} | {} | {} | {:.1f} % | {} |\n", sample, name_of(label), name_of(best), 100.0 * probability_of(scores, classes, best),
                            right.back() ? "" : "**wrong**");
  }
  return Drawing{draw_grid(right), markdown};
}

}  // namespace tessera::launcher
