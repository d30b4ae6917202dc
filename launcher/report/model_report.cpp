// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/model_report.h"

namespace tessera::launcher {
namespace {

std::span<const float> numbers_of(const Tensor& flat, const nn::FlatSlot& slot) {
  return {flat.data<float>() + slot.offset_elements, static_cast<size_t>(slot.elements)};
}

}  // namespace

ModelReport::ModelReport(const config::Recipe& recipe, std::shared_ptr<const data::Dataset> dataset)
    : samples_(std::move(dataset), recipe.evaluate.sample_images),
      histograms_(recipe.evaluate.histograms),
      precision_(ops::precision_from(recipe.precision.compute)) {}

void ModelReport::write(EventWriter& events, int64_t step, Task& task, const nn::FlatParameters& parameters, double gradient_weight) const {
  if (!samples_.empty()) {
    if (const auto drawing = samples_.draw(task, precision_)) {
      events.image("samples/images", step, drawing->picture);
      events.text("samples/predictions", step, drawing->markdown);
    }
  }
  if (!histograms_) return;
  for (size_t i = 0; i < parameters.slots().size(); ++i) {
    const nn::FlatSlot& slot = parameters.slots()[i];
    events.histogram("weights/" + slot.name, step, histogram_of(numbers_of(parameters.values(), slot)));
    if (slot.kind != nn::SlotKind::parameter || parameters.is_fixed(i) || gradient_weight <= 0.0) continue;
    events.histogram("gradients/" + slot.name, step, histogram_of(numbers_of(parameters.gradients(), slot), 1.0 / gradient_weight));
  }
}

}  // namespace tessera::launcher
