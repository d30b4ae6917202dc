// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <chrono>
#include <cstdio>

#include "core/checkpoint/folder.h"
#include "core/checkpoint/import.h"
#include "core/checkpoint/model_state.h"
#include "core/checkpoint/reader.h"
#include "core/kernels/kernels.h"
#include "core/nn/flat_parameters.h"
#include "launcher/commands/commands.h"
#include "launcher/job/job.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

namespace fs = std::filesystem;

/// The checkpoint to read: the one given, or the newest sound one of the run, if there is one.
std::optional<checkpoint::Checkpoint> find_checkpoint(const GenerateArguments& arguments, const config::Recipe& recipe) {
  if (arguments.checkpoint) return checkpoint::open_checkpoint(*arguments.checkpoint);
  const fs::path folder = fs::path(recipe.run.out) / "checkpoints";
  if (!fs::is_directory(folder)) return std::nullopt;
  std::vector<std::string> skipped;
  auto found = checkpoint::newest_sound(folder, skipped);
  for (const std::string& line : skipped) fmt::print(stderr, "tessera: warning: skipped a checkpoint: {}\n", line);
  return found;
}

/// From --weights, --checkpoint, the run's newest checkpoint, or init.weights, whichever is there first.
void read_model(const GenerateArguments& arguments, const config::Recipe& recipe, nn::FlatParameters& parameters) {
  const auto entries = checkpoint::weight_entries(parameters);
  const auto found = arguments.weights ? std::nullopt : find_checkpoint(arguments, recipe);
  if (found) {
    checkpoint::read_into(*found, entries, checkpoint::Match::weights);
  } else if (arguments.weights || recipe.init.weights) {
    checkpoint::import_weights(entries, arguments.weights ? *arguments.weights : *recipe.init.weights, recipe.init);
  } else {
    throw Error(ErrorKind::checkpoint, "there is no sound checkpoint", recipe.run.out, "train first, or give --checkpoint PATH or --weights FILE");
  }
  parameters.values_changed();
}

GenerationPlan plan_of(const GenerateArguments& arguments) {
  return {arguments.prompt, arguments.tokens, !arguments.no_cache, {arguments.temperature, arguments.top_k, arguments.top_p, arguments.seed}};
}

}  // namespace

int generate(const GenerateArguments& arguments) {
  const config::KindRegistry registry = recipes::make_registry();
  std::vector<std::string> overrides = arguments.overrides;
  if (arguments.out) overrides.push_back("run.out=" + *arguments.out);
  const Job job = load_job(arguments.recipe, overrides, registry);
  const config::Recipe& recipe = job.recipe();
  set_kernel_threads(static_cast<int>(recipe.run.threads));
  const auto task = recipes::make_task(recipe);
  auto* model = dynamic_cast<nn::Decoder*>(&task->model());
  if (!model) {
    throw Error(ErrorKind::usage, "model kind " + recipe.model.kind + " writes no text", recipe.model.node.origin().text(), "take a language model: gpt2 or llama");
  }
  const auto tokenizer = arguments.tokenizer ? text::open_tokenizer(*arguments.tokenizer) : recipes::make_tokenizer(recipe.data);
  nn::FlatParameters parameters(task->model(), static_cast<uint64_t>(recipe.run.seed));
  read_model(arguments, recipe, parameters);
  const auto start = std::chrono::steady_clock::now();
  const Generation result = generate_text(*model, *tokenizer, plan_of(arguments), [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  });
  std::fputc('\n', stdout);
  const double elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const char* const why = result.end == TextEnd::end_token ? "the text ended" : "as many as asked for";
  fmt::print(stderr, "{} tokens ({}), {:.1f} tokens/s\n", result.tokens, why, static_cast<double>(result.tokens) / std::max(elapsed_s, 1e-9));
  return kExitDone;
}

}  // namespace tessera::launcher
