// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// Softmax and cross-entropy in one pass. logits, probabilities: [rows, classes]; targets: [rows] in 0..classes-1.
struct CrossEntropyForward {
  int64_t rows, classes;
  const float* logits;
  const int64_t* targets;
  float* probabilities;  ///< nullptr: not needed
  float* loss_sum;       ///< one element: sum over rows, accumulated in f64 in row order
};

/// dlogits = (probabilities - one_hot(targets)) * scale.
struct CrossEntropyBackward {
  int64_t rows, classes;
  const float* probabilities;
  const int64_t* targets;
  const float* scale;  ///< one element: gradient of the loss sum
  float* dlogits;  ///< not the probabilities themselves
};

/// Rows whose largest logit (the first of equals) is the target's.
struct CountCorrect {
  int64_t rows, classes;
  const float* logits;
  const int64_t* targets;
};

struct LossKernels {
  void (*cross_entropy_forward)(const CrossEntropyForward&);
  void (*cross_entropy_backward)(const CrossEntropyBackward&);
  int64_t (*count_correct)(const CountCorrect&);
};

}  // namespace tessera
