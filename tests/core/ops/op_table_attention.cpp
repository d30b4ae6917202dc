// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/ops/attention.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

struct Sizes {
  int64_t samples, queries, keys, heads, key_heads, width;
};

/// Where element c of row t of head h of sample s lies in an input.
struct Place {
  int64_t rows, all_heads, first_head, width;

  size_t operator()(int64_t s, int64_t t, int64_t h, int64_t c) const {
    return static_cast<size_t>(((s * rows + t) * all_heads + first_head + h) * width + c);
  }
};

struct Operand {
  const Numbers& numbers;
  Place place;
};

/// Attention as it is defined, in double precision.
Numbers attend(const Sizes& sizes, const ops::AttentionOptions& options, const Operand& q, const Operand& k, const Operand& v) {
  const double scale = options.scale.value_or(1.0 / std::sqrt(static_cast<double>(sizes.width)));
  Numbers out;
  for (int64_t s = 0; s < sizes.samples; ++s)
    for (int64_t t = 0; t < sizes.queries; ++t)
      for (int64_t h = 0; h < sizes.heads; ++h) {
        const int64_t key_head = h / (sizes.heads / sizes.key_heads);
        int64_t seen = options.lengths.defined() ? options.lengths.data<int64_t>()[s] : sizes.keys;
        if (options.causal) seen = std::min(seen, t + 1 + sizes.keys - sizes.queries);
        Numbers terms;
        double sum = 0.0;
        for (int64_t j = 0; j < seen; ++j) {
          double score = 0.0;
          for (int64_t c = 0; c < sizes.width; ++c) score += q.numbers[q.place(s, t, h, c)] * k.numbers[k.place(s, j, key_head, c)];
          terms.push_back(std::exp(score * scale));
          sum += terms.back();
        }
        for (int64_t c = 0; c < sizes.width; ++c) {
          double value = 0.0;
          for (int64_t j = 0; j < seen; ++j) value += terms[static_cast<size_t>(j)] / sum * v.numbers[v.place(s, j, key_head, c)];
          out.push_back(value);
        }
      }
  return out;
}

OpRow row(const std::string& name, const Sizes& sizes, const ops::AttentionOptions& options = {}) {
  const Shape q{sizes.samples, sizes.queries, sizes.heads, sizes.width}, k{sizes.samples, sizes.keys, sizes.key_heads, sizes.width};
  const Place queries{sizes.queries, sizes.heads, 0, sizes.width}, keys{sizes.keys, sizes.key_heads, 0, sizes.width};
  return {"attention " + name + " " + q.text() + k.text(),
          {{q, false, -2.0, 2.0}, {k, false, -2.0, 2.0}, {k}},
          [=](const std::vector<Variable>& in) { return ops::attention(in[0], in[1], in[2], options); },
          [=](const std::vector<Numbers>& in) { return attend(sizes, options, {in[0], queries}, {in[1], keys}, {in[2], keys}); }};
}

OpRow packed_row(const std::string& name, const Sizes& sizes, const ops::AttentionOptions& options = {}) {
  const int64_t all = sizes.heads + 2 * sizes.key_heads;
  const Place q{sizes.queries, all, 0, sizes.width}, k{sizes.keys, all, sizes.heads, sizes.width}, v{sizes.keys, all, sizes.heads + sizes.key_heads, sizes.width};
  const Shape shape{sizes.samples, sizes.queries, all * sizes.width};
  return {"self_attention " + name + " " + shape.text(),
          {{shape, false, -2.0, 2.0}},
          [=](const std::vector<Variable>& in) { return ops::self_attention(in[0], sizes.heads, sizes.key_heads, options); },
          [=](const std::vector<Numbers>& in) { return attend(sizes, options, {in[0], q}, {in[0], k}, {in[0], v}); }};
}

ops::AttentionOptions causal() { return {.causal = true}; }

ops::AttentionOptions with_lengths(const std::vector<int64_t>& lengths, bool causal) {
  return {.causal = causal, .lengths = Tensor::of<int64_t>(lengths, {static_cast<int64_t>(lengths.size())})};
}

}  // namespace

std::vector<OpRow> attention_rows() {
  std::vector<OpRow> rows;
  rows.push_back(row("all", {2, 5, 5, 2, 2, 4}));
  rows.push_back(row("one", {1, 1, 1, 1, 1, 1}));
  rows.push_back(row("more keys than queries", {1, 3, 70, 1, 1, 8}));
  rows.push_back(row("more queries than keys", {1, 100, 3, 2, 1, 8}));
  rows.push_back(row("causal", {1, 130, 130, 1, 1, 8}, causal()));
  rows.push_back(row("causal behind others", {2, 50, 120, 1, 1, 20}, causal()));
  rows.push_back(row("groups", {1, 49, 65, 4, 2, 8}));
  rows.push_back(row("lengths", {3, 7, 70, 2, 2, 16}, with_lengths({70, 1, 65}, false)));
  rows.push_back(row("causal lengths", {2, 66, 66, 2, 1, 5}, with_lengths({30, 66}, true)));
  rows.push_back(row("scaled", {1, 6, 6, 1, 1, 8}, {.scale = 2.0}));
  rows.push_back(row("no sample", {0, 3, 3, 1, 1, 4}));
  rows.push_back(row("no query", {2, 0, 3, 1, 1, 4}));
  rows.push_back(packed_row("causal", {2, 67, 67, 3, 3, 8}, causal()));
  rows.push_back(packed_row("groups", {1, 50, 50, 4, 1, 6}));
  return rows;
}

}  // namespace tessera::test
