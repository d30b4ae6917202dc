// SPDX-License-Identifier: Apache-2.0
// Every recipe of the tree resolves, and its model can be built.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/error.h"
#include "launcher/job/job.h"
#include "recipes/registry.h"

namespace tessera {
namespace {

TEST(Recipes, AllResolveAndBuildTheirModels) {
  const config::KindRegistry registry = recipes::make_registry();
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(TESSERA_RECIPE_FOLDER)) {
    if (entry.path().extension() != ".yaml") continue;
    SCOPED_TRACE(entry.path().string());
    ++count;
    std::optional<launcher::Job> job;
    ASSERT_NO_THROW(job = launcher::load_job(entry.path(), {}, registry));
    std::unique_ptr<Task> task;
    ASSERT_NO_THROW(task = recipes::make_task(job->recipe()));
    int64_t parameters = 0;
    task->model().for_each_parameter([&](const nn::Parameter& parameter) { parameters += parameter.shape.elements(); });
    EXPECT_GT(parameters, 0);
  }
  EXPECT_GE(count, 8);
}

int64_t parameters_of(const std::string& recipe) {
  const config::KindRegistry registry = recipes::make_registry();
  const launcher::Job job = launcher::load_job(std::filesystem::path(TESSERA_RECIPE_FOLDER) / recipe, {}, registry);
  int64_t parameters = 0;
  recipes::make_task(job.recipe())->model().for_each_parameter([&](const nn::Parameter& p) { parameters += p.shape.elements(); });
  return parameters;
}

// What the papers' implementations in PyTorch count.
TEST(Recipes, ParameterCounts) {
  EXPECT_EQ(parameters_of("vision/lenet5/mnist.yaml"), 61706);
  EXPECT_EQ(parameters_of("vision/cifar_resnet/resnet20_cifar10.yaml"), 269722);
  EXPECT_EQ(parameters_of("vision/cifar_resnet/resnet56_cifar10.yaml"), 853018);
}

std::string refusal(const std::vector<std::string>& overrides) {
  try {
    const launcher::Job job =
        launcher::load_job(std::filesystem::path(TESSERA_RECIPE_FOLDER) / "vision/lenet5/mnist.yaml", overrides, recipes::make_registry());
    recipes::make_task(job.recipe());
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(Recipes, ClassWeightsMustFitTheModel) {
  EXPECT_EQ(refusal({"task={label_smoothing: 0.1, class_weights: [1, 1, 1, 1, 1, 0.5, 1, 1, 1, 1]}"}), "none");
  const std::string few = refusal({"task.class_weights=[1, 2]"});
  EXPECT_NE(few.find("task.class_weights has 2 numbers, but model.classes is 10"), std::string::npos) << few;
  EXPECT_NE(few.find("--set"), std::string::npos) << few;
  EXPECT_NE(refusal({"task.class_weights=[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"}).find("are all 0"), std::string::npos);
  EXPECT_NE(refusal({"task.class_weights=[-1]"}).find("task.class_weights"), std::string::npos);
  EXPECT_NE(refusal({"task.label_smoothing=1"}).find("task.label_smoothing"), std::string::npos);
}

/// Keys that came after recipes had been hashed.
TEST(Recipes, LossKeysAtTheirDefaultsAreNotHashed) {
  const config::KindRegistry registry = recipes::make_registry();
  const auto hash = [&](const std::vector<std::string>& overrides) {
    return launcher::load_job(std::filesystem::path(TESSERA_RECIPE_FOLDER) / "vision/lenet5/mnist.yaml", overrides, registry).hash;
  };
  EXPECT_EQ(hash({"task={label_smoothing: 0, class_weights: []}"}), hash({}));
  EXPECT_NE(hash({"task.label_smoothing=0.1"}), hash({}));
  EXPECT_NE(hash({"task.class_weights=[1, 1, 1, 1, 1, 0.5, 1, 1, 1, 1]"}), hash({}));
}

}  // namespace
}  // namespace tessera
