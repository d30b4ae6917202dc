// SPDX-License-Identifier: Apache-2.0
// Shapes and options that do not fit: an error names the op, the shapes and, inside a module, the module.
#include <gtest/gtest.h>

#include <functional>

#include "core/base/error.h"
#include "core/nn/layers.h"
#include "core/ops/arithmetic.h"
#include "core/ops/convolution.h"
#include "core/ops/matmul.h"
#include "core/ops/movement.h"
#include "core/ops/pooling.h"
#include "core/ops/reduction.h"
#include "core/ops/view.h"

namespace tessera {
namespace {

using autograd::Variable;

Variable of(const Shape& shape) { return Variable(Tensor::zeros(shape)); }

struct Case {
  const char* name;
  std::function<void()> run;
  std::vector<std::string> parts;  ///< of the message
};

std::vector<Case> arithmetic_cases() {
  return {
      {"add", [] { ops::add(of({2, 3}), of({2, 4})); }, {"add", "[2, 3]", "[2, 4]"}},
      {"divide", [] { ops::divide(of({5}), of({2, 4})); }, {"divide", "[5]", "[2, 4]"}},
      {"add_of_integers", [] { ops::add(Variable(Tensor::zeros({2}, DType::i64)), of({2})); }, {"add", "f32, not i64"}},
      {"clamp", [] { ops::clamp(of({3}), 2.0f, 1.0f); }, {"clamp", "[3]"}},
      {"sum", [] { ops::sum(of({2, 3}), {2}); }, {"sum", "dim 2", "[2, 3]"}},
      {"sum_twice", [] { ops::sum(of({2, 3}), {1, -1}); }, {"sum", "dim -1 is named twice", "[2, 3]"}},
      {"max", [] { ops::max(of({2, 0}), {1}); }, {"max", "no elements", "[2, 0]"}},
      {"variance", [] { ops::variance(of({2, 1}), {1}); }, {"variance", "1 elements", "[2, 1]"}},
      {"matmul", [] { ops::matmul(of({2, 3, 4}), of({2, 5, 4})); }, {"matmul", "[2, 3, 4]", "[2, 5, 4]"}},
      {"matmul_of_stacks", [] { ops::matmul(of({2, 3, 4}), of({3, 4, 4})); }, {"matmul", "[2]", "[3]"}},
      {"matmul_of_vectors", [] { ops::matmul(of({4}), of({4, 4})); }, {"matmul", "two dims", "[4]", "[4, 4]"}},
  };
}

std::vector<Case> movement_cases() {
  const Variable one = of({2, 3}), two = of({2, 4});
  return {
      {"reshape", [] { ops::reshape(of({2, 3}), {4, 2}); }, {"reshape", "[2, 3]", "[4, 2]"}},
      {"reshape_open", [] { ops::reshape(of({2, 3}), {-1, 4}); }, {"reshape", "[2, 3]", "[-1, 4]"}},
      {"reshape_two_open", [] { ops::reshape(of({2, 3}), {-1, -1}); }, {"reshape", "[2, 3]", "[-1, -1]"}},
      {"permute", [] { ops::permute(of({2, 3}), {0, 0}); }, {"permute", "[0, 0]", "[2, 3]"}},
      {"transpose", [] { ops::transpose(of({2, 3}), 0, 2); }, {"transpose", "dim 2", "[2, 3]"}},
      {"expand", [] { ops::expand(of({2, 3}), {2, 6}); }, {"expand", "[2, 3]", "[2, 6]"}},
      {"expand_less", [] { ops::expand(of({2, 3}), {3}); }, {"expand", "[2, 3]", "[3]"}},
      {"slice", [] { ops::slice(of({2, 3}), 1, 0, 4); }, {"slice", "0:4:1", "[2, 3]"}},
      {"slice_step", [] { ops::slice(of({2, 3}), 1, 0, 3, 0); }, {"slice", "0:3:0", "[2, 3]"}},
      {"split", [] { ops::split(of({2, 3}), 1, {2, 2}); }, {"split", "[2, 2]", "[2, 3]"}},
      {"chunk", [] { ops::chunk(of({2, 3}), 1, 0); }, {"chunk", "0 parts", "[2, 3]"}},
      {"concatenate", [=] { ops::concatenate(std::vector{one, two}, 0); }, {"concatenate", "[2, 3]", "[2, 4]"}},
      {"concatenate_nothing", [] { ops::concatenate({}, 0); }, {"concatenate", "no inputs"}},
      {"stack", [=] { ops::stack(std::vector{one, two}, 0); }, {"stack", "[2, 3]", "[2, 4]"}},
      {"pad", [] { ops::pad(of({2, 3}), {{1, -1}}); }, {"pad", "negative", "[2, 3]"}},
      {"pad_too_many", [] { ops::pad(of({2}), {{1, 1}, {1, 1}}); }, {"pad", "2 widths", "[2]"}},
      {"gather", [] { ops::gather(of({2, 3}), 0, Tensor::zeros({1, 1}, DType::i64)); }, {"gather", "[1, 1]", "[2, 3]"}},
      {"gather_index", [] { ops::gather(of({2, 3}), 1, Tensor::of<int64_t>(std::vector<int64_t>{0, -4}, {2})); },
       {"gather", "index -4 at place 1", "0..2", "[2, 3]"}},
  };
}

std::vector<Case> image_cases() {
  const auto packed = std::make_shared<PackedWeight>();
  const Variable none;
  return {
      {"conv2d_groups", [=] { ops::conv2d(of({1, 4, 8, 8}), of({6, 1, 3, 3}), none, {.groups = 4}, packed); }, {"conv2d", "4 groups", "[1, 4, 8, 8]", "[6, 1, 3, 3]"}},
      {"conv2d_stride", [=] { ops::conv2d(of({1, 4, 8, 8}), of({6, 4, 3, 3}), none, {.stride = {1, 0}}, packed); }, {"conv2d", "1 x 0", "[1, 4, 8, 8]", "[6, 4, 3, 3]"}},
      {"conv2d_of_no_pixels", [=] { ops::conv2d(of({1, 4, 0, 8}), of({6, 4, 1, 1}), none, {.padding = 1}, packed); }, {"conv2d", "no pixels", "[1, 4, 0, 8]", "[6, 4, 1, 1]"}},
      {"conv_transpose2d", [=] { ops::conv_transpose2d(of({1, 4, 8, 8}), of({6, 4, 3, 3}), none, {}, packed); }, {"conv_transpose2d", "[1, 4, 8, 8]", "[6, 4, 3, 3]"}},
      {"conv_transpose2d_groups", [=] { ops::conv_transpose2d(of({1, 4, 8, 8}), of({4, 2, 3, 3}), none, {.groups = 3}, packed); }, {"conv_transpose2d", "3 groups", "[1, 4, 8, 8]", "[4, 2, 3, 3]"}},
      {"conv_transpose2d_output_padding", [=] { ops::conv_transpose2d(of({1, 4, 8, 8}), of({4, 2, 3, 3}), none, {.stride = 2, .output_padding = 2}, packed); },
       {"conv_transpose2d", "output padding 2", "stride 2", "[1, 4, 8, 8]", "[4, 2, 3, 3]"}},
      {"conv_transpose2d_nothing_left", [=] { ops::conv_transpose2d(of({1, 4, 1, 1}), of({4, 2, 2, 2}), none, {.padding = 1}, packed); },
       {"conv_transpose2d", "empty", "[1, 4, 1, 1]", "[4, 2, 2, 2]"}},
      {"pool_padding", [] { ops::max_pool2d(of({1, 2, 8, 8}), {.kernel = {2, 3}, .padding = {1, 2}}); }, {"max_pool2d", "kernel 2 x 3", "[1, 2, 8, 8]"}},
      {"pool_size", [] { ops::average_pool2d(of({1, 2, 8, 2}), {.kernel = 3}); }, {"average_pool2d", "[1, 2, 8, 2]", "[3, 3]"}},
      {"average_dilation", [] { ops::average_pool2d(of({1, 2, 8, 8}), {.dilation = 2}); }, {"average_pool2d", "dilation", "[1, 2, 8, 8]"}},
      {"max_of_no_pixel", [] { ops::max_pool2d(of({1, 2, 1, 1}), {.kernel = 2, .padding = 1, .dilation = 2}); }, {"max_pool2d", "no pixel", "[1, 2, 1, 1]"}},
      {"adaptive", [] { ops::adaptive_average_pool2d(of({1, 2, 8, 8}), {0, 2}); }, {"adaptive_average_pool2d", "0 x 2", "[1, 2, 8, 8]"}},
      {"global_max", [] { ops::global_max_pool2d(of({1, 2, 0, 8})); }, {"global_max_pool2d", "no pixels", "[1, 2, 0, 8]"}},
  };
}

class ShapeErrors : public testing::TestWithParam<Case> {};

TEST_P(ShapeErrors, NameOpAndShapesInOneLine) {
  try {
    GetParam().run();
    FAIL() << "no error";
  } catch (const Error& error) {
    const std::string text = error.what();
    for (const std::string& part : GetParam().parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
}

std::string name_of_case(const testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Arithmetic, ShapeErrors, testing::ValuesIn(arithmetic_cases()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Movement, ShapeErrors, testing::ValuesIn(movement_cases()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Images, ShapeErrors, testing::ValuesIn(image_cases()), name_of_case);

class Doubling final : public nn::Module {
 public:
  Doubling() : inner_(add("inner", std::make_unique<Sum>())) {}
  std::string kind() const override { return "Doubling"; }

 private:
  class Sum final : public nn::Module {
   public:
    std::string kind() const override { return "Sum"; }

   private:
    Variable forward(const Variable& x, nn::ForwardContext&) override { return ops::add(x, of({2, 7})); }
  };
  Variable forward(const Variable& x, nn::ForwardContext& context) override { return inner_(x, context); }

  Sum& inner_;
};

TEST(ShapeErrors, NameTheInnermostModule) {
  Doubling module;
  module.name_tree("head");
  nn::ForwardContext context(true, 1, 0, 0);
  try {
    module(of({2, 3}), context);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "module 'head.inner' (Sum): add: shapes that do not grow to each other: [2, 3] and [2, 7]");
  }
}

TEST(ShapeErrors, GroupsThatDoNotDivideAreRefusedWhenALayerIsMade) {
  EXPECT_THROW(nn::Conv2d({.in_channels = 4, .out_channels = 6, .groups = 4}), Error);
  EXPECT_THROW(nn::ConvTranspose2d({.in_channels = 4, .out_channels = 6, .groups = 4}), Error);
}

}  // namespace
}  // namespace tessera
