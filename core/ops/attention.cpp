// SPDX-License-Identifier: Apache-2.0
#include "core/ops/attention.h"

#include <cmath>
#include <string>

#include "core/base/error.h"
#include "core/base/flops.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

/// [B, rows, heads, D] each, any strides but the last.
struct Qkv {
  Tensor q, k, v;
};

template <typename Element>
Heads<Element> heads_of(const Tensor& x) {
  return {x.data<float>(), x.strides()[0], x.strides()[1], x.strides()[2]};
}

Tensor with_dense_heads(const Tensor& x) { return x.shape()[3] == 1 || x.strides()[3] == 1 ? x : contiguous(x); }

/// What both directions need of a call.
struct Call {
  AttentionGeometry geometry;
  AttentionDropout dropout;
  Tensor lengths;
  Precision precision;
};

/// A product of all queries with all keys they see, or with their values. Backward has four of them, beside the one that is computed anew.
double product_flops(const AttentionGeometry& g) {
  const auto queries = static_cast<double>(g.queries), keys = static_cast<double>(g.keys);
  const double pairs = g.causal ? queries * (keys - 0.5 * (queries - 1.0)) : queries * keys;
  return 2.0 * pairs * static_cast<double>(g.samples * g.heads * g.width);
}

class AttentionNode final : public autograd::Node {
 public:
  AttentionNode(bool packed, Qkv inputs, Call call, Tensor output, Tensor logarithms)
      : packed_(packed), inputs_(std::move(inputs)), call_(std::move(call)), output_(std::move(output)), logarithms_(std::move(logarithms)) {}

  const char* name() const override { return "attention"; }

  void backward(const Tensor& gradient) override {
    const Tensor dout = rounded(contiguous(gradient), call_.precision).reshape(output_.shape());
    if (!packed_) {
      Qkv gradients{Tensor::empty(inputs_.q.shape()), Tensor::empty(inputs_.k.shape()), Tensor::empty(inputs_.v.shape())};
      compute(dout, gradients);
      if (wants(2)) give(2, std::move(gradients.v));
      if (wants(1)) give(1, std::move(gradients.k));
      if (wants(0)) give(0, std::move(gradients.q));
      return;
    }
    const AttentionGeometry& geometry = call_.geometry;
    const int64_t rows = geometry.samples * geometry.queries, heads = geometry.heads + 2 * geometry.key_heads;
    const Tensor dqkv = Tensor::empty({geometry.samples, geometry.queries, heads, geometry.width});
    if (rows > 0) compute(dout, split(dqkv, geometry.heads, geometry.key_heads));
    give(0, dqkv.reshape({geometry.samples, geometry.queries, heads * geometry.width}));
  }

  /// Queries, keys and values of [B, T, H + 2 K, D].
  static Qkv split(const Tensor& qkv, int64_t heads, int64_t key_heads) {
    return {qkv.narrow(2, 0, heads), qkv.narrow(2, heads, key_heads), qkv.narrow(2, heads + key_heads, key_heads)};
  }

 private:
  void compute(const Tensor& dout, const Qkv& gradients) const {
    count_flops(4.0 * product_flops(call_.geometry));
    const AttentionKernels& kernels = kernels_for(dout.device()).attention;
    const Tensor scratch = Tensor::empty({kernels.backward_scratch(call_.geometry)});
    kernels.backward({call_.geometry, call_.dropout, call_.lengths.data<int64_t>(), heads_of<const float>(inputs_.q), heads_of<const float>(inputs_.k),
                      heads_of<const float>(inputs_.v), heads_of<const float>(output_), heads_of<const float>(dout), logarithms_.data<float>(),
                      heads_of<float>(gradients.q), heads_of<float>(gradients.k), heads_of<float>(gradients.v), scratch.data<float>()});
  }

  bool packed_;
  Qkv inputs_;
  Call call_;
  Tensor output_, logarithms_;
};

void check_lengths(const Tensor& lengths, int64_t samples, int64_t keys) {
  if (!lengths.defined()) return;
  if (lengths.dtype() != DType::i64 || lengths.shape() != Shape{samples}) {
    fail_shapes("attention", "lengths must be i64, one a sample", lengths.shape(), {samples});
  }
  for (int64_t sample = 0; sample < samples; ++sample) {
    const int64_t length = lengths.data<int64_t>()[sample];
    if (length >= 1 && length <= keys) continue;
    fail("attention", "length " + std::to_string(length) + " of sample " + std::to_string(sample) + " is outside 1.." + std::to_string(keys) + ", its keys");
  }
}

