// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/loss.h"

#include <cmath>

#include "core/kernels/cpu/simd/exponentials.h"

TESSERA_ISA_BEGIN
namespace {

/// The distribution q of a row: `at_target` at the target, plus uniform * w[c] everywhere; `total` is their sum.
struct Distribution {
  double at_target, uniform, total;
};

/// What the rows of a call have in common.
struct Smoothing {
  double kept, uniform, uniform_total;
};

Smoothing smoothing_of(const CrossEntropyTargets& targets, int64_t classes) {
  const double smoothing = static_cast<double>(targets.smoothing), uniform = smoothing / static_cast<double>(classes);
  double weights = static_cast<double>(classes);
  if (targets.weights && smoothing > 0.0) {
    weights = 0.0;
    for (int64_t c = 0; c < classes; ++c) weights += static_cast<double>(targets.weights[c]);
  }
  return {1.0 - smoothing, uniform, uniform * weights};
}

Distribution distribution_of(const CrossEntropyTargets& targets, const Smoothing& smoothing, int64_t target) {
  const double weight = targets.weights ? static_cast<double>(targets.weights[target]) : 1.0;
  return {smoothing.kept * weight, smoothing.uniform, smoothing.kept * weight + smoothing.uniform_total};
}

/// 0 where a row counts nothing, so that it is passed over.
double row_weight(const CrossEntropyTargets& targets, int64_t row) {
  if (targets.classes[row] == targets.ignored) return 0.0;
  return targets.row_weights ? static_cast<double>(targets.row_weights[row]) : 1.0;
}

/// Sum of w[c] * (row[c] - largest).
double weighted_distances(const float* row, float largest, const float* weights, int64_t classes) {
  if (!weights) return row_sum(classes, [=](auto kind, int64_t c) { return load<decltype(kind)>(row + c) - largest; });
  return row_sum(classes, [=](auto kind, int64_t c) { return load<decltype(kind)>(weights + c) * (load<decltype(kind)>(row + c) - largest); });
}

/// The row's loss; its probabilities where asked.
double forward_row(const CrossEntropyForward& args, const Smoothing& smoothing, int64_t row) {
  const int64_t target = args.targets.classes[row], classes = args.classes;
  const float* logits = args.logits + row * classes;
  float* probabilities = args.probabilities ? args.probabilities + row * classes : nullptr;
  const double weight = row_weight(args.targets, row);
  if (weight == 0.0) return 0.0;
  const float largest = row_maximum(logits, classes);
  const Distribution q = distribution_of(args.targets, smoothing, target);
  double expected = q.at_target * (static_cast<double>(logits[target]) - static_cast<double>(largest));
  if (q.uniform > 0.0) expected += q.uniform * weighted_distances(logits, largest, args.targets.weights, classes);
  const double sum = exponentials(logits, largest, classes, probabilities);  // which may take the logits' place
  if (probabilities) {
    const auto scale = static_cast<float>(1.0 / sum);
#pragma GCC ivdep
    for (int64_t c = 0; c < classes; ++c) probabilities[c] *= scale;
  }
  return weight * (q.total * std::log(sum) - expected);
}

void cross_entropy_forward(const CrossEntropyForward& args) {
  const Smoothing smoothing = smoothing_of(args.targets, args.classes);
  *args.loss_sum = static_cast<float>(segmented_sum(args.rows, 1, args.classes, [&](int64_t begin, int64_t end) {
    double loss = 0.0;
    for (int64_t row = begin; row < end; ++row) loss += forward_row(args, smoothing, row);
    return loss;
  }));
}

void backward_row(const CrossEntropyBackward& args, const Smoothing& smoothing, int64_t row) {
  const int64_t target = args.targets.classes[row], classes = args.classes;
  const float *probabilities = args.probabilities + row * classes, *weights = args.targets.weights;
  float* dlogits = args.dlogits + row * classes;
  const double weight = row_weight(args.targets, row);
  if (weight == 0.0) {
    for (int64_t c = 0; c < classes; ++c) dlogits[c] = 0.0f;
    return;
  }
  const Distribution q = distribution_of(args.targets, smoothing, target);
  const auto total = static_cast<float>(q.total), uniform = static_cast<float>(q.uniform);
  const float scale = *args.scale * static_cast<float>(weight), factor = total * scale, taken = uniform * scale;
  const float probability = probabilities[target];
  if (uniform == 0.0f) {
#pragma GCC ivdep
    for (int64_t c = 0; c < classes; ++c) dlogits[c] = probabilities[c] * factor;
  } else {
#pragma GCC ivdep
    for (int64_t c = 0; c < classes; ++c) dlogits[c] = probabilities[c] * factor - (weights ? weights[c] * taken : taken);
  }
  const double at_target = q.at_target + q.uniform * (weights ? static_cast<double>(weights[target]) : 1.0);
  dlogits[target] = (probability * total - static_cast<float>(at_target)) * scale;
}

void cross_entropy_backward(const CrossEntropyBackward& args) {
  const Smoothing smoothing = smoothing_of(args.targets, args.classes);
  parallel_for(args.rows, args.classes, [&](int64_t row) { backward_row(args, smoothing, row); });
}

int64_t count_correct(const CountCorrect& args) {
  int64_t correct = 0;
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* logits = args.logits + row * args.classes;
    const int64_t target = args.targets[row];
    if (target < 0 || target >= args.classes) continue;
    int64_t before = 0;  // classes that are likelier, or as likely and come first
    for (int64_t c = 0; c < target; ++c) before += !(logits[c] < logits[target]);
    for (int64_t c = target + 1; c < args.classes; ++c) before += !(logits[c] <= logits[target]);
    correct += before < args.best;
  }
  return correct;
}

}  // namespace

LossKernels loss_kernels() { return {cross_entropy_forward, cross_entropy_backward, count_correct, element_loss_forward, element_loss_backward}; }

TESSERA_ISA_END
