// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/import.h"

#include "tests/core/checkpoint/fixture.h"

namespace tessera::checkpoint {
namespace {

/// A tensor of a file by its dtype there, shape and bytes.
struct Stored {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};

template <typename Number>
std::string bytes_of(std::vector<Number> numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)};
}

Stored f32(const std::string& name, std::vector<float> values) { return {name, "F32", {static_cast<int64_t>(values.size())}, bytes_of(values)}; }

class ImportTest : public CheckpointTest {
 protected:
  void write(const std::vector<Stored>& tensors) const {
    std::string header = "{", body;
    for (const Stored& tensor : tensors) {
      std::string shape;
      for (const int64_t size : tensor.shape) shape += (shape.empty() ? "" : ",") + std::to_string(size);
      header += fmt::format("{}\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", header.size() > 1 ? "," : "", tensor.name, tensor.dtype,
                            shape, body.size(), body.size() + tensor.bytes.size());
      body += tensor.bytes;
    }
    header += "}";
    overwrite(file_, bytes_of<uint64_t>({header.size()}) + header + body);
  }

  void import(const config::InitConfig& rules = {}) const { import_weights(model_, file_, rules); }

  /// The message of the error, which must leave the model as it was.
  std::string refusal(const config::InitConfig& rules = {}, ErrorKind kind = ErrorKind::data) const {
    const std::vector<float> before = values(0), before_bias = values(1);
    try {
      import(rules);
      return "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      EXPECT_EQ(values(0), before);
      EXPECT_EQ(values(1), before_bias);
      return error.what();
    }
  }

  std::vector<float> values(size_t entry) const {
    const Tensor& tensor = model_[entry].tensor;
    return {tensor.data<float>(), tensor.data<float>() + tensor.elements()};
  }

  std::filesystem::path file_ = out_ / "weights.safetensors";
  std::vector<StateEntry> model_{{"fc.weight", TensorRole::parameter, Tensor::zeros({2})}, {"bn.running_mean", TensorRole::buffer, Tensor::zeros({1})}};
};

void expect_part(const std::string& message, const std::string& part) { EXPECT_NE(message.find(part), std::string::npos) << "no '" << part << "' in: " << message; }

TEST_F(ImportTest, DimsOfSizeOneAtTheEndAreNothing) {
  write({{"fc.weight", "F32", {2, 1, 1}, bytes_of<float>({1.5f, -0.25f})}, {"bn.running_mean", "F32", {}, bytes_of<float>({3.0f})}});
  import();
  EXPECT_EQ(values(0), (std::vector<float>{1.5f, -0.25f}));
  EXPECT_EQ(values(1), std::vector<float>{3.0f});
  write({{"fc.weight", "F32", {1, 2}, bytes_of<float>({1.0f, 2.0f})}, f32("bn.running_mean", {0.0f})});
  expect_part(refusal(), "[1, 2]");
}

TEST_F(ImportTest, EveryFloatingPointTypeIsConverted) {
  const std::vector<float> expected{1.5f, -0.25f};
  for (const Stored& weight : {f32("fc.weight", expected), Stored{"fc.weight", "F64", {2}, bytes_of<double>({1.5, -0.25})},
                               Stored{"fc.weight", "F16", {2}, bytes_of<uint16_t>({0x3e00, 0xb400})},
                               Stored{"fc.weight", "BF16", {2}, bytes_of<uint16_t>({0x3fc0, 0xbe80})}}) {
    model_[0].tensor = Tensor::zeros({2});
    write({weight, f32("bn.running_mean", {3.0f})});
    import();
    EXPECT_EQ(values(0), expected) << weight.dtype;
    EXPECT_EQ(values(1), std::vector<float>{3.0f}) << weight.dtype;
  }
}

TEST_F(ImportTest, IntegersAreRefusedByNameAndType) {
  write({{"fc.weight", "I8", {2}, std::string(2, '\1')}, f32("bn.running_mean", {3.0f})});
  const std::string message = refusal();
  expect_part(message, "tensor 'fc.weight' has dtype I8");
  expect_part(message, file_.string());
  write({f32("fc.weight", {1, 2}), {"bn.running_mean", "I64", {1}, std::string(8, '\0')}});
  expect_part(refusal(), "tensor 'bn.running_mean' has dtype I64");
}

