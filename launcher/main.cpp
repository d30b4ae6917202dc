// SPDX-License-Identifier: Apache-2.0
// The command line of `tessera`.
#include <CLI/CLI.hpp>

#include <functional>
#include <map>

#include "launcher/commands/commands.h"
#include "launcher/job/together.h"

namespace {

using namespace tessera::launcher;
using Commands = std::map<const CLI::App*, std::function<int()>>;

/// A command whose work is one process's, started by mpirun or not.
std::function<int()> alone(std::function<int()> body) {
  return [body = std::move(body)] { return run_on_rank_0(body); };
}

void add_recipe(CLI::App* command, RecipeArguments& arguments) {
  command->add_option("recipe", arguments.recipe, "YAML file")->required();
  command->add_option("--set", arguments.overrides, "override a key of the recipe: --set batch.micro_samples=8; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_train(CLI::App& app, TrainArguments& arguments, Commands& commands) {
  auto* command = app.add_subcommand("train", "train a recipe, alone or as a rank of mpirun or srun");
  add_recipe(command, arguments);
  command->add_option("--resume", arguments.options.resume, "auto: the newest sound checkpoint of the run folder; none: start anew; or a checkpoint")
      ->capture_default_str();
  command->add_option("--out", arguments.out, "run folder, instead of the recipe's run.out");
  command->add_flag("--force", arguments.options.force, "resume although recipe or data changed what is computed");
  command->add_option("--profile", arguments.options.profile, "write where the time goes to this folder (default: RUN/profile)")->type_name("[FOLDER]")->expected(0, 1);
  command->add_option("--profile-steps", arguments.options.profile_steps, "steps that the profile's trace covers, after the first few")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->footer("SIGUSR1 asks for a checkpoint and a stop (exit status 75); run the same command again to go on.");
  commands[command] = [&] { return train(arguments); };
}

void add_eval(CLI::App& app, EvalArguments& arguments, Commands& commands) {
  auto* command = app.add_subcommand("eval", "metrics of a split");
  add_recipe(command, arguments);
  auto* checkpoint = command->add_option("--checkpoint", arguments.checkpoints, "checkpoint, or a run folder: its newest sound one; default: that of the recipe's run. Several (--checkpoint A --checkpoint B): an ensemble, whose probabilities are the means of theirs");
  checkpoint->allow_extra_args(false);
  command->add_option("--weights", arguments.weights, "safetensors file instead of a checkpoint; several likewise")->allow_extra_args(false)->excludes(checkpoint);
  command->add_flag("--ema", arguments.average, "the checkpoint's moving average of the weights (ema.decay) instead")->excludes("--weights");
  command->add_option("--split", arguments.split, "split, instead of the recipe's evaluate.split");
  command->add_option("--predictions", arguments.predictions, "write outputs and targets, in sample order, to this safetensors file; an ensemble's outputs are logarithms of probabilities");
  command->add_option("--json", arguments.json, "write metrics and, of classifiers, the confusion matrix to this file");
  command->add_option("--confusion", arguments.confusion, "draw the confusion matrix into this PNG file");
  command->add_option("--out", arguments.out, "run folder, instead of the recipe's run.out");
  command->footer("SIGUSR1, SIGTERM or an interrupt stops it (exit status 75); run the same command again to go on: what was done is kept until then.");
  commands[command] = [&] { return evaluate(arguments); };
}

void add_confusion(CLI::App& app, ConfusionArguments& arguments, Commands& commands) {
  auto* command = app.add_subcommand("confusion", "the confusion matrix of an evaluation, or the sum of several");
  command->add_option("files", arguments.files, "summary.json of runs, or files of eval --json")->required();
  command->add_option("--picture", arguments.picture, "draw it into this PNG file");
  command->add_option("--title", arguments.title, "of the picture")->capture_default_str();
  commands[command] = alone([&] { return confusion(arguments); });
}

void add_show(CLI::App& app, RecipeArguments& arguments, Commands& commands) {
  auto* command = app.add_subcommand("show", "the resolved recipe, its modules, parameters and memory");
  add_recipe(command, arguments);
  commands[command] = alone([&] { return show(arguments); });
}

void add_schema(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("schema", "the JSON Schema of recipes, for editors");
  auto* markdown = command->add_flag("--markdown")->description("every key as a page to read (docs/recipes.md) instead");
  commands[command] = alone([markdown] { return print_schema(markdown->count() > 0); });
}

void add_bench(CLI::App& app, BenchArguments& arguments, Commands& commands) {
  auto* command = app.add_subcommand("bench", "speed of the parts of training, against the machine's own limits");
  command->add_option("--only", arguments.only, "some of gemm, convolution, memory, all_reduce, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember(kBenchParts));
  command->add_option("--threads", arguments.threads, "threads of kernels")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--seconds", arguments.seconds, "time for each line of the table")->check(CLI::Range(0.0, 5.0))->capture_default_str();
  command->add_option("--json", arguments.json, "write the results to this file, too");
  command->footer("Under mpirun rank 0 measures alone, and all ranks the all-reduce. Shares above 100 % are possible where an algorithm needs fewer operations.");
  commands[command] = [&] { return benchmark(arguments); };
}

void add_generate(CLI::App& app, GenerateArguments& arguments, Commands& commands) {
  auto* command = app.add_subcommand("generate", "text of a language model, as it comes");
  add_recipe(command, arguments);
  command->add_option("--prompt", arguments.prompt, "what the text begins with");
  command->add_option("--tokens", arguments.tokens, "most tokens behind the prompt")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--temperature", arguments.temperature, "0: always the likeliest token; 1: as the model says")->check(CLI::Range(0.0, 1000.0))->capture_default_str();
  command->add_option("--top-k", arguments.top_k, "draw among so many likeliest tokens; 0: all")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--top-p", arguments.top_p, "draw among the likeliest tokens that have this share together")->check(CLI::Range(1e-9, 1.0))->capture_default_str();
  command->add_option("--seed", arguments.seed, "of the random numbers")->capture_default_str();
  command->add_flag("--no-cache", arguments.no_cache, "compute keys and values of all tokens anew for every token: slow, the same text");
  auto* checkpoint = command->add_option("--checkpoint", arguments.checkpoint, "checkpoint folder; default: the newest sound one of the run, or init.weights");
  command->add_option("--weights", arguments.weights, "weights file instead of a checkpoint")->excludes(checkpoint);
  command->add_option("--tokenizer", arguments.tokenizer, "files of a tokenizer, instead of the recipe's (see tessera tokenize --help)");
  command->add_option("--out", arguments.out, "run folder, instead of the recipe's run.out");
  commands[command] = alone([&] { return generate(arguments); });
}

void add_tokenize(CLI::App& app, TokenizeArguments& arguments, Commands& commands) {
  auto* command = app.add_subcommand("tokenize", "text files to token shards, in llm.c's format");
  command->add_option("inputs", arguments.inputs, "NAME.txt: one document; NAME.jsonl: one a line; either may be NAME.gz")->required();
  command->add_option("--tokenizer", arguments.tokenizer, "folder with encoder.json and vocab.bpe, or vocab.txt; or NAME.bin of llama2.c, or NAME.characters")->required();
  command->add_option("--out", arguments.out, "folder for the shards")->required();
  command->add_option("--name", arguments.name, "shards are NAME_000000.bin and so on")->capture_default_str();
  command->add_option("--key", arguments.key, "of the text in lines of JSON")->capture_default_str();
  command->add_option("--shard-tokens", arguments.shard_tokens, "tokens of a shard; the last has what is left")
      ->check(CLI::Range(int64_t{1}, int64_t{2147483647}))
      ->capture_default_str();
  command->add_option("--threads", arguments.threads, "the files are the same whatever their number")->check(CLI::Range(1, 1024))->capture_default_str();
  command->footer("Before each document stands the tokenizer's separator (<|endoftext|>, [SEP], <s>). Stopped at any moment, the same command goes on behind the last finished shard.");
  commands[command] = alone([&] { return tokenize(arguments); });
}

void add_checkpoint(CLI::App& app, std::string& folder, std::string& file, Commands& commands) {
  auto* group = app.add_subcommand("checkpoint", "work on checkpoint folders");
  group->require_subcommand(1);
  const auto add = [&](const char* name, const char* doc, int (*action)(const std::string&)) {
    auto* command = group->add_subcommand(name, doc);
    command->add_option("folder", folder, "a checkpoint, or a run folder: its newest sound one (list, verify: all of them)")->required();
    commands[command] = alone([&folder, action] { return action(folder); });
    return command;
  };
  add("list", "the checkpoints of a run", checkpoint_list);
  add("inspect", "the manifest as text", checkpoint_inspect);
  add("verify", "read everything and compare checksums; exit status 3 where one fails", checkpoint_verify);
  add("hash", "SHA-256 of the weights, as in summary.json", checkpoint_hash);
  auto* command = add("export", "write the weights as one safetensors file", checkpoint_hash);
  command->add_option("file", file, "the file to write")->required();
  auto* average = command->add_flag("--ema")->description("the moving average of the weights (ema.decay) instead");
  commands[command] = alone([&folder, &file, average] { return checkpoint_export(folder, file, average->count() > 0); });
}

/// What the command line has too much or too little of. Under mpirun all ranks see it, and the first of them says it.
int refuse(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(true);
  const std::string what = unknown.empty() ? error.what() : "unknown command or option '" + unknown.front() + "'";
  return run_on_all_ranks([&](tessera::distributed::Runtime& runtime) {
    together(runtime, [&] { throw tessera::Error(tessera::ErrorKind::usage, what.substr(0, what.find('\n')), "command line", "see tessera --help"); });
    return tessera::kExitUsage;
  });
}

int run(int argc, char** argv) {
  CLI::App app("Tessera: distributed training whose result is a function of recipe and data alone", "tessera");
  app.require_subcommand(1);
  Commands commands;
  TrainArguments train_arguments;
  EvalArguments eval_arguments;
  RecipeArguments show_arguments;
  ConfusionArguments confusion_arguments;
  BenchArguments bench_arguments;
  GenerateArguments generate_arguments;
  TokenizeArguments tokenize_arguments;
  std::string folder, file;
  add_train(app, train_arguments, commands);
  add_eval(app, eval_arguments, commands);
  add_confusion(app, confusion_arguments, commands);
  add_show(app, show_arguments, commands);
  add_bench(app, bench_arguments, commands);
  add_generate(app, generate_arguments, commands);
  add_tokenize(app, tokenize_arguments, commands);
  commands[app.add_subcommand("recipes", "the recipes there are; TESSERA_RECIPES names another folder")] = alone(list_recipes);
  commands[app.add_subcommand("models", "the models there are, with their keys and defaults")] = alone(list_models);
  add_schema(app, commands);
  add_checkpoint(app, folder, file, commands);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error) : refuse(app, error);
  }
  const CLI::App* chosen = app.get_subcommands().front();
  while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
  int status = tessera::kExitOther;
  const auto failed = error_of([&] { status = commands.at(chosen)(); });
  if (!failed) return status;
  print_error(*failed);
  return tessera::exit_status_of(failed->kind());
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv); }
