// SPDX-License-Identifier: Apache-2.0
// The model, or the ensemble of models, that `tessera eval` evaluates.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/nn/flat_parameters.h"
#include "core/task/task.h"
#include "launcher/commands/commands.h"
#include "launcher/job/job.h"

namespace tessera::launcher {

class Evaluated {
 public:
  /// Collective. Makes as many models of the recipe as the arguments name weights and fills them. Throws AgreedError: where weights are not there, not sound, do
  /// not fit the model, or are named twice.
  Evaluated(const EvalArguments& arguments, const Job& job, const config::KindRegistry& registry, distributed::Runtime& runtime);

  Task& task() { return *task_; }
  /// Stands for all values of all models.
  std::string fingerprint() const;
  /// Where the weights are from.
  const std::vector<std::string>& sources() const { return sources_; }

 private:
  void add_file(const std::string& file);
  /// `path` empty: the newest sound checkpoint of the recipe's run.
  void add_checkpoint(const std::string& path, bool average);
  checkpoint::Checkpoint find(const std::string& path) const;
  checkpoint::Checkpoint newest(const std::filesystem::path& checkpoints) const;
  nn::FlatParameters& add_member();
  void warn_of_other_holdout(const checkpoint::Checkpoint& found) const;
  void finish();

  const Job& job_;
  const config::KindRegistry& registry_;
  distributed::Runtime& runtime_;
  std::vector<std::unique_ptr<Task>> members_;
  std::vector<std::unique_ptr<nn::FlatParameters>> parameters_;  // of the members
  std::vector<std::string> sources_;
  std::unique_ptr<Task> task_;
};

}  // namespace tessera::launcher
