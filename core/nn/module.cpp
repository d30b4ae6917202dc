// SPDX-License-Identifier: Apache-2.0
#include "core/nn/module.h"

#include "core/base/error.h"
#include "core/nn/recompute.h"
#include "core/ops/checks.h"

namespace tessera::nn {
namespace {

std::string join(const std::string& prefix, const std::string& name) { return prefix.empty() ? name : prefix + "." + name; }

/// An error that names its module already: modules around it leave it alone.
class ModuleError final : public Error {
 public:
  using Error::Error;
};

}  // namespace

Variable Parameter::factor(Precision precision) {
  if (precision == Precision::f32) return variable();
  if (rounded_version_ != value.storage()->version()) {
    const MemoryScope scope(MemoryCategory::parameters);
    if (!rounded_.defined()) rounded_ = Tensor::empty(shape);
    ops::round_into(value, precision, rounded_);
    rounded_.storage()->bump_version();
    rounded_version_ = value.storage()->version();
  }
  return Variable(rounded_, leaf);
}

Variable Module::operator()(const Variable& x, ForwardContext& context) {
  return run_pass([this](const Variable& input, ForwardContext& pass) { return forward(input, pass); }, x, context);
}

Variable Module::run_pass(const Pass& pass, const Variable& x, ForwardContext& context) {
  if (!block_ || !context.recomputes_blocks() || autograd::NoGrad::active()) return run_once(pass, x, context);
  std::vector<std::shared_ptr<autograd::Leaf>> leaves;
  for_each_parameter([&](Parameter& parameter) { leaves.push_back(parameter.leaf); });
  return recompute([this, pass](const Variable& input, ForwardContext& again) { return run_once(pass, input, again); }, x, std::move(leaves), context);
}

Variable Module::run_once(const Pass& pass, const Variable& x, ForwardContext& context) const {
  try {
    return checked(pass(x, context), context);
  } catch (const ModuleError&) {
    throw;
  } catch (const Error& error) {
    throw ModuleError(error.kind(), error.what(), (path_.empty() ? "the model" : "module '" + path_ + "'") + " (" + kind() + ")");
  }
}

Variable Module::checked(Variable output, const ForwardContext& context) const {
  if (!context.checking() || ops::all_finite(output.value())) return output;
  throw ModuleError(ErrorKind::runtime, "the output of module '" + path_ + "' (" + kind() + ", shape " + output.shape().text() + ") is not finite",
                    "step " + std::to_string(context.step()) + ", quantum " + std::to_string(context.quantum()),
                    "lower optimizer.learning_rate, set optimizer.clip_norm, or look at the data of this step");
}

Parameter& Module::add_parameter(const std::string& name, const Shape& shape, const Initialiser& initialiser) {
  parameters_.push_back(std::make_unique<Parameter>(name, shape, initialiser));
  return *parameters_.back();
}

Statistic& Module::add_statistic(const std::string& name, const Shape& shape, float initial, double momentum) {
  statistics_.push_back(std::make_unique<Statistic>(Statistic{name, shape, initial, static_cast<float>(momentum), {}, {}, false}));
  return *statistics_.back();
}

void Module::name_tree(const std::string& prefix) {
  path_ = prefix;
  for (auto& parameter : parameters_) parameter->name = join(prefix, parameter->name);
  for (auto& statistic : statistics_) statistic->name = join(prefix, statistic->name);
  for (auto& [name, child] : children_) child->name_tree(join(prefix, name));
}

void Module::for_each_module(const std::function<void(Module&)>& visit) {
  visit(*this);
  for (auto& [name, child] : children_) child->for_each_module(visit);
}

void Module::for_each_parameter(const std::function<void(Parameter&)>& visit) {
  for (auto& parameter : parameters_) visit(*parameter);
  for (auto& [name, child] : children_) child->for_each_parameter(visit);
}

void Module::for_each_statistic(const std::function<void(Statistic&)>& visit) {
  for (auto& statistic : statistics_) visit(*statistic);
  for (auto& [name, child] : children_) child->for_each_statistic(visit);
}

}  // namespace tessera::nn
