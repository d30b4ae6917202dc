// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/optimizer.h"

#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/cpu/simd/squares.h"

TESSERA_ISA_BEGIN
namespace {

/// body(range, begin, end) for the part [begin, end) of each range, over the kernel threads.
template <typename Body>
inline void parallel_update(const FlatUpdate& flat, Body body) {
  if (flat.range_count == 0) return;
  const int64_t origin = flat.ranges[0].begin;
  parallel_ranges(flat.ranges[flat.range_count - 1].end - origin, [&](int64_t piece_begin, int64_t piece_end) {
    for (int64_t r = 0; r < flat.range_count; ++r) {
      const UpdateRange& range = flat.ranges[r];
      const int64_t begin = range.begin < origin + piece_begin ? origin + piece_begin : range.begin;
      const int64_t end = range.end > origin + piece_end ? origin + piece_end : range.end;
      if (begin < end) body(range, begin, end);
    }
  });
}

/// What the settings of a range mean to an element: the share of the parameter in its gradient, and what is left of it.
struct Decay {
  Decay(const UpdateRange& range, bool decoupled)
      : coupled(decoupled ? 0.0f : range.weight_decay), shrink(decoupled ? 1.0f - range.learning_rate * range.weight_decay : 1.0f) {}
  float coupled, shrink;
};

void sgd_without_momentum(const SgdUpdate& args, const UpdateRange& range, int64_t begin, int64_t end) {
  const float rate = range.learning_rate, scale = args.flat.gradient_scale;
  const Decay decay(range, args.decoupled);
  const float* gradient = args.flat.gradient;
  float* parameter = args.flat.parameter;
#pragma GCC ivdep
  for (int64_t i = begin; i < end; ++i) {
    parameter[i] = decay.shrink * parameter[i] - rate * (gradient[i] * scale + decay.coupled * parameter[i]);
  }
}

void sgd_with_momentum(const SgdUpdate& args, const UpdateRange& range, int64_t begin, int64_t end) {
  const float rate = range.learning_rate, momentum = args.momentum, share = args.share, scale = args.flat.gradient_scale;
  const float lookahead = args.nesterov ? momentum : 0.0f, direct = args.nesterov ? 1.0f : 0.0f, stored = args.nesterov ? 0.0f : 1.0f;
  const Decay decay(range, args.decoupled);
  const float* gradient = args.flat.gradient;
  float *parameter = args.flat.parameter, *velocity = args.velocity;
#pragma GCC ivdep
  for (int64_t i = begin; i < end; ++i) {
    const float g = gradient[i] * scale + decay.coupled * parameter[i];
    const float v = momentum * velocity[i] + share * g;
    velocity[i] = v;
    parameter[i] = decay.shrink * parameter[i] - rate * (direct * g + lookahead * v + stored * v);
  }
}

void sgd(const SgdUpdate& args) {
  const auto update = args.velocity ? sgd_with_momentum : sgd_without_momentum;
  parallel_update(args.flat, [&](const UpdateRange& range, int64_t begin, int64_t end) { update(args, range, begin, end); });
}

void adam(const AdamUpdate& args) {
  const MovingShare moment1 = args.moment1, moment2 = args.moment2;
  const float epsilon = args.epsilon, scale = args.flat.gradient_scale, root = args.correction2_root;
  parallel_update(args.flat, [&](const UpdateRange& range, int64_t begin, int64_t end) {
    const Decay decay(range, args.decoupled);
    const float rate = range.learning_rate / args.correction1;
    const float* gradient = args.flat.gradient;
    float *parameter = args.flat.parameter, *first = args.first_moment, *second = args.second_moment;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      const float g = gradient[i] * scale + decay.coupled * parameter[i];
      const float m = moment1.kept * first[i] + moment1.fresh * g;
      const float v = moment2.kept * second[i] + moment2.fresh * (g * g);
      first[i] = m;
      second[i] = v;
      parameter[i] = decay.shrink * parameter[i] - rate * (m / (__builtin_sqrtf(v) / root + epsilon));
    }
  });
}

template <bool kMomentum, bool kCentred>
void rmsprop_range(const RmsPropUpdate& args, const UpdateRange& range, int64_t begin, int64_t end) {
  const float rate = range.learning_rate, decay = range.weight_decay, scale = args.flat.gradient_scale;
  const MovingShare alpha = args.alpha;
  const float epsilon = args.epsilon, momentum = args.momentum;
  const float* gradient = args.flat.gradient;
  float *parameter = args.flat.parameter, *second = args.second_moment, *velocity = args.velocity, *mean = args.mean;
#pragma GCC ivdep
  for (int64_t i = begin; i < end; ++i) {
    const float g = gradient[i] * scale + decay * parameter[i];
    const float s = alpha.kept * second[i] + alpha.fresh * (g * g);
    second[i] = s;
    float variance = s;
    if (kCentred) {
      const float m = alpha.kept * mean[i] + alpha.fresh * g;
      mean[i] = m;
      variance = s - m * m;
      variance = variance > 0.0f ? variance : 0.0f;  // rounding may leave it just below
    }
    float step = g / (__builtin_sqrtf(variance) + epsilon);
    if (kMomentum) {
      step = momentum * velocity[i] + step;
      velocity[i] = step;
    }
    parameter[i] -= rate * step;
  }
}

