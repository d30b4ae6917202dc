// SPDX-License-Identifier: Apache-2.0
#include "core/ops/embedding.h"

#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

class EmbeddingNode final : public autograd::Node {
 public:
  EmbeddingNode(Tensor ids, const Shape& table, int64_t skipped) : ids_(std::move(ids)), table_(table), skipped_(skipped) {}

  const char* name() const override { return "embedding"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient);
    Tensor dtable = accumulator(0, table_);  // beside the ids' rows nothing is touched: a table that other ops use too is not gone through again
    kernels_for(dtable.device())
        .embedding.backward({ids_.elements(), table_[0], table_[1], ids_.data<int64_t>(), skipped_, dy.data<float>(), dtable.data<float>()});
    give(0, std::move(dtable));
  }

 private:
  Tensor ids_;
  Shape table_;
  int64_t skipped_;
};

void check(const Tensor& ids, const Tensor& table, int64_t padding) {
  require_dims("embedding", table, 2, "a table [ids, features]");
  if (ids.dtype() != DType::i64) throw Error(ErrorKind::usage, "embedding needs ids i64, not " + std::string(name_of(ids.dtype())));
  if (ids.shape().dims() == Shape::kMaxDims) throw Error(ErrorKind::usage, "embedding has no room for another dim behind ids " + ids.shape().text());
  const int64_t rows = table.shape()[0];
  if (padding < -1 || padding >= rows) {
    throw Error(ErrorKind::usage, "embedding: padding id " + std::to_string(padding) + " is outside the table " + table.shape().text());
  }
  const int64_t* id = ids.data<int64_t>();
  for (int64_t i = 0; i < ids.elements(); ++i) {
    if (id[i] >= 0 && id[i] < rows) continue;
    throw Error(ErrorKind::data, "embedding: id " + std::to_string(id[i]) + " at place " + std::to_string(i) + " of " + ids.shape().text() +
                                     " is outside 0.." + std::to_string(rows - 1) + ", the rows of the table " + table.shape().text(),
                {}, "the model needs as many rows as the data has ids");
  }
}

Shape with_features(const Shape& ids, int64_t features) {
  int64_t dims[Shape::kMaxDims];
  for (size_t dim = 0; dim < ids.dims(); ++dim) dims[dim] = ids[dim];
  dims[ids.dims()] = features;
  return Shape(std::span<const int64_t>(dims, ids.dims() + 1));
}

}  // namespace

Variable embedding(const Tensor& ids, const Variable& table, std::optional<int64_t> padding) {
  const Tensor rows = contiguous(table.value()), places = contiguous(ids);
  check(places, rows, padding.value_or(-1));
  const Shape& shape = rows.shape();
  const Tensor output = Tensor::empty(with_features(places.shape(), shape[1]));
  kernels_for(output.device())
      .embedding.forward({places.elements(), shape[0], shape[1], places.data<int64_t>(), rows.data<float>(), output.data<float>()});
  return autograd::record<EmbeddingNode>(output, {&table}, places, shape, padding.value_or(-1));
}

}  // namespace tessera::ops
