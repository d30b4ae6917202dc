// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/task/task.h"
#include "launcher/tensorboard/png.h"

namespace tessera::launcher {

/// The first samples of a split, and what a classifier makes of them.
class SampleSheet {
 public:
  /// Reads up to `count` samples. None where the data are no grey or coloured images with one class each.
  SampleSheet(std::shared_ptr<const data::Dataset> dataset, int64_t count);

  bool empty() const { return batch_.samples == 0; }

  struct Drawing {
    Picture picture;       ///< a grid of the images as the model sees them, framed green where it is right and red where it is wrong
    std::string markdown;  ///< a table: sample, class, what the model says, how sure it is
  };
  /// Runs the model on the samples, without a tape; nothing where its outputs are no scores of classes.
  std::optional<Drawing> draw(Task& task, nn::Precision precision = nn::Precision::f32) const;

 private:
  void read(int64_t count);
  /// Of pixel (x, y) of a sample.
  Colour colour_of(int64_t sample, int64_t x, int64_t y) const;
  Picture draw_grid(const std::vector<bool>& right) const;
  std::string name_of(int64_t label) const;

  std::shared_ptr<const data::Dataset> dataset_;
  data::Batch batch_;
  std::vector<data::Brightness> brightness_;  // sample after sample, a number a channel
};

}  // namespace tessera::launcher
