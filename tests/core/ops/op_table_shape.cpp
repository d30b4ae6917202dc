// SPDX-License-Identifier: Apache-2.0
#include "core/ops/arithmetic.h"
#include "core/ops/movement.h"
#include "core/ops/shape.h"
#include "core/ops/view.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;
using Index = std::vector<int64_t>;

/// Multi-dim indices of a row-major tensor, in order.
std::vector<Index> indices_of(const Shape& shape) {
  std::vector<Index> all;
  for (int64_t i = 0; i < shape.elements(); ++i) {
    Index index(shape.dims());
    for (size_t dim = shape.dims(), rest = static_cast<size_t>(i); dim-- > 0; rest /= static_cast<size_t>(shape[dim])) {
      index[dim] = static_cast<int64_t>(rest % static_cast<size_t>(shape[dim]));
    }
    all.push_back(index);
  }
  return all;
}

double at(const Numbers& x, const Shape& shape, const Index& index) {
  int64_t place = 0;
  for (size_t dim = 0; dim < shape.dims(); ++dim) place = place * shape[dim] + index[dim];
  return x[static_cast<size_t>(place)];
}

/// An op of one input whose element `index` is the input's element from(index), or `fill` where that is not inside.
OpRow moved(const std::string& name, const OpInput& input, const Shape& out, std::function<Variable(const Variable&)> run, std::function<Index(Index)> from,
            double fill = 0.0) {
  const Shape shape = input.shape;
  return {name + " " + shape.text(), {input}, [=](const std::vector<Variable>& in) { return run(in[0]); },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            for (const Index& index : indices_of(out)) {
              const Index source = from(index);
              bool inside = true;
              for (size_t dim = 0; dim < shape.dims(); ++dim) inside = inside && source[dim] >= 0 && source[dim] < shape[dim];
              y.push_back(inside ? at(in[0], shape, source) : fill);
            }
            return y;
          }};
}

OpRow reshape_row(const std::string& name, const OpInput& input, std::function<Variable(const Variable&)> run) {
  return {name + " " + input.shape.text(), {input}, [=](const std::vector<Variable>& in) { return run(in[0]); },
          [](const std::vector<Numbers>& in) { return in[0]; }};
}

OpRow concatenate_row(const std::vector<OpInput>& inputs, size_t dim, const Shape& out) {
  std::string name = "concatenate over " + std::to_string(dim);
  for (const OpInput& input : inputs) name += " " + input.shape.text();
  return {name, inputs, [=](const std::vector<Variable>& in) { return ops::concatenate(in, static_cast<int64_t>(dim)); },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            for (Index index : indices_of(out)) {
              size_t part = 0;
              for (; index[dim] >= inputs[part].shape[dim]; ++part) index[dim] -= inputs[part].shape[dim];
              y.push_back(at(in[part], inputs[part].shape, index));
            }
            return y;
          }};
}

OpRow gather_row(const Shape& shape, size_t dim, const Index& rows) {
  Shape out = shape;
  out[dim] = static_cast<int64_t>(rows.size());
  return moved("gather of dim " + std::to_string(dim), {shape}, out,
               [=](const Variable& x) { return ops::gather(x, static_cast<int64_t>(dim), Tensor::of<int64_t>(rows, {static_cast<int64_t>(rows.size())})); },
               [=](Index index) {
                 index[dim] = rows[static_cast<size_t>(index[dim])];
                 return index;
               });
}

