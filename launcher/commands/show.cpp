// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "core/optim/optimizer.h"
#include "launcher/commands/commands.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

double mebibytes(int64_t bytes) { return static_cast<double>(bytes) / 1048576.0; }

int64_t print_modules(nn::Module& model) {
  fmt::print("\nmodules ({}):\n", model.kind());
  int64_t total = 0;
  model.for_each_module([&](nn::Module& module) {
    int64_t elements = 0;
    std::string shapes;
    for (const auto& parameter : module.own_parameters()) {
      elements += parameter->shape.elements();
      shapes += " " + parameter->name.substr(parameter->name.rfind('.') + 1) + " " + parameter->shape.text();
    }
    total += elements;
    if (!module.path().empty()) fmt::print("  {:<24} {:<12} {:>12}{}\n", module.path(), module.kind(), elements, shapes);
  });
  fmt::print("  {:<24} {:<12} {:>12}\n", "all", "", total);
  return total;
}

/// What a rank holds of each parameter, whatever the batch.
void print_memory(const config::Recipe& recipe, int64_t parameters) {
  const bool sums = recipe.batch.quanta() > 1;
  const int64_t sum_bytes = !sums ? 0 : recipe.sync.reduction == "exact" ? 8 : 4;
  const int64_t optimizer_bytes = 4 * (optim::state_buffers(recipe.optimizer) + (recipe.ema.decay ? 1 : 0));
  fmt::print("\nmemory a rank (activations come on top, and grow with batch.micro_samples):\n");
  fmt::print("  parameters {:.1f} MiB, gradients {:.1f} MiB, gradient sums {:.1f} MiB, optimizer {:.1f} MiB\n", mebibytes(4 * parameters),
             mebibytes(4 * parameters), mebibytes(sum_bytes * parameters), mebibytes(optimizer_bytes * parameters));
}

}  // namespace

int show(const RecipeArguments& arguments) {
  const config::KindRegistry registry = recipes::make_registry();
  const Job job = load_job(arguments.recipe, arguments.overrides, registry);
  fmt::print("{}\nrecipe hash {}\n", job.text, job.hash);
  const auto task = recipes::make_task(job.recipe());
  const int64_t parameters = print_modules(task->model());
  fmt::print("\nparameters: {}\n", parameters);
  print_memory(job.recipe(), parameters);
  return kExitDone;
}

}  // namespace tessera::launcher
