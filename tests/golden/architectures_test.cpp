// SPDX-License-Identifier: Apache-2.0
// The image classifiers against torchvision and timm: every name and shape; logits and the gradient of those that are small enough.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "core/autograd/engine.h"
#include "core/kernels/kernels.h"
#include "core/nn/flat_parameters.h"
#include "recipes/registry.h"
#include "tests/golden/formula.h"
#include "tests/golden/support.h"

namespace tessera::golden {
namespace {

// Norm-wise. Behind many batch norms of few pixels f32 itself is further off: then PyTorch's own distance from float64 is the measure.
constexpr double kLogitsBound = 1e-5, kGradientBound = 1e-4;
constexpr double kTimesPyTorch = 2.0;

constexpr const char* kBase = R"(schema: 1
model: {kind: mlp}
data: {kind: tensors}
batch: {global_samples: 2, micro_samples: 2}
train: {steps: 1}
optimizer: {kind: sgd, learning_rate: 0.1}
)";

class Architecture : public testing::TestWithParam<nlohmann::json> {
 protected:
  std::unique_ptr<Task> task_ = recipes::make_task(recipe_of(kBase, GetParam()));
};

TEST_P(Architecture, HasTheNamesAndShapesOfPyTorchs) {
  int64_t parameters = 0;
  std::vector<std::string> lines;
  task_->model().for_each_parameter([&](const nn::Parameter& parameter) {
    parameters += parameter.shape.elements();
    lines.push_back(parameter.name + " " + parameter.shape.text() + "\n");
  });
  task_->model().for_each_statistic([&](const nn::Statistic& statistic) { lines.push_back(statistic.name + " " + statistic.shape.text() + "\n"); });
  std::sort(lines.begin(), lines.end(), [](const std::string& a, const std::string& b) { return a.substr(0, a.find(' ')) < b.substr(0, b.find(' ')); });
  std::string text;
  for (const std::string& line : lines) text += line;
  EXPECT_EQ(parameters, GetParam().at("parameters").get<int64_t>());
  EXPECT_EQ(fmt::format("{:016x}", hash_of(text)), GetParam().at("names_and_shapes").get<std::string>());
}

/// formula_weights() of architectures.py with open gates: what leaves a batch norm lies between 0 and 6, so that rounding turns no ReLU.
void fill_by_formula(const Tensor& tensor, const std::string& name, bool norm) {
  double spread = 0.125;
  float centre = 0.0f;
  if (tensor.shape().dims() > 1) spread = std::sqrt(6.0 / static_cast<double>(tensor.elements() / tensor.shape()[0]));
  if (norm && name.ends_with("weight")) centre = 0.375f;
  if (norm && name.ends_with("bias")) centre = 3.0f;
  if (name.ends_with("running_var")) spread = 0.5, centre = 1.0f;
  fill(tensor, name, spread);
  for (int64_t i = 0; centre != 0.0f && i < tensor.elements(); ++i) tensor.data<float>()[i] += centre;
}

std::string layer_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

/// The distance to a reference over its norm, estimated from signed sums (see make_golden.py).
class Sketch {
 public:
  void add(const std::string& name, std::span<const float> values) {
    for (size_t k = 0; k < sums_.size(); ++k) sums_[k] += signed_sum(name, k, values);
  }
  double distance(const nlohmann::json& reference) const {
    const auto wanted = reference.at("sketch").get<std::vector<double>>();
    double squares = 0.0;
    for (size_t k = 0; k < sums_.size(); ++k) squares += std::pow(sums_[k] - wanted.at(k), 2);
    return std::sqrt(squares / static_cast<double>(sums_.size())) / reference.at("norm").get<double>();
  }

 private:
  std::array<double, 16> sums_{};
};

class ArchitecturePass : public Architecture {
 protected:
  ArchitecturePass() : parameters_(task_->model(), 1) {
    set_kernel_threads(1);  // small images: threads would wait for each other
    std::set<std::string> norms;
    for (const nn::FlatSlot& slot : parameters_.slots()) {
      if (slot.kind == nn::SlotKind::statistic) norms.insert(layer_of(slot.name));
    }
    for (const nn::FlatSlot& slot : parameters_.slots()) {
      fill_by_formula(nn::FlatParameters::view(parameters_.values(), slot), slot.name, norms.contains(layer_of(slot.name)));
    }
    parameters_.values_changed();
    const auto pixels = GetParam().at("pixels").get<int64_t>(), samples = GetParam().at("samples").get<int64_t>();
    const Tensor logical = Tensor::empty({samples, 3, pixels, pixels}), image = Tensor::empty_channels_last(logical.shape());
    fill(logical, "inputs", kInputScale);
    copy_into(logical, image);
    batch_.samples = samples;
    batch_.tensors = {{std::string(data::kInputs), image}, {std::string(data::kTargets), class_ids("targets", samples, 1000)}};
  }

  void expect_near(const char* what, const Sketch& sketch, double bound) {
    const nlohmann::json& reference = GetParam().at(what);
    const double distance = sketch.distance(reference);
    EXPECT_LE(distance, std::max(bound, kTimesPyTorch * reference.at("f32_error").get<double>())) << what;
    RecordProperty(what, fmt::format("{:.1e}", distance));
  }
  void expect_logits(const char* what, const Tensor& logits) {
    Sketch sketch;
    sketch.add("logits", {logits.data<float>(), static_cast<size_t>(logits.elements())});
    expect_near(what, sketch, kLogitsBound);
  }

  nn::FlatParameters parameters_;
  data::Batch batch_;
};

TEST_P(ArchitecturePass, LogitsAndGradientsAgree) {
  Metrics metrics(task_->metric_names());
  nn::ForwardContext evaluation(false, 1, 0, 0), forward(true, 1, 0, 0), training(true, 1, 0, 0);
  expect_logits("evaluation_logits", task_->evaluate(batch_, evaluation, metrics));
  expect_logits("training_logits", task_->evaluate(batch_, forward, metrics));
  autograd::Engine().backward(task_->train(batch_, training, metrics).loss_sum, parameters_.leaves());
  Sketch gradient;
  for (const nn::FlatSlot& slot : parameters_.slots()) {
    if (slot.kind != nn::SlotKind::parameter) continue;
    gradient.add(slot.name, {parameters_.gradients().data<float>() + slot.offset_elements, static_cast<size_t>(slot.elements)});
  }
  expect_near("gradient", gradient, kGradientBound);
}

std::vector<nlohmann::json> cases_with_a_pass() {
  std::vector<nlohmann::json> cases = load_cases("architectures.json");
  std::erase_if(cases, [](const nlohmann::json& one) { return !one.contains("pixels"); });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(PyTorch, Architecture, testing::ValuesIn(load_cases("architectures.json")), name_of);
INSTANTIATE_TEST_SUITE_P(PyTorch, ArchitecturePass, testing::ValuesIn(cases_with_a_pass()), name_of);

}  // namespace
}  // namespace tessera::golden
