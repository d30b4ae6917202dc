// SPDX-License-Identifier: Apache-2.0
// Optimizer updates: one pass over the flat buffers each, whatever the parameter groups. `gradient_scale` (clipping over the sum of weights) multiplies the
// summed gradient first, giving g below; p is the parameter. An element's result does not depend on its place in a range.
#pragma once

#include <cstdint>

namespace tessera {

/// Elements [begin, end) of the flat buffers, which share these settings.
struct UpdateRange {
  int64_t begin, end;
  float learning_rate, weight_decay;
};

/// What every update reads and writes. Ranges ascend and do not overlap; elements outside of them are left alone.
struct FlatUpdate {
  const UpdateRange* ranges;
  int64_t range_count;
  float gradient_scale;
  const float* gradient;
  float* parameter;
};

/// Stochastic gradient descent as in PyTorch: g += decay * p; v = momentum * v + share * g; p -= rate * (nesterov ? g + momentum * v : v).
/// `decoupled` decay shrinks p by rate * decay instead.
struct SgdUpdate {
  FlatUpdate flat;
  float momentum;
  float share;  ///< of the gradient in the velocity: 1, or 1 - dampening after the first update
  bool nesterov, decoupled;
  float* velocity;  ///< nullptr where momentum is 0
};

/// An exponential mean, kept * mean + fresh * value. Both are rounded from f64: 1 - 0.999f is 1.3e-5 off 0.001, and squared gradients would be off by as much.
struct MovingShare {
  float kept, fresh;
  static MovingShare of(double decay) { return {static_cast<float>(decay), static_cast<float>(1.0 - decay)}; }
};

/// Adam (Kingma and Ba, ICLR 2015) with decay added to the gradient, or `decoupled` as in AdamW (Loshchilov and Hutter, "Decoupled weight decay
/// regularization", ICLR 2019).
struct AdamUpdate {
  FlatUpdate flat;
  MovingShare moment1, moment2;
  float epsilon;
  float correction1, correction2_root;  ///< 1 - beta1^t and sqrt(1 - beta2^t)
  bool decoupled;
  float* first_moment;
  float* second_moment;
};

/// RMSProp (Tieleman and Hinton 2012; centred: Graves 2013) as in PyTorch: g += decay * p; s = alpha * s + (1 - alpha) * g^2;
/// d = g / (sqrt(s - mean^2) + epsilon); v = momentum * v + d; p -= rate * v.
struct RmsPropUpdate {
  FlatUpdate flat;
  MovingShare alpha;
  float epsilon, momentum;
  float* second_moment;
  float* velocity;  ///< nullptr where momentum is 0
  float* mean;      ///< of the gradient; nullptr where not centred
};

/// LARS (You, Gitman, Ginsburg, "Large batch training of convolutional networks", 2017), algorithm 1: v = momentum * v + rate * (g + decay * p); p -= v. The
/// range of a tensor has its trust ratio in its rate.
struct LarsUpdate {
  FlatUpdate flat;
  float momentum;
  float* velocity;
};

/// LAMB (You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", ICLR 2020), algorithm 2: Adam's moments, then
/// p -= rate * r with the direction r = m / correction1 / (sqrt(v) / correction2_root + epsilon) + decay * p.
struct LambUpdate {
  FlatUpdate flat;  ///< a range is a tensor; for the step it has its trust ratio in its rate
  MovingShare moment1, moment2;
  float epsilon;
  float correction1, correction2_root;
  float* first_moment;
  float* second_moment;
};

/// Sums of squares are of blocks of so many elements, counted from a tensor's first.
inline constexpr int64_t kSquaresBlockElements = 4096;

/// The sums of squares of the parameters and directions of each block, range after range.
struct LambSquares {
  double* parameter;
  double* direction;
};

/// The exponential mean of parameters.
struct AverageUpdate {
  int64_t elements;
  MovingShare share;
  const float* parameter;
  float* average;
};

struct OptimizerKernels {
  void (*sgd)(const SgdUpdate&);
  void (*adam)(const AdamUpdate&);
  void (*rmsprop)(const RmsPropUpdate&);
  void (*lars)(const LarsUpdate&);
  void (*lamb_moments)(const LambUpdate&, const LambSquares&);  ///< updates the moments
  void (*lamb_step)(const LambUpdate&);                         ///< moves the parameters along the direction that the moments give
  void (*average)(const AverageUpdate&);
};

}  // namespace tessera
