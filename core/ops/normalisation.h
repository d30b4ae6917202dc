// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"
#include "core/kernels/normalisation.h"

namespace tessera::ops {

using autograd::Variable;

/// Statistics of one training pass, [channels] each; written by batch_norm.
struct BatchStatistics {
  Tensor mean, unbiased_variance;
};

struct BatchNormOptions {
  double epsilon = 1e-5;
  float ceiling = kNoRelu;  ///< of a ReLU in the same pass
};

/// Normalises x [N, C, H, W] or [N, C] by the mean and variance over all but C of this very batch, then scales by weight [C], adds bias [C], the residual (like
/// x, or undefined), and applies ReLU where asked: one pass over memory each way (Ioffe and Szegedy, ICML 2015).
Variable batch_norm(const Variable& x, const Variable& weight, const Variable& bias, const Variable& residual,
                    const BatchNormOptions& options, const BatchStatistics& statistics);

/// The same with given mean and variance [C], for evaluation and for training with fixed statistics. One pass where nothing is recorded, else made of ops.
Variable batch_norm_apply(const Variable& x, const Variable& weight, const Variable& bias, const Variable& residual,
                          const BatchNormOptions& options, const Tensor& mean, const Tensor& variance);

/// Normalises x [.., D] over its last dims D by their own mean and variance (divided by their number), then scales by weight and adds bias, which have the shape
/// D; either may be undefined (1 and 0) (Ba, Kiros, Hinton 2016).
Variable layer_norm(const Variable& x, const Shape& normalised, const Variable& weight, const Variable& bias, double epsilon = 1e-5);

/// A sum and what a normalisation makes of it.
struct NormalisedSum {
  Variable sum, normalised;
};

/// layer_norm of x + residual, which are of the same shape, in the pass that adds them; backward adds the sum's other gradients in the pass
/// that finds its own.
NormalisedSum add_layer_norm(const Variable& x, const Variable& residual, const Shape& normalised, const Variable& weight, const Variable& bias,
                             double epsilon = 1e-5);

/// x / sqrt(mean of x^2 + epsilon) * weight over the last dim of x [.., D]; weight [D] or undefined (1) (Zhang and Sennrich, NeurIPS 2019).
Variable rms_norm(const Variable& x, const Variable& weight, double epsilon = 1e-5);
/// The same of x + residual, as add_layer_norm().
NormalisedSum add_rms_norm(const Variable& x, const Variable& residual, const Variable& weight, double epsilon = 1e-5);

/// Normalises x [N, C, ..] over each of `groups` equal runs of channels of each sample, then scales by weight [C] and adds bias [C]; either may be
/// undefined (1 and 0). groups = C is instance normalisation. Channels-last images; at most 16384 channels (Wu and He, ECCV 2018).
Variable group_norm(const Variable& x, int64_t groups, const Variable& weight, const Variable& bias, double epsilon = 1e-5);

struct ResponseNormOptions {
  int64_t window = 5;  ///< channels: c - window / 2 .. c + (window - 1) / 2
  double alpha = 1e-4, beta = 0.75, start = 1.0;
};

/// x / (start + alpha * the mean of x^2 over a window of channels)^beta for x [N, C, H, W] or [N, C]; the window's channels outside of x count as zeros
/// (Krizhevsky, Sutskever, Hinton, NIPS 2012; as PyTorch's).
Variable local_response_norm(const Variable& x, const ResponseNormOptions& options = {});

}  // namespace tessera::ops
