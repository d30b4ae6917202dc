// SPDX-License-Identifier: Apache-2.0
#include "tests/pytorch/decision_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/kernels/kernels.h"

namespace tessera {
namespace {

struct Recording {
  Kernels kernels;  ///< that do the work
  std::vector<std::pair<std::string, Tensor>> decisions;
};

Recording* recording = nullptr;

/// Bytes of a new decision.
uint8_t* next_decision(int64_t elements) {
  const Tensor decision = Tensor::empty({elements}, DType::u8);
  recording->decisions.emplace_back(fmt::format("decision.{:05}", recording->decisions.size()), decision);
  return decision.data<uint8_t>();
}

/// Of a ReLU, by its results.
void record(int64_t elements, float ceiling, const float* y) {
  uint8_t* decision = next_decision(elements);
  for (int64_t i = 0; i < elements; ++i) decision[i] = y[i] >= ceiling ? 2 : y[i] > 0.0f ? 1 : 0;
}

void batch_norm_forward(const BatchNormForward& args) {
  recording->kernels.normalisation.batch_norm_forward(args);
  if (args.ceiling != kNoRelu) record(args.rows * args.channels, args.ceiling, args.y);
}

void batch_norm_apply(const BatchNormApply& args) {
  recording->kernels.normalisation.batch_norm_apply(args);
  if (args.ceiling != kNoRelu) record(args.rows * args.channels, args.ceiling, args.y);
}

void record(UnaryOp op, int64_t elements, const float* y) {
  if (op == UnaryOp::relu) record(elements, std::numeric_limits<float>::infinity(), y);
  if (op == UnaryOp::relu6) record(elements, 6.0f, y);
}

void unary_forward(UnaryOp op, const UnaryForward& args) {
  recording->kernels.elementwise.unary_forward(op, args);
  record(op, args.elements, args.y);
}

void bias_activation(const BiasActivation& args) {
  recording->kernels.matmul.bias_activation(args);
  record(args.op, args.rows * args.columns, args.y);
}

void max_forward(const MaxPoolForward& args) {
  recording->kernels.pooling.max_forward(args);
  const PoolingGeometry& g = args.geometry;
  const int64_t elements = g.batch * g.out_height * g.out_width * g.channels;
  std::copy_n(args.argmax, elements, next_decision(elements));
}

}  // namespace

DecisionRecorder::DecisionRecorder() {
  TESSERA_ASSERT(!recording, "decisions are recorded already");
  Kernels kernels = kernels_for(Device::cpu);
  recording = new Recording{kernels, {}};
  kernels.normalisation.batch_norm_forward = batch_norm_forward;
  kernels.normalisation.batch_norm_apply = batch_norm_apply;
  kernels.elementwise.unary_forward = unary_forward;
  kernels.matmul.bias_activation = bias_activation;
  kernels.pooling.max_forward = max_forward;
  replace_kernels(Device::cpu, kernels);
}

DecisionRecorder::~DecisionRecorder() {
  replace_kernels(Device::cpu, recording->kernels);
  delete recording;
  recording = nullptr;
}

std::vector<std::pair<std::string, Tensor>> DecisionRecorder::take() { return std::move(recording->decisions); }

}  // namespace tessera
