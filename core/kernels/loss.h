// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// What a row's target distribution q is made of: (1 - smoothing) * w[target] at the target, plus smoothing / classes * w[c] at every class c. The
/// loss of a row is -sum(q * log_softmax(logits)), times the row's weight.
struct CrossEntropyTargets {
  const int64_t* classes;  ///< [rows], in 0..classes-1 or `ignored`
  int64_t ignored;         ///< rows with this target count nothing; outside of 0..classes-1
  float smoothing;         ///< in [0, 1)
  const float* weights;    ///< w [classes]; nullptr: all 1
  const float* row_weights = nullptr;  ///< [rows]; nullptr: all 1; the target of a row of weight 0 is not looked at
};

/// Softmax and cross-entropy in one pass. logits, probabilities: [rows, classes].
struct CrossEntropyForward {
  int64_t rows, classes;
  const float* logits;
  CrossEntropyTargets targets;
  float* probabilities;  ///< may be the logits; nullptr: not needed
  float* loss_sum;       ///< one element: sum over rows, in f64
};

/// dlogits = (probabilities * sum(q) - q) * scale.
struct CrossEntropyBackward {
  int64_t rows, classes;
  const float* probabilities;
  CrossEntropyTargets targets;
  const float* scale;  ///< one element: gradient of the loss sum
  float* dlogits;      ///< may be the probabilities
};

/// Rows whose largest logit (the first of equals) is the target's.
struct CountCorrect {
  int64_t rows, classes;
  const float* logits;
  const int64_t* targets;  ///< one outside 0..classes-1 is never correct
  int64_t best;            ///< a row is correct where its target is among so many largest logits, the first of equals first
};

/// Losses of an element x and its target t:
///   binary   log(1 + exp(-x)) * positive * t + log(1 + exp(x)) * (1 - t), x being a logit, positive the weight of its column
///   squared  (x - t)^2
///   absolute |x - t|
///   smooth   (x - t)^2 / (2 beta) where |x - t| < beta, |x - t| - beta / 2 elsewhere (Girshick, ICCV 2015)
enum class ElementLoss : uint8_t { binary, squared, absolute, smooth };

struct ElementLossForward {
  int64_t elements, columns;
  const float* x;
  const float* targets;
  const float* positive;  ///< [columns] of the binary loss; nullptr: all 1
  float beta;             ///< of the smooth loss; > 0
  float* loss_sum;        ///< one element, out
};

struct ElementLossBackward {
  int64_t elements, columns;
  const float* x;
  const float* targets;
  const float* positive;
  float beta;
  const float* scale;  ///< one element: gradient of the loss sum
  float* dx;
};

struct LossKernels {
  void (*cross_entropy_forward)(const CrossEntropyForward&);
  void (*cross_entropy_backward)(const CrossEntropyBackward&);
  int64_t (*count_correct)(const CountCorrect&);
  void (*element_forward)(ElementLoss, const ElementLossForward&);
  void (*element_backward)(ElementLoss, const ElementLossBackward&);
};

}  // namespace tessera