void rmsprop(const RmsPropUpdate& args) {
  const auto update = args.velocity ? (args.mean ? rmsprop_range<true, true> : rmsprop_range<true, false>)
                                    : (args.mean ? rmsprop_range<false, true> : rmsprop_range<false, false>);
  parallel_update(args.flat, [&](const UpdateRange& range, int64_t begin, int64_t end) { update(args, range, begin, end); });
}

void lars(const LarsUpdate& args) {
  const float momentum = args.momentum, scale = args.flat.gradient_scale;
  parallel_update(args.flat, [&](const UpdateRange& range, int64_t begin, int64_t end) {
    const float rate = range.learning_rate, decay = range.weight_decay;
    const float* gradient = args.flat.gradient;
    float *parameter = args.flat.parameter, *velocity = args.velocity;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      const float v = momentum * velocity[i] + rate * (gradient[i] * scale + decay * parameter[i]);
      velocity[i] = v;
      parameter[i] -= v;
    }
  });
}

struct LambDirection {
  explicit LambDirection(const LambUpdate& args, const UpdateRange& range)
      : correction(args.correction1), root(args.correction2_root), epsilon(args.epsilon), decay(range.weight_decay) {}
  float operator()(float m, float v, float p) const { return m / correction / (__builtin_sqrtf(v) / root + epsilon) + decay * p; }
  float correction, root, epsilon, decay;
};

/// Elements [begin, end), at most a block; writes their directions.
void lamb_block(const LambUpdate& args, const UpdateRange& range, int64_t begin, int64_t end, float* direction) {
  const MovingShare moment1 = args.moment1, moment2 = args.moment2;
  const float scale = args.flat.gradient_scale;
  const LambDirection direction_of(args, range);
  const float *gradient = args.flat.gradient, *parameter = args.flat.parameter;
  float *first = args.first_moment, *second = args.second_moment;
#pragma GCC ivdep
  for (int64_t i = begin; i < end; ++i) {
    const float g = gradient[i] * scale;
    const float m = moment1.kept * first[i] + moment1.fresh * g;
    const float v = moment2.kept * second[i] + moment2.fresh * (g * g);
    first[i] = m;
    second[i] = v;
    direction[i - begin] = direction_of(m, v, parameter[i]);
  }
}

void lamb_moments(const LambUpdate& args, const LambSquares& squares) {
  int64_t block_of_range = 0;
  for (int64_t r = 0; r < args.flat.range_count; ++r) {
    const UpdateRange& range = args.flat.ranges[r];
    const int64_t blocks = (range.end - range.begin + kSquaresBlockElements - 1) / kSquaresBlockElements;
    parallel_for(blocks, kSquaresBlockElements, [&](int64_t block) {
      float direction[kSquaresBlockElements];
      const int64_t begin = range.begin + block * kSquaresBlockElements;
      const int64_t end = begin + kSquaresBlockElements < range.end ? begin + kSquaresBlockElements : range.end;
      lamb_block(args, range, begin, end, direction);
      squares.parameter[block_of_range + block] = sum_of_squares(end - begin, args.flat.parameter + begin);
      squares.direction[block_of_range + block] = sum_of_squares(end - begin, direction);
    });
    block_of_range += blocks;
  }
}

void lamb_step(const LambUpdate& args) {
  parallel_update(args.flat, [&](const UpdateRange& range, int64_t begin, int64_t end) {
    const LambDirection direction_of(args, range);
    const float rate = range.learning_rate;
    const float *first = args.first_moment, *second = args.second_moment;
    float* parameter = args.flat.parameter;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) parameter[i] -= rate * direction_of(first[i], second[i], parameter[i]);
  });
}

void average(const AverageUpdate& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const MovingShare share = args.share;
    const float* parameter = args.parameter;
    float* out = args.average;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) out[i] = share.kept * out[i] + share.fresh * parameter[i];
  });
}

}  // namespace

OptimizerKernels optimizer_kernels() { return {sgd, adam, rmsprop, lars, lamb_moments, lamb_step, average}; }

TESSERA_ISA_END
