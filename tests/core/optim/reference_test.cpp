// SPDX-License-Identifier: Apache-2.0
// Twenty steps of a small smooth model, beside the papers' formulas in f64: a two-layer perceptron with tanh and squared error, its gradient written out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/nn/initialiser.h"
#include "core/optim/optimizer.h"
#include "tests/core/nn/chain.h"

namespace tessera::optim {
namespace {

constexpr size_t kIn = 5, kHidden = 7, kOut = 3, kSamples = 16;
constexpr int kSteps = 20;

using Vector = std::vector<double>;
/// fc1.weight [hidden, in], fc1.bias, fc2.weight [out, hidden], fc2.bias.
using Tensors = std::vector<Vector>;

Tensors gradient_of(const Tensors& p) {
  Tensors g;
  for (const Vector& tensor : p) g.emplace_back(tensor.size(), 0.0);
  for (size_t sample = 0; sample < kSamples; ++sample) {
    Vector x(kIn), h(p[1]), dh(kHidden, 0.0);
    for (size_t i = 0; i < kIn; ++i) x[i] = std::sin(static_cast<double>(sample * kIn + i + 1));
    for (size_t j = 0; j < kHidden; ++j) {
      for (size_t i = 0; i < kIn; ++i) h[j] += p[0][j * kIn + i] * x[i];
      h[j] = std::tanh(h[j]);
    }
    for (size_t k = 0; k < kOut; ++k) {
      double dy = p[3][k] - std::cos(static_cast<double>(sample + k));
      for (size_t j = 0; j < kHidden; ++j) dy += p[2][k * kHidden + j] * h[j];
      g[3][k] += dy;
      for (size_t j = 0; j < kHidden; ++j) {
        g[2][k * kHidden + j] += dy * h[j];
        dh[j] += dy * p[2][k * kHidden + j];
      }
    }
    for (size_t j = 0; j < kHidden; ++j) {
      const double da = dh[j] * (1.0 - h[j] * h[j]);
      g[1][j] += da;
      for (size_t i = 0; i < kIn; ++i) g[0][j * kIn + i] += da * x[i];
    }
  }
  return g;
}

double norm(const Vector& x) {
  double sum = 0.0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

/// A tensor's state and how one step of a reference changes it.
struct State {
  Vector first, second, third;
};
using Step = std::function<void(Vector& p, const Vector& g, State& state, int t, double rate)>;
using Make = std::function<std::unique_ptr<Optimizer>(const nn::FlatParameters&)>;

struct Case {
  const char* name;
  double rate;
  Make make;
  Step step;
};

Step sgd_step(const SgdConfig& c) {
  return [c](Vector& p, const Vector& g, State& s, int t, double rate) {
    for (size_t i = 0; i < p.size(); ++i) {
      const double d = g[i] + (c.decoupled ? 0.0 : c.weight_decay * p[i]);
      if (c.decoupled) p[i] -= rate * c.weight_decay * p[i];
      s.first[i] = t == 1 ? d : c.momentum * s.first[i] + (1.0 - c.dampening) * d;
      p[i] -= rate * (c.nesterov ? d + c.momentum * s.first[i] : c.momentum > 0.0 ? s.first[i] : d);
    }
  };
}

Case sgd_case(const char* name, const SgdConfig& c) {
  return {name, 0.01, [c](const nn::FlatParameters& parameters) { return make_sgd(c, parameters); }, sgd_step(c)};
}

/// Kingma and Ba 2015, algorithm 1; with decay as in Loshchilov and Hutter 2019, algorithm 2.
Step adam_step(double beta1, double beta2, double epsilon, double decay, bool decoupled) {
  return [=](Vector& p, const Vector& g, State& s, int t, double rate) {
    for (size_t i = 0; i < p.size(); ++i) {
      const double d = g[i] + (decoupled ? 0.0 : decay * p[i]);
      s.first[i] = beta1 * s.first[i] + (1.0 - beta1) * d;
      s.second[i] = beta2 * s.second[i] + (1.0 - beta2) * d * d;
      const double m = s.first[i] / (1.0 - std::pow(beta1, t)), v = s.second[i] / (1.0 - std::pow(beta2, t));
      p[i] -= rate * (m / (std::sqrt(v) + epsilon) + (decoupled ? decay * p[i] : 0.0));
    }
  };
}

Case rmsprop_case(const char* name, const RmsPropConfig& c) {
  const Step step = [c](Vector& p, const Vector& g, State& s, int, double rate) {
    for (size_t i = 0; i < p.size(); ++i) {
      const double d = g[i] + c.weight_decay * p[i];
      s.second[i] = c.alpha * s.second[i] + (1.0 - c.alpha) * d * d;
      s.third[i] = c.alpha * s.third[i] + (1.0 - c.alpha) * d;
      const double variance = s.second[i] - (c.centered ? s.third[i] * s.third[i] : 0.0);
      s.first[i] = c.momentum * s.first[i] + d / (std::sqrt(variance) + c.epsilon);
      p[i] -= rate * s.first[i];
    }
  };
  return {name, 0.01, [c](const nn::FlatParameters& parameters) { return make_rmsprop(c, parameters); }, step};
}

/// You 2017, algorithm 1.
Case lars_case(const char* name, const LarsConfig& c, double rate) {
  const Step step = [c](Vector& p, const Vector& g, State& s, int, double global_rate) {
    const bool adapted = c.adapt_norms_and_biases || p.size() > kHidden;
    double trust = c.trust_coefficient * norm(p) / (norm(g) + c.weight_decay * norm(p));
    if (!adapted || norm(p) == 0.0) trust = 1.0;
    for (size_t i = 0; i < p.size(); ++i) {
      s.first[i] = c.momentum * s.first[i] + global_rate * trust * (g[i] + c.weight_decay * p[i]);
      p[i] -= s.first[i];
    }
  };
  return {name, rate, [c](const nn::FlatParameters& parameters) { return make_lars(c, parameters); }, step};
}

/// You 2020, algorithm 2, with the identity as phi.
Case lamb_case(const char* name, const LambConfig& c) {
  const Step step = [c](Vector& p, const Vector& g, State& s, int t, double rate) {
    Vector direction(p.size());
    for (size_t i = 0; i < p.size(); ++i) {
      s.first[i] = c.beta1 * s.first[i] + (1.0 - c.beta1) * g[i];
      s.second[i] = c.beta2 * s.second[i] + (1.0 - c.beta2) * g[i] * g[i];
      const double m = s.first[i] / (1.0 - std::pow(c.beta1, t)), v = s.second[i] / (1.0 - std::pow(c.beta2, t));
      direction[i] = m / (std::sqrt(v) + c.epsilon) + c.weight_decay * p[i];
    }
    const bool adapted = (c.adapt_norms_and_biases || p.size() > kHidden) && norm(p) > 0.0;
    const double trust = adapted ? norm(p) / norm(direction) : 1.0;
    for (size_t i = 0; i < p.size(); ++i) p[i] -= rate * trust * direction[i];
  };
  return {name, 0.02, [c](const nn::FlatParameters& parameters) { return make_lamb(c, parameters); }, step};
}

class Model {
 public:
  Model() {
    chain_.add_linear("fc1", kIn, kHidden);
    chain_.add_linear("fc2", kHidden, kOut);
    chain_.name_tree();
    parameters_ = std::make_unique<nn::FlatParameters>(chain_, 1);
    const nn::FlatSlot& bias = parameters_->slots()[3];  // a tensor of zeros: LARS and LAMB must get it off zero
    std::fill_n(parameters_->values().data<float>() + bias.offset_elements, bias.elements, 0.0f);
  }

  nn::FlatParameters& parameters() { return *parameters_; }

  Tensors values() const {
    Tensors tensors;
    for (const nn::FlatSlot& slot : parameters_->slots()) {
      const float* from = parameters_->values().data<float>() + slot.offset_elements;
      tensors.emplace_back(from, from + slot.elements);
    }
    return tensors;
  }

  /// `sum_weight` times the gradient at the present values, as a step that has summed over that weight leaves it.
  void set_gradients(double sum_weight) {
    const Tensors gradients = gradient_of(values());
    for (size_t i = 0; i < gradients.size(); ++i) {
      float* to = parameters_->gradients().data<float>() + parameters_->slots()[i].offset_elements;
      for (const double value : gradients[i]) *to++ = static_cast<float>(value * sum_weight);
    }
  }

 private:
  nn::Chain chain_;
  std::unique_ptr<nn::FlatParameters> parameters_;
};

double relative_distance(const Tensors& left, const Tensors& right) {
  Vector difference, all;
  for (size_t i = 0; i < left.size(); ++i) {
    for (size_t j = 0; j < left[i].size(); ++j) {
      difference.push_back(left[i][j] - right[i][j]);
      all.push_back(right[i][j]);
    }
  }
  return norm(difference) / norm(all);
}

class ReferenceTest : public testing::TestWithParam<Case> {};

TEST_P(ReferenceTest, TwentyStepsFollowThePapersFormulas) {
  const Case& test = GetParam();
  Model model;
  Tensors reference = model.values();
  const Tensors start = reference;
  std::vector<State> states;
  for (const Vector& tensor : reference) states.push_back({Vector(tensor.size()), Vector(tensor.size()), Vector(tensor.size())});
  const auto optimizer = test.make(model.parameters());
  for (int t = 1; t <= kSteps; ++t) {
    const double rate = test.rate / (1.0 + 0.05 * t);  // a schedule: where the rate enters matters
    const Tensors gradients = gradient_of(reference);
    for (size_t i = 0; i < reference.size(); ++i) test.step(reference[i], gradients[i], states[i], t, rate);
    model.set_gradients(8.0);
    optimizer->update(model.parameters(), t, rate, 1.0 / 8.0);
    ASSERT_LT(relative_distance(model.values(), reference), 1e-6) << "step " << t;
  }
  EXPECT_GT(relative_distance(start, reference), 0.02) << "the model has hardly moved";
  for (size_t i = 0; i < reference.size(); ++i) EXPECT_NE(model.values()[i], start[i]) << "tensor " << i;
}

INSTANTIATE_TEST_SUITE_P(
    Optimizers, ReferenceTest,
    testing::Values(
        sgd_case("sgd", {.weight_decay = 0.01}), sgd_case("momentum", {.momentum = 0.9, .weight_decay = 0.01}),
        sgd_case("nesterov", {.momentum = 0.9, .weight_decay = 0.01, .nesterov = true}),
        sgd_case("dampening", {.momentum = 0.9, .weight_decay = 0.01, .dampening = 0.5}),
        sgd_case("decoupled", {.momentum = 0.9, .weight_decay = 0.1, .decoupled = true}),
        Case{"adam", 0.01, [](const auto& parameters) { return make_adam({.weight_decay = 0.1}, parameters); },
             adam_step(0.9, 0.999, 1e-8, 0.1, false)},
        Case{"adamw", 0.01, [](const auto& parameters) { return make_adamw({.weight_decay = 0.1}, parameters); },
             adam_step(0.9, 0.999, 1e-8, 0.1, true)},
        rmsprop_case("rmsprop", {.weight_decay = 0.01}), rmsprop_case("rmsprop_momentum", {.momentum = 0.9, .weight_decay = 0.01}),
        rmsprop_case("rmsprop_centered", {.centered = true}), rmsprop_case("rmsprop_all", {.momentum = 0.5, .weight_decay = 0.01, .centered = true}),
        lars_case("lars", {.weight_decay = 0.01, .trust_coefficient = 0.02}, 0.1),
        lars_case("lars_of_weights", {.weight_decay = 0.01, .trust_coefficient = 1.0, .adapt_norms_and_biases = false}, 0.01),
        lamb_case("lamb", {.weight_decay = 0.1}), lamb_case("lamb_of_weights", {.weight_decay = 0.1, .adapt_norms_and_biases = false})),
    [](const auto& test) { return std::string(test.param.name); });

/// Groups against the same formulas with settings of each tensor's own.
TEST(GroupsTest, EveryTensorFollowsItsOwnSettings) {
  const GroupRules rules{{{"fc1.weight", 0.3, 0.1, false}, {"fc1.*", std::nullopt, 2.0, false}, {"*.weight", std::nullopt, 1.0, true}}, true};
  const std::vector<SgdConfig> settings{{.momentum = 0.9, .weight_decay = 0.3}, {.momentum = 0.9}, {}, {.momentum = 0.9}};
  const double factors[] = {0.1, 2.0, 0.0, 1.0};
  Model model;
  const Tensors start = model.values();
  Tensors reference = start;
  std::vector<State> states;
  for (const Vector& tensor : reference) states.push_back({Vector(tensor.size()), {}, {}});
  const auto optimizer = make_sgd({.momentum = 0.9, .weight_decay = 0.05}, model.parameters(), rules);
  EXPECT_EQ(optimizer->frozen(), (std::vector<bool>{false, false, true, false}));
  for (int t = 1; t <= kSteps; ++t) {
    const Tensors gradients = gradient_of(reference);
    for (size_t i = 0; i < reference.size(); ++i) {
      if (i != 2) sgd_step(settings[i])(reference[i], gradients[i], states[i], t, 0.01 * factors[i]);
    }
    model.set_gradients(1.0);
    optimizer->update(model.parameters(), t, 0.01, 1.0);
  }
  EXPECT_LT(relative_distance(model.values(), reference), 1e-6);
  EXPECT_EQ(model.values()[2], start[2]);
  EXPECT_NE(model.values()[0], start[0]);
}

}  // namespace
}  // namespace tessera::optim
