// SPDX-License-Identifier: Apache-2.0
// The commands of `tessera`, one function each. All return the exit status. Those from show() on throw Error and need one process only: under mpirun rank 0
// runs them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launcher/generate/generator.h"
#include "launcher/train/trainer.h"

namespace tessera::launcher {

/// What every command that reads a recipe takes.
struct RecipeArguments {
  std::string recipe;
  std::vector<std::string> overrides;  ///< --set key=value
};

struct TrainArguments : RecipeArguments {
  TrainOptions options;
  std::optional<std::string> out;
};
int train(const TrainArguments& arguments);

struct EvalArguments : RecipeArguments {
  std::vector<std::string> checkpoints, weights;  ///< of either several: an ensemble
  std::optional<std::string> split, predictions, json, confusion, out;
  bool average = false;  ///< the moving average of the weights
};
int evaluate(const EvalArguments& arguments);

struct ConfusionArguments {
  std::vector<std::string> files;  ///< JSON
  std::optional<std::string> picture;
  std::string title = "confusion matrix";
};
/// The sum of the confusion matrices of several runs.
int confusion(const ConfusionArguments& arguments);

int show(const RecipeArguments& arguments);

inline const std::vector<std::string> kBenchParts = {"gemm", "convolution", "memory", "all_reduce"};
struct BenchArguments {
  std::vector<std::string> only;  ///< of kBenchParts; none: all
  int threads = 1;                ///< of kernels
  double seconds = 0.2;           ///< for each line of the table
  std::optional<std::string> json;
};
int benchmark(const BenchArguments& arguments);

struct GenerateArguments : RecipeArguments {
  std::optional<std::string> checkpoint, weights, tokenizer, out;
  std::string prompt;
  int64_t tokens = 256;
  double temperature = 1.0;
  int64_t top_k = 0;
  double top_p = 1.0;
  uint64_t seed = 1;
  bool no_cache = false;
};
/// A language model's text, to standard output as it comes.
int generate(const GenerateArguments& arguments);

struct TokenizeArguments {
  std::string tokenizer, out;
  std::vector<std::string> inputs;
  std::string name = "tokens", key = "text";
  int64_t shard_tokens = 100'000'000;
  int threads = 1;
};
/// Text files to token shards.
int tokenize(const TokenizeArguments& arguments);

int list_recipes();
int list_models();

/// The JSON Schema of recipes, or their reference page.
int print_schema(bool markdown);

int checkpoint_list(const std::string& folder);
int checkpoint_inspect(const std::string& folder);
int checkpoint_verify(const std::string& folder);
int checkpoint_hash(const std::string& folder);
int checkpoint_export(const std::string& folder, const std::string& file, bool average);

}  // namespace tessera::launcher
