// SPDX-License-Identifier: Apache-2.0
// Logits, loss and every gradient of the models against PyTorch in float64.
#include <cmath>

#include "core/autograd/engine.h"
#include "core/checkpoint/model_state.h"
#include "core/nn/flat_parameters.h"
#include "core/ops/loss.h"
#include "recipes/registry.h"
#include "tests/golden/formula.h"
#include "tests/golden/support.h"

namespace tessera::golden {
namespace {

constexpr double kLogitTolerance = 1e-5;     // absolute; logits are of order one
constexpr double kLossTolerance = 1e-5;      // relative
constexpr double kGradientTolerance = 1e-5;  // of the norm of the tensor's gradient

constexpr const char* kModelBase = R"(schema: 1
model: {kind: mlp}
data: {kind: tensors}
batch: {global_samples: 8, micro_samples: 8}
train: {steps: 1}
optimizer: {kind: sgd, learning_rate: 0.1}
)";

class GoldenModel : public testing::TestWithParam<nlohmann::json> {
 protected:
  GoldenModel()
      : task_(recipes::make_task(recipe_of(kModelBase, GetParam()))),
        parameters_(task_->model(), 1),
        weights_(checkpoint::weight_entries(parameters_)) {
    set_weights(weights_);
    parameters_.values_changed();
  }

  autograd::Variable forward() {
    const Shape shape(GetParam().at("input_shape").get<std::vector<int64_t>>());
    const Tensor logical = Tensor::empty(shape);
    fill(logical, GetParam().at("inputs").get<std::string>(), kInputScale);
    const Tensor image = Tensor::empty_channels_last(shape);
    copy_into(logical, image);
    nn::ForwardContext context(true, 1, 0, 0);
    return task_->model()(autograd::Variable(image), context);
  }

  autograd::Variable loss_of(const autograd::Variable& logits) const {
    return ops::cross_entropy(logits, class_ids("targets", logits.shape()[0], logits.shape()[1]));
  }

  std::unique_ptr<Task> task_;
  nn::FlatParameters parameters_;
  std::vector<checkpoint::StateEntry> weights_;
};

TEST_P(GoldenModel, HasTheSameParameters) {
  EXPECT_EQ(parameters_.parameter_elements(), GetParam().at("parameters").get<int64_t>());
  EXPECT_EQ(weights_.size(), GetParam().at("gradients").size());
  for (const auto& entry : weights_) EXPECT_TRUE(GetParam().at("gradients").contains(entry.name)) << entry.name;
}

TEST_P(GoldenModel, LogitsAndLossAgree) {
  const autograd::Variable logits = forward();
  const auto reference = GetParam().at("logits").get<std::vector<double>>();
  ASSERT_EQ(static_cast<size_t>(logits.value().elements()), reference.size());
  double worst = 0.0;
  for (size_t i = 0; i < reference.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(logits.value().data<float>()[i]) - reference[i]));
  EXPECT_LE(worst, kLogitTolerance);
  const double loss = static_cast<double>(loss_of(logits).value().data<float>()[0]);
  const double loss_error = std::abs(loss / GetParam().at("loss_sum").get<double>() - 1.0);
  EXPECT_LE(loss_error, kLossTolerance);
  RecordProperty("logits_error", std::to_string(worst * 1e9) + "e-9");
  RecordProperty("loss_error", std::to_string(loss_error * 1e9) + "e-9");
}

/// The distance to the reference over the reference's norm, estimated from the signed sums.
double estimated_distance(const std::string& name, std::span<const float> values, const nlohmann::json& reference) {
  const auto sketch = reference.at("sketch").get<std::vector<double>>();
  double sum = 0.0;
  for (size_t k = 0; k < sketch.size(); ++k) sum += std::pow(signed_sum(name, k, values) - sketch[k], 2);
  return std::sqrt(sum / static_cast<double>(sketch.size())) / reference.at("norm").get<double>();
}

TEST_P(GoldenModel, EveryGradientAgrees) {
  autograd::Engine().backward(loss_of(forward()), parameters_.leaves());
  double worst = 0.0;
  for (const nn::FlatSlot& slot : parameters_.slots()) {
    SCOPED_TRACE(slot.name);
    const nlohmann::json& reference = GetParam().at("gradients").at(slot.name);
    const double norm = reference.at("norm").get<double>();
    const std::span<const float> values(parameters_.gradients().data<float>() + slot.offset_elements, static_cast<size_t>(slot.elements));
    const double distance = estimated_distance(slot.name, values, reference);
    EXPECT_LE(distance, kGradientTolerance);
    const auto elements = reference.at("elements").get<std::vector<double>>();
    for (size_t j = 0; j < elements.size(); ++j) {
      EXPECT_NEAR(static_cast<double>(values[j * values.size() / elements.size()]), elements[j], kGradientTolerance * norm);
    }
    worst = std::max(worst, distance);
  }
  RecordProperty("gradient_error", std::to_string(worst * 1e9) + "e-9");
}

INSTANTIATE_TEST_SUITE_P(PyTorch, GoldenModel, testing::ValuesIn(load_cases("models.json")), name_of);

}  // namespace
}  // namespace tessera::golden