TEST_F(ImportTest, BatchCountsMayBeThereOrNot) {
  const Stored count{"bn.num_batches_tracked", "I64", {}, bytes_of<int64_t>({1000})};
  write({f32("fc.weight", {1, 2}), f32("bn.running_mean", {3}), count});
  import();
  EXPECT_EQ(values(0), (std::vector<float>{1, 2}));
  model_.push_back({"bn.num_batches_tracked", TensorRole::buffer, Tensor::zeros({}, DType::i64)});
  write({f32("fc.weight", {4, 5}), f32("bn.running_mean", {3})});
  import();
  EXPECT_EQ(values(0), (std::vector<float>{4, 5}));
}

TEST_F(ImportTest, BatchCountsOfSeveralLayersMayGetOneName) {
  write({f32("fc.weight", {1, 2}), f32("bn.running_mean", {3}), {"a.num_batches_tracked", "I64", {}, bytes_of<int64_t>({1})},
         {"b.num_batches_tracked", "I64", {}, bytes_of<int64_t>({2})}});
  import({.rename = {{"^[ab]\\.", "x."}}});
  EXPECT_EQ(values(0), (std::vector<float>{1, 2}));
}

TEST_F(ImportTest, RulesRenameOneAfterTheOther) {
  write({f32("module.linear_0.w", {1, 2}), f32("module.norm.running_mean", {3})});
  import({.rename = {{"^module\\.", ""}, {"norm", "bn"}, {"linear_(\\d)\\.w$", "fc$1.weight"}, {"fc0", "fc"}}});
  EXPECT_EQ(values(0), (std::vector<float>{1, 2}));
  EXPECT_EQ(values(1), (std::vector<float>{3}));
}

TEST_F(ImportTest, EveryMatchOfAPatternIsReplaced) {
  model_[0].name = "a.b.c";
  write({f32("a_b_c", {1, 2}), f32("bn_running.mean", {3})});
  import({.rename = {{"_", "."}, {"bn.running.mean", "bn.running_mean"}}});
  EXPECT_EQ(values(0), (std::vector<float>{1, 2}));
}

TEST_F(ImportTest, TwoTensorsWithOneNameAreBothNamed) {
  write({f32("a.weight", {1, 2}), f32("b.weight", {3, 4}), f32("bn.running_mean", {3})});
  for (const bool strict : {true, false}) {
    const std::string message = refusal({.strict = strict, .rename = {{"^[ab]\\.", "fc."}}});
    expect_part(message, "'a.weight' and 'b.weight' both become 'fc.weight'");
  }
}

TEST_F(ImportTest, WhatHasNoCounterpartIsNamedWithWhatIsNear) {
  write({f32("fc.wieght", {1, 2}), f32("bn.running_mean", {3})});
  expect_part(refusal(), "tensor 'fc.weight' of the model is missing; the file has 'fc.wieght'");
  write({f32("fc.weight", {1, 2}), f32("bn.running_mean", {3}), f32("module.head", {4})});
  expect_part(refusal(), "tensor 'module.head' is not part of the model");
  expect_part(refusal({.rename = {{"^module\\.", ""}}}), "tensor 'module.head', renamed to 'head', is not part of the model");
  import({.strict = false});
  EXPECT_EQ(values(0), (std::vector<float>{1, 2}));
}

TEST_F(ImportTest, AFileThatSharesNothingIsRefusedEvenWhenNotStrict) {
  write({f32("module.fc.weight", {1, 2})});
  const std::string message = refusal({.strict = false});
  expect_part(message, "no tensor of the file is part of the model, whose first is 'fc.weight'; the file's first is 'module.fc.weight'");
  expect_part(message, "init.rename");
}

TEST_F(ImportTest, AnotherShapeIsRefused) {
  write({f32("fc.weight", {1, 2, 3}), f32("bn.running_mean", {3})});
  expect_part(refusal(), "'fc.weight' has shape [3] but the model needs [2]");
}

