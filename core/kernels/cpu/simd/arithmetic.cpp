// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/arithmetic.h"

#include "core/kernels/cpu/simd/logarithm.h"
#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

struct Add {
  static float value(float a, float b) { return a + b; }
};
struct Subtract {
  static float value(float a, float b) { return a - b; }
};
struct Multiply {
  static float value(float a, float b) { return a * b; }
};
struct Divide {
  static float value(float a, float b) { return a / b; }
};

/// One run of the innermost loop.
template <typename Op>
inline void run_row(const BinaryAxis& axis, int64_t count, const float* a, const float* b, float* out) {
  if (axis.a == 1 && axis.b == 1) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) out[i] = Op::value(a[i], b[i]);
  } else if (axis.a == 1 && axis.b == 0) {
    const float value = *b;
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) out[i] = Op::value(a[i], value);
  } else if (axis.a == 0 && axis.b == 1) {
    const float value = *a;
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) out[i] = Op::value(value, b[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = Op::value(a[i * axis.a], b[i * axis.b]);
  }
}

/// Rows [begin, end) of the innermost loop, numbered as they lie in memory.
template <typename Op>
void run_rows(const Binary& args, int64_t begin, int64_t end) {
  const int64_t last = args.axis_count - 1, count = args.axes[last].size;
  int64_t index[Shape::kMaxDims] = {}, a = 0, b = 0;
  for (int64_t axis = last - 1, rest = begin; axis >= 0; --axis) {
    const BinaryAxis& loop = args.axes[axis];
    index[axis] = rest % loop.size;
    rest /= loop.size;
    a += index[axis] * loop.a;
    b += index[axis] * loop.b;
  }
  for (int64_t row = begin; row < end; ++row) {
    run_row<Op>(args.axes[last], count, args.a + a, args.b + b, args.out + row * count);
    for (int64_t axis = last - 1; axis >= 0; --axis) {
      const BinaryAxis& loop = args.axes[axis];
      a += loop.a;
      b += loop.b;
      if (++index[axis] < loop.size) break;
      index[axis] = 0;
      a -= loop.size * loop.a;
      b -= loop.size * loop.b;
    }
  }
}

template <typename Op>
void run_binary(const Binary& args) {
  const BinaryAxis& inner = args.axes[args.axis_count - 1];
  int64_t rows = 1;
  for (int64_t axis = 0; axis < args.axis_count - 1; ++axis) rows *= args.axes[axis].size;
  if (rows == 1) {
    parallel_ranges(inner.size, [&](int64_t begin, int64_t end) {
      run_row<Op>(inner, end - begin, args.a + begin * inner.a, args.b + begin * inner.b, args.out + begin);
    });
    return;
  }
  const int64_t group = inner.size < kBlockElements ? kBlockElements / inner.size : 1;  // rows
  parallel_for((rows + group - 1) / group, group * inner.size, [&](int64_t part) {
    const int64_t begin = part * group, end = begin + group;
    run_rows<Op>(args, begin, end < rows ? end : rows);
  });
}

void binary(BinaryOp op, const Binary& args) {
  switch (op) {
    case BinaryOp::add: return run_binary<Add>(args);
    case BinaryOp::subtract: return run_binary<Subtract>(args);
    case BinaryOp::multiply: return run_binary<Multiply>(args);
    case BinaryOp::divide: return run_binary<Divide>(args);
  }
}

// value(x, p, q) and grad(saved, dy, p, q). NaN passes through all of them.
struct Exp {
  static float value(float x, float, float) { return exp_f32(x); }
  static float grad(float y, float dy, float, float) { return dy * y; }
};
struct Log {
  static float value(float x, float, float) { return log_f32(x); }
  static float grad(float x, float dy, float, float) { return dy / x; }
};
struct Sqrt {
  static float value(float x, float, float) { return __builtin_sqrtf(x); }
  static float grad(float y, float dy, float, float) { return dy / (2.0f * y); }
};
struct Square {
  static float value(float x, float, float) { return x * x; }
  static float grad(float x, float dy, float, float) { return dy * (2.0f * x); }
};
struct Absolute {
  static float value(float x, float, float) { return __builtin_fabsf(x); }
  static float grad(float x, float dy, float, float) { return x > 0.0f ? dy : (x < 0.0f ? -dy : 0.0f); }
};
struct Clamp {
  static float value(float x, float p, float q) {
    const float raised = x < p ? p : x;
    return raised > q ? q : raised;
  }
  static float grad(float x, float dy, float p, float q) { return (x >= p) & (x <= q) ? dy : 0.0f; }
};
struct Affine {
  static float value(float x, float p, float q) { return p * x + q; }
};
struct Quotient {
  static float value(float x, float p, float) { return x / p; }
};
struct Reciprocal {
  static float value(float x, float p, float) { return p / x; }
  static float grad(float x, float dy, float p, float) { return -dy * (p / x) / x; }
};

template <typename Op>
void forward(const ScalarForward& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const float *x = args.x, p = args.p, q = args.q;
    float* y = args.y;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) y[i] = Op::value(x[i], p, q);
  });
}

template <typename Op>
void backward(const ScalarBackward& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const float *saved = args.saved, *dy = args.dy, p = args.p, q = args.q;
    float* dx = args.dx;
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) dx[i] = Op::grad(saved[i], dy[i], p, q);
  });
}

void scalar_forward(ScalarOp op, const ScalarForward& args) {
  switch (op) {
    case ScalarOp::exp: return forward<Exp>(args);
    case ScalarOp::log: return forward<Log>(args);
    case ScalarOp::sqrt: return forward<Sqrt>(args);
    case ScalarOp::square: return forward<Square>(args);
    case ScalarOp::absolute: return forward<Absolute>(args);
    case ScalarOp::clamp: return forward<Clamp>(args);
    case ScalarOp::reciprocal: return forward<Reciprocal>(args);
    case ScalarOp::affine: return forward<Affine>(args);
    case ScalarOp::quotient: return forward<Quotient>(args);
  }
}

void scalar_backward(ScalarOp op, const ScalarBackward& args) {
  switch (op) {
    case ScalarOp::exp: return backward<Exp>(args);
    case ScalarOp::log: return backward<Log>(args);
    case ScalarOp::sqrt: return backward<Sqrt>(args);
    case ScalarOp::square: return backward<Square>(args);
    case ScalarOp::absolute: return backward<Absolute>(args);
    case ScalarOp::clamp: return backward<Clamp>(args);
    case ScalarOp::reciprocal: return backward<Reciprocal>(args);
    case ScalarOp::affine:
    case ScalarOp::quotient: return;
  }
}

void fill(int64_t elements, float value, float* out) {
  parallel_ranges(elements, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = value;
  });
}

}  // namespace

ArithmeticKernels arithmetic_kernels() { return {binary, scalar_forward, scalar_backward, fill}; }

TESSERA_ISA_END
