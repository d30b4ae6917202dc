// SPDX-License-Identifier: Apache-2.0
// Models that do not fit themselves or the data are refused in one line that says what to change.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/error.h"
#include "launcher/job/job.h"
#include "recipes/registry.h"

namespace tessera {
namespace {

/// Samples that are never read.
class Images final : public data::Dataset {
 public:
  Images(const Shape& shape, int64_t classes) : fields_{{std::string(data::kInputs), DType::f32, shape, true}}, classes_(classes) {}
  int64_t samples() const override { return 1; }
  const std::vector<data::Field>& fields() const override { return fields_; }
  void read(int64_t, const data::SampleContext&, std::span<std::byte* const>) const override {}
  std::string fingerprint() const override { return "none"; }
  std::optional<int64_t> classes() const override { return classes_; }

 private:
  std::vector<data::Field> fields_;
  int64_t classes_;
};

std::string misfit(const std::string& model, const Shape& sample = {3, 64, 64}, int64_t classes = 10) {
  try {
    const auto path = std::filesystem::path(TESSERA_RECIPE_FOLDER) / "vision/lenet5/mnist.yaml";
    const std::vector<std::string> overrides = {"model=" + model};
    const launcher::Job job = launcher::load_job(path, overrides, recipes::make_registry());
    recipes::make_task(job.recipe());
    recipes::check_data_fits(job.recipe(), Images(sample, classes));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "none";
}

void expect_refusal(const std::string& message, const std::string& what, const std::string& fix) {
  EXPECT_NE(message.find(what), std::string::npos) << message;
  EXPECT_NE(message.find(fix), std::string::npos) << message;
}

TEST(Fit, ImageModelsTakeWhatFits) {
  for (const char* kind : {"alexnet", "vgg", "googlenet", "xception", "resnet", "densenet", "squeezenet", "hrnet", "mobilenet_v1", "mobilenet_v2", "cifar_resnet"}) {
    EXPECT_EQ(misfit(std::string("{kind: ") + kind + ", classes: 10}"), "none");
    expect_refusal(misfit(std::string("{kind: ") + kind + ", classes: 10}", {1, 64, 64}), "model.in_channels is 3", "set model.in_channels to 1");
    expect_refusal(misfit(std::string("{kind: ") + kind + ", classes: 10}", {3, 64, 64}, 11), "model.classes is 10, but the data has 11 classes", "set model.classes to 11");
    expect_refusal(misfit(std::string("{kind: ") + kind + ", classes: 10}", {12}), "takes images", "take another model or other data");
  }
}

TEST(Fit, ImagesHaveALeastSizeAndPerhapsAMultiple) {
  expect_refusal(misfit("{kind: alexnet}", {3, 64, 62}), "at least 63 x 63 pixels", "give larger images");
  expect_refusal(misfit("{kind: vgg}", {3, 31, 64}), "at least 32 x 32 pixels", "give larger images");
  expect_refusal(misfit("{kind: hrnet}", {3, 64, 80}), "a multiple of 32 pixels", "crop or resize");
  expect_refusal(misfit("{kind: lenet5, in_channels: 3}", {3, 28, 32}), "takes square images", "take another model");
}

TEST(Fit, SizesThatDoNotExistAreNamed) {
  expect_refusal(misfit("{kind: resnet, depth: 20}"), "no ResNet of 20 layers", "use 18, 34, 50, 101 or 152");
  expect_refusal(misfit("{kind: vgg, depth: 17}"), "no VGG of 17 layers", "use 11, 13, 16 or 19");
  expect_refusal(misfit("{kind: densenet, depth: 161}"), "no DenseNet of 161 layers", "use 121, 169 or 201");
  expect_refusal(misfit("{kind: resnet, depth: 18, groups: 32}"), "no bottlenecks", "use depth 50, 101 or 152");
  EXPECT_EQ(misfit("{kind: resnet, depth: 50, groups: 3}"), "none");
  expect_refusal(misfit("{kind: squeezenet, version: \"1.2\"}"), "version", "1.1");
}

}  // namespace
}  // namespace tessera