TEST_F(ImportTest, WhatIsSkippedKeepsItsStart) {
  model_.push_back({"head.weight", TensorRole::parameter, Tensor::of<float>(std::vector<float>{7, 8, 9}, {3})});
  const Stored head = f32("head.weight", {1, 2, 3, 4, 5}), other_head = f32("top.weight", {1});
  write({f32("fc.weight", {1, 2}), f32("bn.running_mean", {3}), head});
  import({.skip = {"^head\\."}});
  EXPECT_EQ(values(0), (std::vector<float>{1, 2}));
  EXPECT_EQ(values(2), (std::vector<float>{7, 8, 9}));
  // A head of another name is left out on each side.
  write({f32("fc.weight", {4, 5}), f32("bn.running_mean", {3}), other_head});
  import({.skip = {"^head\\.", "^top"}});
  EXPECT_EQ(values(0), (std::vector<float>{4, 5}));
  EXPECT_EQ(values(2), (std::vector<float>{7, 8, 9}));
  // Names are those after renaming.
  write({f32("module.fc.weight", {6, 7}), f32("module.bn.running_mean", {3}), f32("module.head.weight", {1})});
  import({.rename = {{"^module\\.", ""}}, .skip = {"^head\\."}});
  EXPECT_EQ(values(0), (std::vector<float>{6, 7}));
}

TEST_F(ImportTest, APatternThatSkipsNothingIsRefused) {
  write({f32("fc.weight", {1, 2}), f32("bn.running_mean", {3})});
  const std::string message = refusal({.skip = {"^fc.wieght", "^fc"}}, ErrorKind::usage);
  expect_part(message, "pattern '^fc.wieght' of init.skip[0] is found in no name of model or file");
  expect_part(message, "near it: fc.weight");
}

TEST_F(ImportTest, SkippingAllIsRefused) {
  write({f32("fc.weight", {1, 2}), f32("bn.running_mean", {3})});
  EXPECT_EQ(refusal({.skip = {"fc"}}), "no error");  // bn is left
  model_.pop_back();
  model_.push_back({"other", TensorRole::parameter, Tensor::zeros({1})});
  expect_part(refusal({.strict = false, .skip = {"fc"}}), "no tensor of the file is part of the model");
}

TEST_F(ImportTest, AHeadOfAnotherNumberOfClassesSaysHowToLeaveItOut) {
  model_.push_back({"classifier.1.weight", TensorRole::parameter, Tensor::zeros({2, 4})});
  write({f32("fc.weight", {1, 2}), f32("bn.running_mean", {3}), {"classifier.1.weight", "F32", {3, 4, 1, 1}, std::string(48, '\0')}});
  const std::string message = refusal();
  expect_part(message, "'classifier.1.weight' has shape [3, 4, 1, 1] but the model needs [2, 4]; 2 of the model's 3 tensors are in the file with their shapes");
  expect_part(message, "init.skip: ['^classifier\\.1\\.']");
}

TEST_F(ImportTest, AnotherArchitectureSaysHowMuchFits) {
  model_.push_back({"conv.weight", TensorRole::parameter, Tensor::zeros({2, 3, 3, 3})});
  write({f32("fc.weight", {1, 2}), f32("bn.running_mean", {3}), {"conv.weight", "F32", {2, 3, 1, 1}, std::string(24, '\0')}});
  std::string message = refusal();
  expect_part(message, "'conv.weight' has shape [2, 3, 1, 1] but the model needs [2, 3, 3, 3]; 2 of the model's 3 tensors");
  expect_part(message, "init.rename");
  EXPECT_EQ(message.find("another number of classes"), std::string::npos);
  write({f32("fc.wieght", {1, 2, 3})});
  expect_part(refusal(), "'fc.wieght' of shape [3] where the model needs [2]; 0 of the model's 3 tensors");
}

TEST_F(ImportTest, PatternsThatNeverEndGiveUp) {
  write({f32(std::string(1000, 'a'), {1, 2})});
  expect_part(refusal({.strict = false, .rename = {{"(a+)+[bc]", ""}}}, ErrorKind::usage), "match limit exceeded");
  expect_part(refusal({.strict = false, .rename = {{"a", "${b"}}}, ErrorKind::usage), "'${b'} fails on 'aaa");
  expect_part(refusal({.strict = false, .skip = {"(a+)+[bc]"}}, ErrorKind::usage), "init.skip: '(a+)+[bc]' fails on 'aaa");
}

TEST_F(ImportTest, NamesThatAreTooLongAreRefused) {
  write({f32(std::string(100000, 'a'), {1, 2})});
  expect_part(refusal({.strict = false, .rename = {{"(.*)*b", ""}}}, ErrorKind::usage), "has 100000 bytes");
  write({f32(std::string(1000, 'a'), {1, 2})});
  expect_part(refusal({.strict = false, .rename = {{"a", "aa"}}}, ErrorKind::usage), "has 2000 bytes");
}

}  // namespace
}  // namespace tessera::checkpoint
