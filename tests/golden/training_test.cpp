// SPDX-License-Identifier: Apache-2.0
// Twenty steps of every optimizer, with clipping and schedules, against PyTorch in float64: through the training step itself, with one
// quantum a step and with four.
#include <cmath>

#include "launcher/train/learner.h"
#include "recipes/registry.h"
#include "tests/golden/formula.h"
#include "tests/golden/support.h"

namespace tessera::golden {
namespace {

// Relative, of losses, gradient norms and each weight tensor's norm. PyTorch clips by the norm plus 1e-6, which is up to 4e-6 of this.
constexpr double kTolerance = 1e-5;
constexpr int64_t kSteps = 20, kBatchSamples = 16, kFeatures = 12, kClasses = 5;

constexpr const char* kTrainingBase = R"(schema: 1
model: {kind: mlp, inputs: 12, hidden: [16, 8], classes: 5, activation: tanh}
data: {kind: tensors}
batch: {global_samples: 16, micro_samples: 16}
train: {steps: 20}
optimizer: {kind: sgd, learning_rate: 0.1}
)";

class GoldenTraining : public testing::TestWithParam<nlohmann::json> {
 protected:
  GoldenTraining()
      : inputs_(Tensor::empty({kSteps * kBatchSamples, kFeatures})), targets_(class_ids("targets", kSteps * kBatchSamples, kClasses)) {
    fill(inputs_, "inputs", kInputScale);
  }

  data::Batch batch_at(int64_t first_sample, int64_t samples) const {
    data::Batch batch;
    batch.samples = samples;
    batch.tensors = {{std::string(data::kInputs), inputs_.narrow(0, first_sample, samples)},
                     {std::string(data::kTargets), targets_.narrow(0, first_sample, samples)}};
    return batch;
  }

  /// Trains with `quanta` quanta a step and compares every step and the final weights.
  void compare(int64_t quanta);

  void compare_step(int64_t step, const launcher::StepReport& report) {
    const auto near = [&](const char* key, double value) {
      const double reference = GetParam().at(key).at(static_cast<size_t>(step)).get<double>();
      EXPECT_NEAR(value / reference, 1.0, kTolerance) << key << ", step " << step;
      worst_ = std::max(worst_, std::abs(value / reference - 1.0));
    };
    near("losses", report.metrics.mean(0));
    near("gradient_norms", report.gradient_norm);
    near("learning_rates", report.learning_rate);
  }

  Tensor inputs_, targets_;
  double worst_ = 0.0;
};

void GoldenTraining::compare(int64_t quanta) {
  const int64_t micro_samples = kBatchSamples / quanta;
  const config::Recipe recipe = recipe_of(kTrainingBase, GetParam(), {"batch.micro_samples=" + std::to_string(micro_samples)});
  distributed::Runtime runtime;
  launcher::Learner learner(recipe, recipes::make_task(recipe), kSteps, runtime);
  set_weights(learner.weights());
  learner.restored();
  std::vector<int64_t> all_quanta;
  for (int64_t quantum = 0; quantum < quanta; ++quantum) all_quanta.push_back(quantum);
  for (int64_t step = 0; step < kSteps; ++step) {
    const auto source = [&](int64_t, size_t, int64_t quantum) {
      return batch_at(step * kBatchSamples + quantum * micro_samples, micro_samples);
    };
    compare_step(step, learner.step(step, all_quanta, source, {}));
  }
  double worst_weight = 0.0;
  for (const auto& entry : learner.weights()) {
    const auto reference = GetParam().at("weights").at(entry.name).get<std::vector<double>>();
    ASSERT_EQ(static_cast<size_t>(entry.tensor.elements()), reference.size());
    const double distance = relative_distance({entry.tensor.data<float>(), reference.size()}, reference);
    EXPECT_LE(distance, kTolerance) << entry.name;
    worst_weight = std::max(worst_weight, distance);
  }
  RecordProperty("curve_error", std::to_string(worst_ * 1e9) + "e-9");
  RecordProperty("weight_error", std::to_string(worst_weight * 1e9) + "e-9");
}

TEST_P(GoldenTraining, OneQuantumAStep) { compare(1); }
TEST_P(GoldenTraining, FourQuantaAStep) { compare(4); }

INSTANTIATE_TEST_SUITE_P(PyTorch, GoldenTraining, testing::ValuesIn(load_cases("training.json")), name_of);

}  // namespace
}  // namespace tessera::golden
