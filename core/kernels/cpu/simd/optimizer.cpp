// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/optimizer.h"

#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

void sgd_without_momentum(const SgdUpdate& args, int64_t begin, int64_t end) {
  const float rate = args.learning_rate, decay = args.weight_decay, scale = args.gradient_scale;
  const float* gradient = args.gradient;
  float* parameter = args.parameter;
#pragma GCC ivdep
  for (int64_t i = begin; i < end; ++i) parameter[i] -= rate * (gradient[i] * scale + decay * parameter[i]);
}

void sgd_with_momentum(const SgdUpdate& args, int64_t begin, int64_t end) {
  const float rate = args.learning_rate, momentum = args.momentum, decay = args.weight_decay, scale = args.gradient_scale;
  const float lookahead = args.nesterov ? momentum : 0.0f, direct = args.nesterov ? 1.0f : 0.0f, stored = args.nesterov ? 0.0f : 1.0f;
  const float* gradient = args.gradient;
  float *parameter = args.parameter, *velocity = args.velocity;
#pragma GCC ivdep
  for (int64_t i = begin; i < end; ++i) {
    const float g = gradient[i] * scale + decay * parameter[i];
    const float v = momentum * velocity[i] + g;
    velocity[i] = v;
    parameter[i] -= rate * (direct * g + lookahead * v + stored * v);
  }
}

void sgd(const SgdUpdate& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    if (args.velocity) {
      sgd_with_momentum(args, begin, end);
    } else {
      sgd_without_momentum(args, begin, end);
    }
  });
}

void adamw(const AdamWUpdate& args) {
  const float beta1 = args.beta1, beta2 = args.beta2, epsilon = args.epsilon, scale = args.gradient_scale;
  const float shrink = 1.0f - args.learning_rate * args.weight_decay;
  const float rate = args.learning_rate / args.correction1, root = args.correction2_root;
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const float* gradient = args.gradient;
    float *parameter = args.parameter, *first = args.first_moment, *second = args.second_moment;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      const float g = gradient[i] * scale;
      const float m = beta1 * first[i] + (1.0f - beta1) * g;
      const float v = beta2 * second[i] + (1.0f - beta2) * (g * g);
      first[i] = m;
      second[i] = v;
      parameter[i] = shrink * parameter[i] - rate * (m / (__builtin_sqrtf(v) / root + epsilon));
    }
  });
}

}  // namespace

OptimizerKernels optimizer_kernels() { return {sgd, adamw}; }

TESSERA_ISA_END