void add_views(std::vector<OpRow>& rows) {
  rows.push_back(reshape_row("flatten", {{2, 3, 4, 5}, true}, ops::flatten));
  rows.push_back(reshape_row("reshape", {{2, 3, 4, 5}, true}, [](const Variable& x) { return ops::reshape(x, {6, 20}); }));
  rows.push_back(reshape_row("reshape of pixels", {{2, 3, 4, 5}, true}, [](const Variable& x) { return ops::reshape(x, {2, 3, -1}); }));
  rows.push_back(reshape_row("reshape of a row", {{12}}, [](const Variable& x) { return ops::reshape(x, {1, 3, 1, 4}); }));
  rows.push_back(reshape_row("reshape of nothing", {{0, 4}}, [](const Variable& x) { return ops::reshape(x, {2, 0, 2}); }));
  for (const bool image : {false, true}) {
    rows.push_back(moved("permute", {{2, 3, 4, 5}, image}, {5, 2, 4, 3}, [](const Variable& x) { return ops::permute(x, {3, 0, -2, 1}); },
                         [](const Index& i) { return Index{i[1], i[3], i[2], i[0]}; }));
    rows.push_back(moved("slice of channels", {{2, 6, 3, 4}, image}, {2, 2, 3, 4}, [](const Variable& x) { return ops::slice(x, 1, 1, 5, 3); },
                         [](const Index& i) { return Index{i[0], 1 + 3 * i[1], i[2], i[3]}; }));
    rows.push_back(moved("slice of columns", {{2, 3, 4, 7}, image}, {2, 3, 4, 3}, [](const Variable& x) { return ops::slice(x, -1, 2, 7, 2); },
                         [](const Index& i) { return Index{i[0], i[1], i[2], 2 + 2 * i[3]}; }));
    rows.push_back(moved("pad image", {{2, 3, 4, 5}, image}, {2, 3, 7, 6}, [](const Variable& x) { return ops::pad(x, {{2, 1}, {0, 1}}, 0.5f); },
                         [](const Index& i) { return Index{i[0], i[1], i[2] - 2, i[3]}; }, 0.5));
  }
  rows.push_back(moved("transpose", {{3, 5}}, {5, 3}, [](const Variable& x) { return ops::transpose(x, 0, -1); }, [](const Index& i) { return Index{i[1], i[0]}; }));
  rows.push_back(moved("empty slice", {{3, 5}}, {3, 0}, [](const Variable& x) { return ops::slice(x, 1, 2, 2); }, [](const Index& i) { return i; }));
  rows.push_back(moved("expand", {{3, 1}}, {4, 3, 5}, [](const Variable& x) { return ops::expand(x, {4, 3, 5}); }, [](const Index& i) { return Index{i[1], 0}; }));
  rows.push_back(moved("pad channels", {{2, 3, 2, 2}, true}, {2, 6, 2, 2}, [](const Variable& x) { return ops::pad(x, {{1, 2}, {}, {}}); },
                       [](const Index& i) { return Index{i[0], i[1] - 1, i[2], i[3]}; }));
}

}  // namespace

std::vector<OpRow> shape_rows() {
  std::vector<OpRow> rows;
  add_views(rows);
  rows.push_back(concatenate_row({{{2, 3, 4, 5}, true}, {{2, 1, 4, 5}, true}, {{2, 17, 4, 5}}}, 1, {2, 21, 4, 5}));
  rows.push_back(concatenate_row({{{2, 3}}, {{0, 3}}, {{4, 3}}}, 0, {6, 3}));
  rows.push_back(concatenate_row({{{2, 3, 2}}, {{2, 3, 5}}}, 2, {2, 3, 7}));
  rows.push_back(concatenate_row({{{1, 1}}, {{1, 1}}, {{1, 1}}, {{1, 1}}, {{1, 1}}, {{1, 1}}}, 0, {6, 1}));
  rows.push_back({"stack [3, 4] [3, 4]", {{{3, 4}}, {{3, 4}}}, [](const auto& in) { return ops::stack(in, 1); }, [](const auto& in) {
                    Numbers y;
                    for (size_t r = 0; r < 3; ++r)
                      for (const Numbers& x : in) y.insert(y.end(), x.begin() + static_cast<ptrdiff_t>(4 * r), x.begin() + static_cast<ptrdiff_t>(4 * r + 4));
                    return y;
                  }});
  rows.push_back({"split and add [3, 8]", {{{3, 8}}},
                  [](const auto& in) {
                    const auto parts = ops::split(in[0], 1, {2, 4, 2});  // the middle is not used
                    return ops::subtract(parts[0], parts[2]);
                  },
                  [](const auto& in) {
                    Numbers y;
                    for (size_t r = 0; r < 3; ++r)
                      for (size_t c = 0; c < 2; ++c) y.push_back(in[0][8 * r + c] - in[0][8 * r + 6 + c]);
                    return y;
                  }});
  rows.push_back({"chunk and multiply [5, 3]", {{{5, 3}}},
                  [](const auto& in) {
                    const auto parts = ops::chunk(in[0], 0, 3);  // of 2, 2 and 1 rows
                    return ops::multiply(ops::multiply(parts[0], parts[1]), parts[2]);
                  },
                  [](const auto& in) {
                    Numbers y;
                    for (size_t i = 0; i < 6; ++i) y.push_back(in[0][i] * in[0][6 + i] * in[0][12 + i % 3]);
                    return y;
                  }});
  rows.push_back(gather_row({5, 7}, 0, {3, 1, 1, 4, 1}));
  rows.push_back(gather_row({4, 5, 3}, 1, {0, 4, 0}));
  rows.push_back(gather_row({2, 6}, 1, {5, 5, 5, 2, 0, 1, 3}));
  rows.push_back(gather_row({3, 600}, 0, {2, 2}));
  rows.push_back(gather_row({3, 2}, 0, {}));
  return rows;
}

}  // namespace tessera::test
