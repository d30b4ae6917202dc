// SPDX-License-Identifier: Apache-2.0
#include "core/ops/linear_cross_entropy.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"
#include "core/ops/loss_targets.h"

namespace tessera::ops {
namespace {

/// Rows are taken together as far as their logits need no more than this: fewer would make the weight's gradient go through memory more often.
constexpr int64_t kLogitBytes = int64_t{128} << 20;

struct Sizes {
  int64_t rows, features, classes;
};

/// Undefined: not wanted.
struct Gradients {
  Tensor x, weight, bias;
};

class LinearCrossEntropyNode final : public autograd::Node {
 public:
  LinearCrossEntropyNode(float gradient, Gradients gradients) : gradient_(gradient), gradients_(std::move(gradients)) {}

  const char* name() const override { return "linear_cross_entropy"; }
  void backward(const Tensor& gradient) override {
    TESSERA_ASSERT(*gradient.data<float>() == gradient_, "linear_cross_entropy was told another gradient than backward brings");
    if (wants(2)) give(2, std::move(gradients_.bias));
    if (wants(1)) give(1, std::move(gradients_.weight));
    if (wants(0)) give(0, std::move(gradients_.x));
  }

 private:
  float gradient_;
  Gradients gradients_;
};

/// The pass over the rows.
class Pass {
 public:
  Pass(const Sizes& sizes, const LossTargets& targets, const LinearCrossEntropyOptions& options, Tensor x, Tensor weight, Tensor bias, Gradients gradients)
      : sizes_(sizes),
        targets_(targets),
        options_(options),
        x_(std::move(x)),
        weight_(std::move(weight)),
        bias_(std::move(bias)),
        gradients_(std::move(gradients)),
        kernels_(kernels_for(x_.device())) {}

  void run() {
    const int64_t most = std::max<int64_t>(1, kLogitBytes / (sizes_.classes * static_cast<int64_t>(sizeof(float))));
    const int64_t pieces = (sizes_.rows + most - 1) / most;
    if (pieces == 0) return clear();
    logits_ = Tensor::empty({(sizes_.rows + pieces - 1) / pieces, sizes_.classes});
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t begin = sizes_.rows * piece / pieces, end = sizes_.rows * (piece + 1) / pieces;
      find_loss(begin, end - begin);
      if (differentiates()) find_gradients(begin, end - begin);
    }
  }

  double loss() const { return loss_; }
  int64_t correct() const { return correct_; }

 private:
  bool differentiates() const { return gradients_.x.defined() || gradients_.weight.defined() || gradients_.bias.defined(); }

  void find_loss(int64_t first, int64_t rows) {
    float* logits = logits_.data<float>();
    kernels_.matmul.matmul({rows, sizes_.classes, sizes_.features, false, true, x_.data<float>() + first * sizes_.features, weight_.data<float>(), logits,
                            bias_.data<float>()});
    if (options_.count_correct) correct_ += kernels_.loss.count_correct({rows, sizes_.classes, logits, targets_.from(first).classes, 1});
    float loss = 0.0f;
    kernels_.loss.cross_entropy_forward({rows, sizes_.classes, logits, targets_.from(first), differentiates() ? logits : nullptr, &loss});
    loss_ += static_cast<double>(loss);
  }

  /// The logits are the rows' probabilities by now, and become their gradients.
  void find_gradients(int64_t first, int64_t rows) {
    float* dlogits = logits_.data<float>();
    const float* x = x_.data<float>() + first * sizes_.features;
    kernels_.loss.cross_entropy_backward({rows, sizes_.classes, dlogits, targets_.from(first), &options_.gradient, dlogits});
    if (gradients_.bias.defined()) add_bias_gradient(first, rows);
    if (options_.precision != Precision::f32) round_into(logits_.narrow(0, 0, rows), options_.precision, logits_.narrow(0, 0, rows));
    if (gradients_.weight.defined()) {
      kernels_.matmul.matmul({sizes_.classes, sizes_.features, rows, true, false, dlogits, x, gradients_.weight.data<float>(), nullptr, first > 0});
    }
    if (gradients_.x.defined()) {
      kernels_.matmul.matmul({rows, sizes_.features, sizes_.classes, false, false, dlogits, weight_.data<float>(),
                              gradients_.x.data<float>() + first * sizes_.features});
    }
  }

  void add_bias_gradient(int64_t first, int64_t rows) {
    float* dbias = gradients_.bias.data<float>();
    if (first == 0) return kernels_.matmul.column_sums({rows, sizes_.classes, logits_.data<float>(), dbias});
    const Tensor part = Tensor::empty({sizes_.classes});
    kernels_.matmul.column_sums({rows, sizes_.classes, logits_.data<float>(), part.data<float>()});
    kernels_.elementwise.add({sizes_.classes, dbias, part.data<float>(), dbias});
  }

  void clear() {
    for (const Tensor* gradient : {&gradients_.x, &gradients_.weight, &gradients_.bias}) {
      if (gradient->defined()) fill_zero(*gradient);
    }
  }

  Sizes sizes_;
  const LossTargets& targets_;
  const LinearCrossEntropyOptions& options_;
  Tensor x_, weight_, bias_;
  Gradients gradients_;
  const Kernels& kernels_;
  Tensor logits_;  // of some rows
  double loss_ = 0.0;
  int64_t correct_ = 0;
};

Sizes check(const Variable& x, const Variable& weight, const Variable& bias) {
  constexpr const char* kOp = "linear_cross_entropy";
  require_dims(kOp, x.value(), 2, "an input [rows, features]");
  require_dims(kOp, weight.value(), 2, "a weight [classes, features]");
  require_f32(kOp, x.value());
  if (x.shape()[1] != weight.shape()[1]) fail_shapes(kOp, "input features and weight do not fit", x.shape(), weight.shape());
  if (weight.shape()[0] == 0) fail(kOp, "needs at least one class");
  if (bias.defined() && bias.shape() != Shape{weight.shape()[0]}) fail_shapes(kOp, "bias and weight do not fit", bias.shape(), weight.shape());
  return {x.shape()[0], x.shape()[1], weight.shape()[0]};
}

Tensor early_target_of(const Variable& input) {
  return autograd::recording({&input}) ? input.node()->early_target(input.shape()) : Tensor();
}

}  // namespace

LinearLoss linear_cross_entropy(const Variable& x, const Variable& weight, const Variable& bias, const Tensor& targets,
                                const LinearCrossEntropyOptions& options) {
  const Sizes sizes = check(x, weight, bias);
  const LossTargets rows({sizes.rows}, sizes.classes, targets, options.loss);
  const Gradients gradients{early_target_of(x), early_target_of(weight), bias.defined() ? early_target_of(bias) : Tensor()};
  const Tensor shift = bias.defined() ? contiguous(bias.value()) : Tensor();
  Pass pass(sizes, rows, options, rounded(contiguous(x.value()), options.precision), contiguous(weight.value()), shift, gradients);
  pass.run();
  const Tensor loss = Tensor::empty({});
  *loss.data<float>() = static_cast<float>(pass.loss());
  return {{autograd::record<LinearCrossEntropyNode>(loss, {&x, &weight, &bias}, options.gradient, gradients), rows.weight()}, pass.correct()};
}

}  // namespace tessera::ops
