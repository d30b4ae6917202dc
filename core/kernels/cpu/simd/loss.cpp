// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/loss.h"

#include <cmath>

#include "core/kernels/cpu/simd/math.h"
#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

float row_maximum(const float* row, int64_t classes) {
  float largest = row[0];
  for (int64_t c = 1; c < classes; ++c) largest = row[c] > largest ? row[c] : largest;
  return largest;
}

/// Sum of exp(row - largest) in a fixed order: eight interleaved partial sums, then those in order. Keeps the terms where asked.
float exponential_sum(const float* row, float largest, int64_t classes, float* keep) {
  float partial[8] = {};
  for (int64_t c = 0; c < classes; ++c) {
    const float term = exp_f32(row[c] - largest);
    if (keep) keep[c] = term;
    partial[c % 8] += term;
  }
  float total = 0.0f;
  for (float value : partial) total += value;
  return total;
}

void cross_entropy_forward(const CrossEntropyForward& args) {
  double loss = 0.0;
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* logits = args.logits + row * args.classes;
    float* probabilities = args.probabilities ? args.probabilities + row * args.classes : nullptr;
    const float largest = row_maximum(logits, args.classes);
    const float sum = exponential_sum(logits, largest, args.classes, probabilities);
    loss += std::log(static_cast<double>(sum)) + static_cast<double>(largest) - static_cast<double>(logits[args.targets[row]]);
    if (probabilities) {
      const float scale = 1.0f / sum;
      for (int64_t c = 0; c < args.classes; ++c) probabilities[c] *= scale;
    }
  }
  *args.loss_sum = static_cast<float>(loss);
}

void cross_entropy_backward(const CrossEntropyBackward& args) {
  const float scale = *args.scale;
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* probabilities = args.probabilities + row * args.classes;
    float* dlogits = args.dlogits + row * args.classes;
#pragma GCC ivdep
    for (int64_t c = 0; c < args.classes; ++c) dlogits[c] = probabilities[c] * scale;
    dlogits[args.targets[row]] = (probabilities[args.targets[row]] - 1.0f) * scale;
  }
}

int64_t count_correct(const CountCorrect& args) {
  int64_t correct = 0;
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* logits = args.logits + row * args.classes;
    int64_t best = 0;
    for (int64_t c = 1; c < args.classes; ++c) best = logits[c] > logits[best] ? c : best;
    correct += best == args.targets[row];
  }
  return correct;
}

}  // namespace

LossKernels loss_kernels() { return {cross_entropy_forward, cross_entropy_backward, count_correct}; }

TESSERA_ISA_END
