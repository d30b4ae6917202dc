// SPDX-License-Identifier: Apache-2.0
// Cost of the tape: a step of a deep perceptron so narrow that hardly any arithmetic is left.
// Usage: tape_bench batch [layers] [width] [steps]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/autograd/engine.h"
#include "core/kernels/kernels.h"
#include "core/nn/flat_parameters.h"
#include "core/nn/layers.h"
#include "core/ops/loss.h"
#include "core/optim/optimizer.h"

namespace tessera {
namespace {

class Perceptron final : public nn::Module {
 public:
  Perceptron(int64_t layers, int64_t width) {
    for (int64_t i = 0; i < layers; ++i) layers_.push_back(&add(fmt::format("fc{}", i), std::make_unique<nn::Linear>(width, width)));
  }
  std::string kind() const override { return "Perceptron"; }

 private:
  nn::Variable forward(const nn::Variable& x, nn::ForwardContext& context) override {
    nn::Variable h = x;
    for (nn::Linear* layer : layers_) h = nn::activate(nn::Activation::relu, (*layer)(h, context));
    return h;
  }
  std::vector<nn::Linear*> layers_;
};

double step_s(nn::Module& model, nn::FlatParameters& parameters, optim::Optimizer& optimizer, const Tensor& x, const Tensor& targets, int64_t step) {
  const auto start = std::chrono::steady_clock::now();
  nn::ForwardContext context(true, 1, step, 0);
  const nn::Variable loss = ops::cross_entropy(model(nn::Variable(x), context), targets);
  autograd::Engine().backward(loss, parameters.leaves());
  optimizer.update(parameters, step, 0.01, 1.0);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void measure(int64_t batch, int64_t layers, int64_t width, int64_t steps) {
  Perceptron model(layers, width);
  nn::FlatParameters parameters(model, 1);
  const auto optimizer = optim::make_sgd({}, parameters);
  const Tensor x = Tensor::empty({batch, width}), targets = Tensor::zeros({batch}, DType::i64);
  for (int64_t i = 0; i < x.elements(); ++i) x.data<float>()[i] = static_cast<float>(i % 7) - 3.0f;
  std::vector<double> times;
  for (int64_t step = 1; step <= steps; ++step) times.push_back(step_s(model, parameters, *optimizer, x, targets, step));
  std::sort(times.begin(), times.end());
  const double ops = 2.0 * static_cast<double>(layers) + 1.0;
  const auto at = [&](size_t percent) { return times[times.size() * percent / 100] * 1e6; };
  fmt::print("batch {}: median {:.1f} us a step, {:.3f} us an op; p10 {:.1f} us, {:.3f} us an op\n", batch, at(50), at(50) / ops, at(10), at(10) / ops);
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print("usage: {} batch [layers] [width] [steps]\nprints the time of a training step, and of one op forward and backward\n", arguments[0]);
    return 2;
  }
  const auto number = [&](int place, int64_t otherwise) { return count > place ? std::strtoll(arguments[place], nullptr, 10) : otherwise; };
  tessera::set_kernel_threads(1);
  tessera::measure(number(1, 8), number(2, 100), number(3, 8), number(4, 2000));
  return 0;
}
