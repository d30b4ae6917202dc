// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/config/recipe.h"
#include "core/data/dataset.h"
#include "core/nn/flat_parameters.h"
#include "core/task/task.h"
#include "launcher/report/sample_sheet.h"
#include "launcher/tensorboard/event_writer.h"

namespace tessera::launcher {

/// What TensorBoard shows of a model at an evaluation besides metrics: sample images with predictions, and how its numbers are spread. For one rank.
class ModelReport {
 public:
  ModelReport(const config::Recipe& recipe, std::shared_ptr<const data::Dataset> dataset);

  /// `gradient_weight`: what the gradients' sum is to be divided by; 0 where no step has left gradients. Throws where a sample cannot be read.
  void write(EventWriter& events, int64_t step, Task& task, const nn::FlatParameters& parameters, double gradient_weight) const;

 private:
  SampleSheet samples_;
  bool histograms_;
  nn::Precision precision_;
};

}  // namespace tessera::launcher
