// SPDX-License-Identifier: Apache-2.0
#include "core/config/checks.h"

#include <numeric>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/config/rename.h"
#include "core/config/yaml.h"

namespace tessera::config {
namespace {

/// Messages about keys that do not go together.
class Checker {
 public:
  explicit Checker(const Resolved& resolved) : document_(resolved.document) {}

  Origin origin(std::string_view path) const {
    const Node* node = document_.find_path(path);
    return node ? node->origin() : Origin{"default", 0};
  }

  /// "batch.global_samples is 64 (x.yaml:3)".
  std::string key(std::string_view path) const {
    const Node* node = document_.find_path(path);
    return std::string(path) + " is " + (node ? emit_flow(*node) : "not given") + " (" + origin(path).text() + ")";
  }

  [[noreturn]] void refuse(std::string_view path, const std::string& what, const std::string& fix) const {
    throw Error(ErrorKind::usage, what, origin(path).text(), fix);
  }

 private:
  const Node& document_;
};

/// Divisors come in pairs around the square root.
int64_t largest_divisor_up_to(int64_t value, int64_t limit) {
  int64_t best = 1;
  for (int64_t small = 1; small * small <= value; ++small) {
    if (value % small != 0) continue;
    for (const int64_t divisor : {small, value / small}) {
      if (divisor <= limit && divisor > best) best = divisor;
    }
  }
  return best;
}

void check_batch(const Recipe& recipe, const Checker& check) {
  const int64_t global = recipe.batch.global_samples, micro = recipe.batch.micro_samples;
  const std::string both = check.key("batch.global_samples") + " and " + check.key("batch.micro_samples");
  if (global % micro != 0) {
    const int64_t fitting = largest_divisor_up_to(global, micro);
    check.refuse("batch.micro_samples", both + ", which does not divide it",
                 "set batch.micro_samples to " + std::to_string(fitting) + " or batch.global_samples to " +
                     std::to_string((global / micro + 1) * micro));
  }
  if (recipe.sync.reduction == "exact" && recipe.batch.quanta() > kMaxExactQuanta) {
    check.refuse("batch.micro_samples",
                 both + ": " + std::to_string(recipe.batch.quanta()) + " quanta a step, and " + check.key("sync.reduction") +
                     " allows " + std::to_string(kMaxExactQuanta),
                 "set batch.micro_samples to " + std::to_string((global + kMaxExactQuanta - 1) / kMaxExactQuanta) + " or more");
  }
}

void check_train(const Recipe& recipe, const Node& document, const Checker& check) {
  const bool epochs = recipe.train.epochs.has_value(), steps = recipe.train.steps.has_value();
  if (epochs && steps) {
    check.refuse("train.epochs", check.key("train.epochs") + " and " + check.key("train.steps") + ": the length is given twice",
                 "remove one, or set it to null where it is inherited");
  }
  if (!epochs && !steps) {
    const Node* train = document.find("train");
    throw Error(ErrorKind::usage, check.key("train.epochs") + " and " + check.key("train.steps") + ": no length is given",
                train ? train->origin().text() : document.origin().text(), "add 'train: {epochs: 5}' or 'train: {steps: 1000}'");
  }
  const Node* warmup = recipe.schedule.node.find("warmup_steps");
  const auto warmup_steps = warmup ? parse_int64(warmup->text()) : std::nullopt;
  if (steps && warmup_steps && *warmup_steps > *recipe.train.steps) {
    check.refuse("schedule.warmup_steps",
                 check.key("schedule.warmup_steps") + " and " + check.key("train.steps") + ": training ends before its warm-up",
                 "set schedule.warmup_steps to at most train.steps");
  }
}

void check_mesh(const MeshConfig& mesh, const Checker& check) {
  const std::pair<const char*, int64_t> others[] = {{"mesh.shard", mesh.shard},
                                                    {"mesh.pipeline", mesh.pipeline},
                                                    {"mesh.context", mesh.context},
                                                    {"mesh.tensor", mesh.tensor},
                                                    {"mesh.expert", mesh.expert}};
  for (const auto& [path, ranks] : others) {
    if (ranks != 1) check.refuse(path, check.key(path) + ", and this build has no such parallelism", "set it to 1");
  }
  if (mesh.data == 0) check.refuse("mesh.data", check.key("mesh.data"), "set it to -1 for all ranks, or to their number");
}

void check_build(const Recipe& recipe, const Checker& check) {
  if (recipe.device == "cuda") check.refuse("device", check.key("device") + ", and this build has no CUDA", "set device to cpu");
  if (recipe.precision.compute == "f16") {
    check.refuse("precision.compute", check.key("precision.compute") + ", and this build rounds to bf16 at most: f16 would need a scaled loss",
                 "set precision.compute to f32 or bf16");
  }
  if (recipe.memory.cuda_graph) {
    check.refuse("memory.cuda_graph", check.key("memory.cuda_graph") + " and " + check.key("device") + ", which has no graphs",
                 "set memory.cuda_graph to false");
  }
}

}  // namespace

void check_recipe(const Resolved& resolved) {
  const Checker check(resolved);
  check_build(resolved.recipe, check);
  check_mesh(resolved.recipe.mesh, check);
  check_batch(resolved.recipe, check);
  check_train(resolved.recipe, resolved.document, check);
  const InitConfig& init = resolved.recipe.init;
  const Renamer refuses_bad_patterns(init.rename);
  const NamePatterns refuses_bad_ones_too(init.skip, "init.skip", init.skip_origin);
}

void check_world(const Resolved& resolved, int64_t ranks) {
  const Checker check(resolved);
  const Recipe& recipe = resolved.recipe;
  const std::string there_are = "there are " + std::to_string(ranks) + " ranks";
  if (recipe.mesh.data != -1 && recipe.mesh.data != ranks) {
    check.refuse("mesh.data", check.key("mesh.data") + " and " + there_are,
                 "set mesh.data to -1, or start " + std::to_string(recipe.mesh.data) + " ranks");
  }
  const int64_t quanta = recipe.batch.quanta();
  if (ranks <= quanta) return;
  const int64_t global = recipe.batch.global_samples;
  const std::string fewer = "start at most " + std::to_string(quanta) + " ranks or ";
  check.refuse("batch.micro_samples",
               check.key("batch.global_samples") + " and " + check.key("batch.micro_samples") + ": " + std::to_string(quanta) +
                   " quanta a step, but " + there_are,
               ranks <= global ? fewer + "set batch.micro_samples to " + std::to_string(largest_divisor_up_to(global, global / ranks))
                               : fewer + "set batch.global_samples to " + std::to_string(ranks * recipe.batch.micro_samples));
}

}  // namespace tessera::config
