// SPDX-License-Identifier: Apache-2.0
// Every recipe of the tree resolves, and its model can be built.
#include <gtest/gtest.h>

#include <filesystem>

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

}  // namespace
}  // namespace tessera
