// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/simd/math.h"
#include "core/kernels/cpu/simd/row.h"
#include "core/kernels/loss.h"

TESSERA_ISA_BEGIN
namespace {

/// What an element's loss depends on besides x and its target.
struct Shared {
  float positive, beta;
};

// A loss is a functor pair: value and its derivative by x.
struct Binary {
  static float value(float x, float t, Shared s) {
    const float both = log1p_f32(exp_f32(-__builtin_fabsf(x)));  // log(1 + exp(x)) is max(x, 0) + both, log(1 + exp(-x)) is max(-x, 0) + both
    return (1.0f - t) * (select(x > 0.0f, x, 0.0f) + both) + s.positive * t * (select(x < 0.0f, -x, 0.0f) + both);
  }
  static float grad(float x, float t, Shared s) { return (1.0f - t) * sigmoid_f32(x) - s.positive * t * sigmoid_f32(-x); }
};

struct Squared {
  static float value(float x, float t, Shared) { return (x - t) * (x - t); }
  static float grad(float x, float t, Shared) { return 2.0f * (x - t); }
};

struct Absolute {
  static float value(float x, float t, Shared) { return __builtin_fabsf(x - t); }
  static float grad(float x, float t, Shared) {
    const float difference = x - t;
    return select(difference > 0.0f, 1.0f, select(difference < 0.0f, -1.0f, difference));  // 0, or NaN
  }
};

struct Smooth {
  static float value(float x, float t, Shared s) {
    const float distance = __builtin_fabsf(x - t);
    return select(distance < s.beta, 0.5f * distance * distance / s.beta, distance - 0.5f * s.beta);
  }
  static float grad(float x, float t, Shared s) {
    const float difference = x - t;
    return select(__builtin_fabsf(difference) < s.beta, difference / s.beta, Absolute::grad(x, t, s));
  }
};

/// The weights of positive targets for a block of elements.
class Positive {
 public:
  Positive(const float* weights, int64_t columns) : weights_(weights), columns_(columns) {
    if (!weights) {
      for (float& value : values_) value = 1.0f;
    }
  }

  const float* of(int64_t begin, int64_t count) {
    if (!weights_) return values_;
    int64_t column = begin % columns_;
    for (int64_t i = 0; i < count; ++i) {
      values_[i] = weights_[column];
      column = column + 1 == columns_ ? 0 : column + 1;
    }
    return values_;
  }

 private:
  const float* weights_;
  int64_t columns_;
  float values_[kRowBlock];
};

template <typename Loss>
double range_sum(const ElementLossForward& args, int64_t begin, int64_t end) {
  Positive positive(args.positive, args.columns);
  float terms[kRowBlock];
  double sum = 0.0;
  for (int64_t start = begin; start < end; start += kRowBlock) {
    const int64_t count = start + kRowBlock < end ? kRowBlock : end - start;
    const float *x = args.x + start, *targets = args.targets + start, *weights = positive.of(start, count);
    const float beta = args.beta;
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) terms[i] = Loss::value(x[i], targets[i], {weights[i], beta});
    sum += row_sum(terms, count);
  }
  return sum;
}

template <typename Loss>
void forward(const ElementLossForward& args) {
  const auto body = [&](int64_t begin, int64_t end) { return range_sum<Loss>(args, begin, end); };
  *args.loss_sum = static_cast<float>(segmented_sum(args.elements, kRowBlock, 1, body));
}

template <typename Loss>
void backward(const ElementLossBackward& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    Positive positive(args.positive, args.columns);
    for (int64_t start = begin; start < end; start += kRowBlock) {
      const int64_t count = start + kRowBlock < end ? kRowBlock : end - start;
      const float *x = args.x + start, *targets = args.targets + start, *weights = positive.of(start, count);
      const float scale = *args.scale, beta = args.beta;
      float* dx = args.dx + start;
#pragma GCC ivdep
      for (int64_t i = 0; i < count; ++i) dx[i] = Loss::grad(x[i], targets[i], {weights[i], beta}) * scale;
    }
  });
}

/// body(functor) for the functor of `loss`.
template <typename Body>
void with_functor(ElementLoss loss, Body body) {
  switch (loss) {
    case ElementLoss::binary: return body(Binary());
    case ElementLoss::squared: return body(Squared());
    case ElementLoss::absolute: return body(Absolute());
    case ElementLoss::smooth: return body(Smooth());
  }
}

}  // namespace

void element_loss_forward(ElementLoss loss, const ElementLossForward& args) {
  with_functor(loss, [&](auto functor) { forward<decltype(functor)>(args); });
}

void element_loss_backward(ElementLoss loss, const ElementLossBackward& args) {
  with_functor(loss, [&](auto functor) { backward<decltype(functor)>(args); });
}

TESSERA_ISA_END
