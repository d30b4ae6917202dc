// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/autograd/leaf.h"
#include "core/autograd/variable.h"
#include "core/nn/initialiser.h"
#include "core/ops/precision.h"

namespace tessera::nn {

using autograd::Variable;
using ops::Precision;

/// A trained tensor. Has memory only once its model is laid out in flat buffers (FlatParameters).
struct Parameter {
  Parameter(std::string full_name, const Shape& its_shape, const Initialiser& start) : name(std::move(full_name)), shape(its_shape), initialiser(start) {}

  std::string name;  ///< full name, as in "features.0.weight"
  Shape shape;
  Initialiser initialiser;
  Tensor value;                          ///< a view into the flat parameter buffer
  std::shared_ptr<autograd::Leaf> leaf;  ///< its end of the tape; null where it is fixed (FlatParameters::fix)

  Variable variable() const { return Variable(value, leaf); }
  /// As a factor of products in `precision`: in bf16 a rounded copy, made anew when the value has changed (once an update), whose gradient is the value's.
  Variable factor(Precision precision);

 private:
  Tensor rounded_;
  uint64_t rounded_version_ = 0;  // of the value's storage
};

/// A running mean that a module keeps of something it sees in training (batch norm's statistics). Every quantum leaves a sample; after
/// the step the samples' mean over all quanta of all ranks moves the running value: value += momentum * (mean - value).
struct Statistic {
  std::string name;  ///< full name, as in "bn1.running_mean"
  Shape shape;
  float initial = 0.0f;
  float momentum = 0.1f;
  Tensor value;   ///< the running mean: a view into the flat parameter buffer
  Tensor sample;  ///< this quantum's: a view into the flat gradient buffer
  bool fixed = false;  ///< it never moves, and is what training uses, too
};

class Module;

/// What a head beside a model's own says of the same batch; its loss counts `weight` times.
struct AuxiliaryOutput {
  Variable output;
  float weight;
};

/// What one forward pass runs for; the keys of its random numbers.
class ForwardContext {
 public:
  ForwardContext(bool training, uint64_t seed, int64_t step, int64_t quantum, Precision precision = Precision::f32)
      : training_(training), precision_(precision), seed_(seed), step_(step), quantum_(quantum) {}

  bool training() const { return training_; }
  /// Of matrix products and convolutions.
  Precision precision() const { return precision_; }
  uint64_t seed() const { return seed_; }
  int64_t step() const { return step_; }
  int64_t quantum() const { return quantum_; }
  /// Diagnosis: every module's output is checked, and the first that is not finite throws Error(runtime) naming it.
  void check_outputs() { checking_ = true; }
  bool checking() const { return checking_; }

  /// Backward computes anew what blocks (Module::mark_block) need, instead of keeping it.
  void recompute_blocks() { recomputing_blocks_ = true; }
  bool recomputes_blocks() const { return recomputing_blocks_; }
  /// For the second pass through a block: what the first left behind besides its output is there already.
  void repeat() { recomputing_blocks_ = false, repeating_ = true; }
  bool repeats() const { return repeating_; }

  /// How often this module has asked before in this pass: a module used twice draws other numbers.
  uint32_t next_use(const Module& module) { return uses_[&module]++; }

  /// For models with further heads, in training: the task adds their losses to that of the model's own output.
  void add_auxiliary(Variable output, float weight) { auxiliary_.push_back({std::move(output), weight}); }
  const std::vector<AuxiliaryOutput>& auxiliary() const { return auxiliary_; }

 private:
  bool training_;
  Precision precision_;
  uint64_t seed_;
  int64_t step_, quantum_;
  bool checking_ = false, recomputing_blocks_ = false, repeating_ = false;
  std::unordered_map<const Module*, uint32_t> uses_;
  std::vector<AuxiliaryOutput> auxiliary_;
};

/// A layer or a model. Children and parameters are registered under the names that torchvision gives them.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Runs forward() and what surrounds every module's pass. Errors say in which module they happened.
  Variable operator()(const Variable& x, ForwardContext& context);
  /// One word for listings: "Conv2d".
  virtual std::string kind() const = 0;

  /// Backward may compute this module's inner results anew (`memory.recompute: block`); models mark their repeated blocks.
  void mark_block() { block_ = true; }

  /// Full name within the model; set by name_tree().
  const std::string& path() const { return path_; }
  /// Gives every module and parameter below its full name. Called once by whoever owns the root.
  void name_tree(const std::string& prefix = {});

  /// In order of registration, depth first: this module, its own parameters, then its children.
  void for_each_module(const std::function<void(Module&)>& visit);
  void for_each_parameter(const std::function<void(Parameter&)>& visit);
  void for_each_statistic(const std::function<void(Statistic&)>& visit);
  const std::vector<std::unique_ptr<Parameter>>& own_parameters() const { return parameters_; }

 protected:
  virtual Variable forward(const Variable& x, ForwardContext& context) = 0;
  /// For entry points beside operator(): what surrounds every module's pass.
  Variable checked(Variable output, const ForwardContext& context) const;
  using Pass = std::function<Variable(const Variable&, ForwardContext&)>;
  /// operator() with `pass` in place of forward(): for modules that are given more than x. Where it is a block that is recomputed, the pass runs again in backward.
  Variable run_pass(const Pass& pass, const Variable& x, ForwardContext& context);

  Parameter& add_parameter(const std::string& name, const Shape& shape, const Initialiser& initialiser);
  Statistic& add_statistic(const std::string& name, const Shape& shape, float initial, double momentum);

  template <typename Child>
  Child& add(const std::string& name, std::unique_ptr<Child> child) {
    Child& reference = *child;
    children_.emplace_back(name, std::move(child));
    return reference;
  }

 private:
  Variable run_once(const Pass& pass, const Variable& x, ForwardContext& context) const;

  std::string path_;
  bool block_ = false;
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<std::unique_ptr<Statistic>> statistics_;
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
};

}  // namespace tessera::nn
