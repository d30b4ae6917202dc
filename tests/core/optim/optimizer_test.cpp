// SPDX-License-Identifier: Apache-2.0
// What the golden tests cannot show: an element's update does not depend on its place in a range, the number of threads or the padding.
#include "core/optim/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/nn/initialiser.h"
#include "tests/core/nn/chain.h"

namespace tessera::optim {
namespace {

/// What an optimizer reads and writes, for a number of elements.
struct Buffers {
  explicit Buffers(int64_t elements) {
    for (Tensor* tensor : {&gradient, &parameter, &first, &second, &third}) *tensor = Tensor::empty({elements});
    const auto fill = [](const Tensor& tensor, std::string_view name) { nn::initialise(tensor, nn::Initialiser::normal(1.0f), 3, name); };
    fill(gradient, "gradient");
    fill(parameter, "parameter");
    fill(first, "first");
    fill(second, "second");
    fill(third, "third");
    for (int64_t i = 0; i < elements; ++i) second.data<float>()[i] *= second.data<float>()[i];
  }
  bool operator==(const Buffers& other) const {
    const auto same = [](const Tensor& a, const Tensor& b) { return std::memcmp(a.bytes(), b.bytes(), a.size_bytes()) == 0; };
    return same(parameter, other.parameter) && same(first, other.first) && same(second, other.second) && same(third, other.third);
  }
  Tensor gradient, parameter, first, second, third;
};

/// Updates elements [begin, begin + count).
using Update = std::function<void(const Buffers&, int64_t begin, int64_t count)>;
/// Likewise, over several ranges.
using RangesUpdate = std::function<void(const Buffers&, const std::vector<UpdateRange>&)>;

constexpr float kRate = 0.1f, kDecay = 0.01f, kScale = 0.3f;

FlatUpdate flat_update(const Buffers& b, const std::vector<UpdateRange>& ranges) {
  return {ranges.data(), static_cast<int64_t>(ranges.size()), kScale, b.gradient.data<float>(), b.parameter.data<float>()};
}

const OptimizerKernels& kernels() { return kernels_for(Device::cpu).optimizer; }

RangesUpdate sgd(float momentum, bool nesterov, bool decoupled = false) {
  return [=](const Buffers& b, const std::vector<UpdateRange>& ranges) {
    kernels().sgd({flat_update(b, ranges), momentum, 0.9f, nesterov, decoupled, momentum > 0.0f ? b.first.data<float>() : nullptr});
  };
}

RangesUpdate adam(bool decoupled) {
  return [=](const Buffers& b, const std::vector<UpdateRange>& ranges) {
    kernels().adam({flat_update(b, ranges), {0.9f, 0.1f}, {0.999f, 0.001f}, 1e-8f, 0.19f, 0.0447f, decoupled, b.first.data<float>(), b.second.data<float>()});
  };
}

RangesUpdate rmsprop(bool momentum, bool centered) {
  return [=](const Buffers& b, const std::vector<UpdateRange>& ranges) {
    kernels().rmsprop({flat_update(b, ranges), {0.99f, 0.01f}, 1e-8f, momentum ? 0.9f : 0.0f, b.second.data<float>(),
                       momentum ? b.first.data<float>() : nullptr, centered ? b.third.data<float>() : nullptr});
  };
}

RangesUpdate lars() {
  return [](const Buffers& b, const std::vector<UpdateRange>& ranges) { kernels().lars({flat_update(b, ranges), 0.9f, b.first.data<float>()}); };
}

RangesUpdate lamb() {
  return [](const Buffers& b, const std::vector<UpdateRange>& ranges) {
    std::vector<double> squares(200);
    const LambUpdate args{flat_update(b, ranges), {0.9f, 0.1f}, {0.999f, 0.001f}, 1e-6f, 0.19f, 0.0447f, b.first.data<float>(), b.second.data<float>()};
    kernels().lamb_moments(args, {squares.data(), squares.data() + 100});
    kernels().lamb_step(args);
  };
}

class UpdateTest : public testing::TestWithParam<std::pair<const char*, RangesUpdate>> {
 protected:
  ~UpdateTest() override { set_kernel_threads(1); }
  const RangesUpdate& update_ranges() const { return GetParam().second; }
  Update update() const {
    return [this](const Buffers& buffers, int64_t begin, int64_t count) { update_ranges()(buffers, {{begin, begin + count, kRate, kDecay}}); };
  }
};

TEST_P(UpdateTest, AnElementsResultDoesNotDependOnItsPlace) {
  constexpr int64_t kElements = 1013;
  const Buffers whole(kElements);
  update()(whole, 0, kElements);
  EXPECT_FALSE(whole == Buffers(kElements));
  for (const int64_t piece : {1, 3, 7, 8, 15, 16, 17, 64, 255, 1000}) {
    const Buffers pieces(kElements);
    for (int64_t begin = 0; begin < kElements; begin += piece) update()(pieces, begin, std::min(piece, kElements - begin));
    EXPECT_TRUE(pieces == whole) << "pieces of " << piece;
  }
}

TEST_P(UpdateTest, ThreadsDoNotShow) {
  constexpr int64_t kElements = 100'003;  // enough for several threads
  const Buffers one(kElements), three(kElements);
  set_kernel_threads(1);
  update()(one, 0, kElements);
  set_kernel_threads(3);
  update()(three, 0, kElements);
  EXPECT_TRUE(one == three);
}

TEST_P(UpdateTest, RangesInOnePassEqualPassesOfTheirOwn) {
  constexpr int64_t kElements = 200'003;
  const std::vector<UpdateRange> ranges{{16, 48, 0.1f, 0.0f}, {48, 70'001, 0.2f, 0.01f}, {90'000, 90'001, 0.1f, 0.0f}, {90'016, 190'000, 0.3f, 0.1f}};
  const Buffers together(kElements), apart(kElements), threaded(kElements), untouched(kElements);
  update_ranges()(together, ranges);
  for (const UpdateRange& range : ranges) update_ranges()(apart, {range});
  EXPECT_TRUE(together == apart);
  set_kernel_threads(3);
  update_ranges()(threaded, ranges);
  EXPECT_TRUE(together == threaded);
  for (const int64_t outside : {0, 15, 70'001, 89'999, 90'001, 90'015, 190'000, 200'002}) {
    EXPECT_EQ(together.parameter.data<float>()[outside], untouched.parameter.data<float>()[outside]) << outside;
    EXPECT_EQ(together.first.data<float>()[outside], untouched.first.data<float>()[outside]) << outside;
  }
  update_ranges()(threaded, {});
  EXPECT_TRUE(together == threaded);
}

INSTANTIATE_TEST_SUITE_P(Optimizers, UpdateTest,
                         testing::Values(std::pair{"sgd", sgd(0.0f, false)}, std::pair{"momentum", sgd(0.9f, false)},
                                         std::pair{"nesterov", sgd(0.9f, true)}, std::pair{"decoupled", sgd(0.9f, false, true)},
                                         std::pair{"plain_decoupled", sgd(0.0f, false, true)}, std::pair{"adam", adam(false)},
                                         std::pair{"adamw", adam(true)}, std::pair{"rmsprop", rmsprop(false, false)},
                                         std::pair{"rmsprop_momentum", rmsprop(true, false)},
                                         std::pair{"rmsprop_centered", rmsprop(false, true)},
                                         std::pair{"rmsprop_both", rmsprop(true, true)}, std::pair{"lars", lars()}, std::pair{"lamb", lamb()}),
                         [](const auto& optimizer) { return std::string(optimizer.param.first); });

class OptimizerTest : public testing::Test {
 protected:
  OptimizerTest() {
    chain_.add_linear("fc", 5, 3);
    chain_.name_tree();
    parameters_ = std::make_unique<nn::FlatParameters>(chain_, 1);
    nn::initialise(parameters_->gradients(), nn::Initialiser::normal(1.0f), 2, "gradient");
  }
  std::vector<float> values() const {
    const Tensor& flat = parameters_->values();
    return {flat.data<float>(), flat.data<float>() + flat.elements()};
  }

  nn::Chain chain_;
  std::unique_ptr<nn::FlatParameters> parameters_;
};

TEST_F(OptimizerTest, StateIsNamedAndStartsAtZero) {
  EXPECT_TRUE(make_sgd({}, *parameters_)->state().empty());
  const auto velocity = make_sgd({.momentum = 0.9}, *parameters_)->state();
  ASSERT_EQ(velocity.size(), 1u);
  EXPECT_EQ(velocity[0].name, "velocity");
  const auto optimizer = make_adamw({}, *parameters_);
  ASSERT_EQ(optimizer->state().size(), 2u);
  EXPECT_EQ(optimizer->state()[0].name, "first_moment");
  EXPECT_EQ(optimizer->state()[1].name, "second_moment");
  for (const StateBuffer& buffer : optimizer->state()) {
    ASSERT_EQ(buffer.flat.elements(), parameters_->flat_elements());
    for (int64_t i = 0; i < buffer.flat.elements(); ++i) EXPECT_EQ(buffer.flat.data<float>()[i], 0.0f);
  }
}

TEST_F(OptimizerTest, ARateOfZeroMovesTheStateAlone) {
  const std::vector<float> before = values();
  const auto optimizer = make_adamw({.weight_decay = 0.1}, *parameters_);
  optimizer->update(*parameters_, 1, 0.0, 1.0);
  EXPECT_EQ(values(), before);
  EXPECT_NE(optimizer->state()[0].flat.data<float>()[0], 0.0f);
}

TEST_F(OptimizerTest, TheScaleMultipliesTheSummedGradient) {
  const std::vector<float> before = values();
  make_sgd({}, *parameters_)->update(*parameters_, 1, 0.5, 0.25);
  const std::vector<float> after = values();
  for (size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i], before[i] - 0.125f * parameters_->gradients().data<float>()[i]);
}

TEST_F(OptimizerTest, AnUpdateMakesPackedWeightsStale) {
  const uint64_t version = parameters_->values().storage()->version();
  make_sgd({}, *parameters_)->update(*parameters_, 1, 0.5, 1.0);
  make_adamw({}, *parameters_)->update(*parameters_, 1, 0.5, 1.0);
  EXPECT_EQ(parameters_->values().storage()->version(), version + 2);
}

TEST_F(OptimizerTest, TheFirstAdamWStepIsTheRateInTheGradientsDirection) {
  const std::vector<float> before = values();
  make_adamw({.weight_decay = 0.0}, *parameters_)->update(*parameters_, 1, 0.01, 1.0);
  const std::vector<float> after = values();
  for (size_t i = 0; i < after.size(); ++i) {
    const float gradient = parameters_->gradients().data<float>()[i];
    EXPECT_NEAR(after[i], before[i] - std::copysign(0.01f, gradient), 1e-6f);
  }
}

}  // namespace
}  // namespace tessera::optim
