// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/evaluated.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/hash.h"
#include "core/checkpoint/export.h"
#include "core/checkpoint/import.h"
#include "core/checkpoint/model_state.h"
#include "core/task/ensemble.h"
#include "launcher/job/together.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

void replace_by_averages(const checkpoint::Checkpoint& found, std::span<const checkpoint::StateEntry> entries) {
  for (const checkpoint::StateEntry& average : checkpoint::read_averages(found)) {
    const auto entry = std::ranges::find(entries, average.name, &checkpoint::StateEntry::name);
    if (entry != entries.end()) copy_into(average.tensor, entry->tensor);
  }
}

/// What rank 0 sees, so that all go on alike.
bool is_folder(const std::filesystem::path& path, distributed::Runtime& runtime) {
  std::error_code ignored;
  std::vector<int64_t> there = {std::filesystem::is_directory(path, ignored) ? 1 : 0};
  runtime.world().broadcast(there, 0, distributed::ReadyEvent::now(), "kind of checkpoint folder").wait();
  return there[0] == 1;
}

}  // namespace

Evaluated::Evaluated(const EvalArguments& arguments, const Job& job, const config::KindRegistry& registry, distributed::Runtime& runtime)
    : job_(job), registry_(registry), runtime_(runtime) {
  for (const std::string& file : arguments.weights) add_file(file);
  for (const std::string& path : arguments.checkpoints) add_checkpoint(path, arguments.average);
  if (sources_.empty()) add_checkpoint("", arguments.average);
  finish();
}

std::string Evaluated::fingerprint() const {
  std::string all;
  for (const auto& parameters : parameters_) all += fmt::format("{} ", checksum(parameters->values().bytes(), parameters->values().size_bytes()));
  return all;
}

nn::FlatParameters& Evaluated::add_member() {
  together(runtime_, [&] {
    members_.push_back(recipes::make_task(job_.recipe()));
    parameters_.push_back(std::make_unique<nn::FlatParameters>(members_.back()->model(), static_cast<uint64_t>(job_.recipe().run.seed)));
  });
  return *parameters_.back();
}

void Evaluated::add_file(const std::string& file) {
  nn::FlatParameters& parameters = add_member();
  together(runtime_, [&] {
    // A head that starts anew in training is not what is to be evaluated.
    config::InitConfig rules = job_.recipe().init;
    rules.skip.clear();
    checkpoint::import_weights(checkpoint::weight_entries(parameters), file, rules);
  });
  parameters.values_changed();
  sources_.push_back(file);
}

void Evaluated::add_checkpoint(const std::string& path, bool average) {
  nn::FlatParameters& parameters = add_member();
  const checkpoint::Checkpoint found = find(path);
  const auto entries = checkpoint::weight_entries(parameters);
  together(runtime_, [&] {
    checkpoint::read_into(found, entries, checkpoint::Match::weights);
    if (average) replace_by_averages(found, entries);
  });
  parameters.values_changed();
  if (runtime_.rank() == 0) warn_of_other_holdout(found);
  sources_.push_back(found.path.string());
}

checkpoint::Checkpoint Evaluated::find(const std::string& path) const {
  if (path.empty()) return newest(std::filesystem::path(job_.recipe().run.out) / "checkpoints");
  const auto inside = std::filesystem::path(path) / "checkpoints";
  return is_folder(inside, runtime_) ? newest(inside) : RunCheckpoints(inside, 1, runtime_).open(path);
}

checkpoint::Checkpoint Evaluated::newest(const std::filesystem::path& checkpoints) const {
  std::vector<std::string> skipped;
  const auto found = RunCheckpoints(checkpoints, 1, runtime_).newest_sound(skipped);
  if (runtime_.rank() == 0) {
    for (const std::string& line : skipped) fmt::print(stderr, "tessera: warning: skipped a checkpoint: {}\n", line);
  }
  if (found) return *found;
  throw AgreedError(Error(ErrorKind::checkpoint, "there is no sound checkpoint", checkpoints.string(), "train first, or give --checkpoint PATH or --weights FILE"));
}

/// Of a fold that others trained on, nothing can be learned.
void Evaluated::warn_of_other_holdout(const checkpoint::Checkpoint& found) const {
  const config::Node* ours = job_.recipe().data.node.find("holdout");
  if (job_.recipe().evaluate.split != "val" || !ours) return;
  const auto unreadable = error_of([&] {
    const Job theirs = job_from_text(found.manifest.recipe, found.path.string(), registry_);
    const config::Node* other = theirs.recipe().data.node.find("holdout");
    if (!other || *other == *ours) return;
    fmt::print(stderr, "tessera: warning: {} was trained with another data.holdout than the recipe's: it may have seen samples of split val (evaluate folds together on a split "
               "that none of them trained on)\n", found.path.string());
  });
  if (unreadable) fmt::print(stderr, "tessera: warning: which samples {} was trained on is not known: {}\n", found.path.string(), unreadable->what());
}

void Evaluated::finish() {
  together(runtime_, [&] {
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (std::find(sources_.begin(), sources_.begin() + static_cast<ptrdiff_t>(i), sources_[i]) == sources_.begin() + static_cast<ptrdiff_t>(i)) continue;
      throw Error(ErrorKind::usage, "these weights are given twice", sources_[i], "give each member of an ensemble once");
    }
    if (members_.size() == 1) {
      task_ = std::move(members_.front());
    } else {
      task_ = std::make_unique<Ensemble>(std::move(members_));
    }
  });
}

}  // namespace tessera::launcher