void check(const Qkv& inputs, const AttentionOptions& options) {
  for (const Tensor* input : {&inputs.q, &inputs.k, &inputs.v}) require_dims("attention", *input, 4, "inputs [samples, rows, heads, width]");
  const Shape &q = inputs.q.shape(), &k = inputs.k.shape();
  if (k != inputs.v.shape()) fail_shapes("attention", "keys and values differ", k, inputs.v.shape());
  if (q[0] != k[0] || q[3] != k[3]) fail_shapes("attention", "queries and keys differ in samples or width", q, k);
  if (k[2] == 0 || q[2] == 0 || q[2] % k[2] != 0) fail_shapes("attention", "the heads of the queries are no multiple of the keys'", q, k);
  if (k[1] == 0 || q[3] == 0) fail_shapes("attention", "there must be a key, and a width", q, k);
  if (options.causal && q[1] > k[1]) fail_shapes("attention", "causal attention needs a key for every query", q, k);
  if (options.scale && !(*options.scale > 0.0)) fail("attention", "the scale must be above 0");
  if (!(options.dropout >= 0.0f && options.dropout < 1.0f)) fail("attention", "dropout must be in [0, 1)");
  check_lengths(options.lengths, q[0], k[1]);
}

Call call_of(const Qkv& inputs, const AttentionOptions& options) {
  const Shape &q = inputs.q.shape(), &k = inputs.k.shape();
  const double scale = options.scale.value_or(1.0 / std::sqrt(static_cast<double>(q[3])));
  const DropoutKey& key = options.dropout_key;
  return {{q[0], q[1], k[1], q[2], k[2], q[3], options.causal, static_cast<float>(scale)},
          {options.dropout, key.key, key.step, key.quantum, key.use},
          options.lengths.defined() ? contiguous(options.lengths) : Tensor(),
          options.precision};
}

/// The result [B, T, H, D] and the logarithms that backward needs.
struct Result {
  Tensor output, logarithms;
};

Result compute(const Qkv& inputs, const Call& call) {
  const AttentionGeometry& geometry = call.geometry;
  count_flops(2.0 * product_flops(geometry));
  const Tensor output = Tensor::empty({geometry.samples, geometry.queries, geometry.heads, geometry.width});
  const Tensor logarithms = Tensor::empty({geometry.samples, geometry.heads, geometry.queries});
  const AttentionKernels& kernels = kernels_for(output.device()).attention;
  const Tensor scratch = Tensor::empty({kernels.forward_scratch(geometry)});
  kernels.forward({geometry, call.dropout, call.lengths.data<int64_t>(), heads_of<const float>(inputs.q), heads_of<const float>(inputs.k),
                   heads_of<const float>(inputs.v), heads_of<float>(output), logarithms.data<float>(), scratch.data<float>()});
  return {output, logarithms};
}

}  // namespace

Variable attention(const Variable& q, const Variable& k, const Variable& v, const AttentionOptions& options) {
  const Qkv given{q.value(), k.value(), v.value()};
  check(given, options);
  const auto factor = [&](const Tensor& x) { return options.precision == Precision::f32 ? with_dense_heads(x) : rounded(contiguous(x), options.precision); };
  const Qkv inputs{factor(given.q), factor(given.k), factor(given.v)};
  const Call call = call_of(inputs, options);
  const Result result = compute(inputs, call);
  return autograd::record<AttentionNode>(result.output, {&q, &k, &v}, false, inputs, call, result.output, result.logarithms);
}

Variable self_attention(const Variable& qkv, int64_t heads, int64_t key_heads, const AttentionOptions& options) {
  require_dims("attention", qkv.value(), 3, "an input [samples, rows, features]");
  const Shape& shape = qkv.shape();
  if (heads < 1 || key_heads < 1 || shape[2] % (heads + 2 * key_heads) != 0) {
    fail("attention", "features of the input " + shape.text() + " cannot be split into " + std::to_string(heads) + " heads of queries and " +
                          std::to_string(key_heads) + " of keys and of values");
  }
  const Tensor input = rounded(contiguous(qkv.value()), options.precision);
  const int64_t width = shape[2] / (heads + 2 * key_heads);
  const Qkv inputs = AttentionNode::split(input.reshape({shape[0], shape[1], heads + 2 * key_heads, width}), heads, key_heads);
  check(inputs, options);
  const Call call = call_of(inputs, options);
  const Result result = compute(inputs, call);
  return autograd::record<AttentionNode>(result.output.reshape({shape[0], shape[1], heads * width}), {&qkv}, true, inputs, call, result.output,
                                         result.logarithms);
}

}  // namespace tessera::ops
