// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/confusion_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "launcher/report/lettering.h"

namespace tessera::launcher {
namespace {

constexpr Colour kPaper{255, 255, 255}, kInk{20, 20, 30}, kPale{150, 150, 160}, kLine{205, 208, 215}, kFull{20, 66, 130}, kWrongFull{176, 58, 36};
constexpr int64_t kRoomyClasses = 12;      ///< up to here cells show shares, too, and letters are large
constexpr int64_t kMargin = 12, kPad = 8;  // pixels
constexpr const char* kPrecision = "precision";
constexpr size_t kLongestLabel = 24;       // characters
constexpr double kDarkShare = 0.5;         ///< from here on letters are white

struct Rectangle {
  int64_t x, y, width, height;
};

Colour blend(Colour full, double share) {
  Colour colour;
  for (size_t i = 0; i < colour.size(); ++i) {
    colour[i] = static_cast<uint8_t>(std::lround(static_cast<double>(kPaper[i]) + share * (static_cast<double>(full[i]) - static_cast<double>(kPaper[i]))));
  }
  return colour;
}

void fill(Picture& picture, const Rectangle& area, Colour colour) {
  for (int64_t y = area.y; y < area.y + area.height; ++y) {
    for (int64_t x = area.x; x < area.x + area.width; ++x) picture.at(x, y) = colour;
  }
}

/// Where everything stands.
class ConfusionDrawing {
 public:
  ConfusionDrawing(const ClassReport& report, const std::string& title) : counts_(report.counts), classes_(report.counts.classes()), title_(title) {
    for (const std::string& name : report.names) labels_.push_back(name.size() > kLongestLabel ? name.substr(0, kLongestLabel - 2) + ".." : name);
    zoom_ = classes_ <= kRoomyClasses ? 2 : 1;
    int64_t longest_label = text_length(kPrecision, zoom_), longest_count = text_length(roomy() ? "100.0%" : "0.000", zoom_);
    for (int64_t label = 0; label < classes_; ++label) {
      longest_label = std::max(longest_label, text_length(labels_[static_cast<size_t>(label)], zoom_));
      longest_count = std::max({longest_count, text_length(std::to_string(counts_.actual(label)), zoom_), text_length(std::to_string(counts_.predicted(label)), zoom_)});
    }
    cell_width_ = longest_count + 2 * kPad;
    // Lying labels are easier to read; they are worth some width.
    upright_ = longest_label + 2 * kPad > std::max<int64_t>(cell_width_, classes_ <= kRoomyClasses / 2 ? 170 : 0);
    if (!upright_) cell_width_ = std::max(cell_width_, longest_label + 2 * kPad);
    cell_height_ = (roomy() ? 2 : 1) * (text_height(zoom_) + kPad) + kPad;
    head_height_ = (upright_ ? longest_label : text_height(zoom_)) + 2 * kPad;
    left_ = kMargin + longest_label + 2 * kPad;
    top_ = kMargin + 2 * (text_height(2) + 2 * kPad) + head_height_;
  }

  Picture draw() {
    const int64_t width = std::max(left_ + (classes_ + 2) * cell_width_, kMargin + std::max(text_length(title_, 2), text_length(kLegend, 2))) + kMargin;
    Picture picture(width, top_ + (classes_ + 1) * cell_height_ + kMargin, kPaper);
    draw_text(picture, kMargin, kMargin, title_, kInk, 2);
    draw_text(picture, kMargin, kMargin + text_height(2) + 2 * kPad, kLegend, kPale, 2);
    for (int64_t row = 0; row < classes_; ++row) {
      for (int64_t column = 0; column < classes_; ++column) draw_cell(picture, row, column);
    }
    draw_lines(picture);
    for (int64_t label = 0; label < classes_; ++label) draw_edges(picture, label);
    draw_head(picture, classes_, "recall");
    draw_head(picture, classes_ + 1, "F1");
    draw_left(picture, classes_, kPrecision);
    return picture;
  }

 private:
  static constexpr const char* kLegend = "rows: the class it is - columns: the class it was taken for";

  bool roomy() const { return classes_ <= kRoomyClasses; }
  Rectangle cell(int64_t row, int64_t column) const { return {left_ + column * cell_width_, top_ + row * cell_height_, cell_width_, cell_height_}; }

  void centre(Picture& picture, const Rectangle& area, const std::string& text, Colour colour) const {
    draw_text(picture, area.x + (area.width - text_length(text, zoom_)) / 2, area.y + (area.height - text_height(zoom_)) / 2, text, colour, zoom_);
  }

  void draw_cell(Picture& picture, int64_t row, int64_t column) const {
    const Rectangle area = cell(row, column);
    const int64_t count = counts_.pair(row, column);
    const double share = counts_.actual(row) > 0 ? static_cast<double>(count) / static_cast<double>(counts_.actual(row)) : 0.0;
    fill(picture, area, blend(row == column ? kFull : kWrongFull, share));
    const Colour ink = share >= kDarkShare ? kPaper : count == 0 ? kPale : kInk;
    if (!roomy()) return centre(picture, area, std::to_string(count), ink);
    const int64_t half = (area.height - kPad) / 2;
    centre(picture, {area.x, area.y + kPad / 2, area.width, half}, std::to_string(count), ink);
    centre(picture, {area.x, area.y + kPad / 2 + half, area.width, half}, fmt::format("{:.1f}%", 100.0 * share), ink);
  }

  void draw_lines(Picture& picture) const {
    for (int64_t i = 0; i <= classes_; ++i) {
      fill(picture, {left_ + i * cell_width_, top_, 1, classes_ * cell_height_}, kLine);
      fill(picture, {left_, top_ + i * cell_height_, classes_ * cell_width_ + 1, 1}, kLine);
    }
  }

  void draw_head(Picture& picture, int64_t column, const std::string& text) const {
    const Rectangle area{left_ + column * cell_width_, top_ - head_height_, cell_width_, head_height_};
    if (!upright_) return centre(picture, area, text, kInk);
    draw_text(picture, area.x + (area.width - text_height(zoom_)) / 2, top_ - kPad - text_length(text, zoom_), text, kInk, zoom_, TextDirection::upward);
  }

  void draw_left(Picture& picture, int64_t row, const std::string& text) const {
    draw_text(picture, left_ - kPad - text_length(text, zoom_), top_ + row * cell_height_ + (cell_height_ - text_height(zoom_)) / 2, text, kInk, zoom_);
  }

  /// The names of a class and what its row and its column come to.
  void draw_edges(Picture& picture, int64_t label) const {
    draw_head(picture, label, labels_[static_cast<size_t>(label)]);
    draw_left(picture, label, labels_[static_cast<size_t>(label)]);
    const ClassScores scores = counts_.scores(label);
    centre(picture, cell(label, classes_), fmt::format("{:.3f}", scores.recall), kInk);
    centre(picture, cell(label, classes_ + 1), fmt::format("{:.3f}", scores.f1), kInk);
    centre(picture, cell(classes_, label), fmt::format("{:.3f}", scores.precision), kInk);
  }

  const ClassCounts& counts_;
  int64_t classes_;
  std::string title_;
  std::vector<std::string> labels_;
  int64_t zoom_ = 1, cell_width_ = 0, cell_height_ = 0, head_height_ = 0, left_ = 0, top_ = 0;
  bool upright_ = false;  // the labels of columns
};

}  // namespace

Picture draw_confusion(const ClassReport& report, const std::string& title) { return ConfusionDrawing(report, title).draw(); }

}  // namespace tessera::launcher
