// SPDX-License-Identifier: Apache-2.0
#include "tests/recipes/slopes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/autograd/engine.h"
#include "core/nn/flat_parameters.h"

namespace tessera::test {

void expect_slopes(Task& task, const data::Batch& batch, double weight, float larger) {
  nn::FlatParameters parameters(task.model(), 3);
  autograd::Engine engine;
  Metrics metrics(task.metric_names());
  const auto loss_at = [&] {
    nn::ForwardContext context(true, 1, 0, 0);
    return task.train(batch, context, metrics);
  };
  for (const nn::FlatSlot& slot : parameters.slots()) {
    const Tensor value = nn::FlatParameters::view(parameters.values(), slot);
    for (int64_t i = 0; slot.shape.dims() > 1 && i < slot.elements; ++i) value.data<float>()[i] *= larger;
  }
  parameters.values_changed();
  const QuantumLoss loss = loss_at();
  EXPECT_EQ(loss.weight, weight);
  engine.backward(loss.loss_sum, parameters.leaves());
  const Tensor gradients = Tensor::empty(parameters.gradients().shape());
  copy_into(parameters.gradients(), gradients);  // losses write to their parameters' places in forward
  for (const nn::FlatSlot& slot : parameters.slots()) {
    const Tensor value = nn::FlatParameters::view(parameters.values(), slot), gradient = nn::FlatParameters::view(gradients, slot);
    double squares = 0.0;
    for (int64_t i = 0; i < slot.elements; ++i) squares += std::pow(gradient.data<float>()[i], 2);
    if (slot.name.ends_with("key.bias")) {  // it shifts all scores of a query alike, which softmax takes away again
      EXPECT_LT(squares, 1e-6) << slot.name;
      continue;
    }
    const auto step = static_cast<float>(0.02 / std::sqrt(squares));
    std::vector<float> kept(value.data<float>(), value.data<float>() + slot.elements);
    double losses[2];
    for (const int side : {0, 1}) {
      for (int64_t i = 0; i < slot.elements; ++i) value.data<float>()[i] = kept[static_cast<size_t>(i)] + (side ? step : -step) * gradient.data<float>()[i];
      parameters.values_changed();
      losses[side] = static_cast<double>(loss_at().loss_sum.value().data<float>()[0]);
    }
    std::copy(kept.begin(), kept.end(), value.data<float>());
    EXPECT_NEAR((losses[1] - losses[0]) / (2.0 * static_cast<double>(step) * squares), 1.0, 0.05) << slot.name;
  }
}

}  // namespace tessera::test
