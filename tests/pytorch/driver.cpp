// SPDX-License-Identifier: Apache-2.0
// Our side of scripts/compare_pytorch: runs parts of a recipe's training on request, so that another program can do the same beside it.
// Usage: pytorch_driver RECIPE, with one quantum a step. Reads commands from standard input, a line each, and answers each with one
// line that begins with "ok"; the first failure is an error line on standard error, and the end.
//   weights FILE     writes the weights that training begins with
//   batches N FILE   writes the tensors of the first N steps' batches, one after the other; sequences of shorter batches end with zeros
//   pass STEP FILE   forward and backward of a step's batch with those weights: `logits` (and `relations`), and `gradient.NAME` of the sum of losses
//   evaluate STEP FILE  `logits` of a step's batch with those weights, as in evaluation
//   decisions STEP FILE  decision_recorder.h's of an evaluation and a forward pass of a step's batch
//   train N          N steps from those weights: the mean loss of each
//   metrics N        the same: all metrics of each
//   time N           N more steps: the milliseconds of each, data not counted
//   cpu_time N       the same in milliseconds of processor time, all threads together: for busy machines
#include <fmt/format.h>

#include <ctime>
#include <iostream>
#include <sstream>

#include "core/autograd/engine.h"
#include "core/checkpoint/export.h"
#include "core/checkpoint/import.h"
#include "core/checkpoint/model_state.h"
#include "core/data/loader.h"
#include "core/format/safetensors_writer.h"
#include "core/kernels/kernels.h"
#include "core/nn/masked_language_model.h"
#include "core/task/outputs.h"
#include "launcher/job/job.h"
#include "launcher/job/sampling.h"
#include "launcher/job/together.h"
#include "launcher/train/learner.h"
#include "recipes/registry.h"
#include "tests/pytorch/decision_recorder.h"

namespace tessera::launcher {
namespace {

constexpr int64_t kTimedBatches = 4;  // that timed steps take turns with

double clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

struct Weights {
  explicit Weights(const config::Recipe& recipe, nn::Module& model) : parameters(model, static_cast<uint64_t>(recipe.run.seed)) {
    if (recipe.init.weights) checkpoint::import_weights(checkpoint::weight_entries(parameters), *recipe.init.weights, recipe.init);
    parameters.values_changed();
  }
  nn::FlatParameters parameters;
};

void write_tensors(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& tensors) {
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, tensor] : tensors) entries.push_back({name, tensor.dtype(), {tensor.shape().begin(), tensor.shape().end()}});
  SafetensorsWriter writer(path, std::move(entries), {}, ErrorKind::data);
  for (const auto& [name, tensor] : tensors) writer.write(tensor);
  writer.close();
}

/// What a model says of a batch.
std::vector<std::pair<std::string, Tensor>> named_outputs_of(nn::Module& model, const data::Batch& batch, nn::ForwardContext& context) {
  const autograd::NoGrad no_grad;
  if (auto* masked = dynamic_cast<nn::MaskedLanguageModel*>(&model)) {
    const autograd::Variable features = masked->features(text_of(batch), context);
    return {{"logits", masked->logits(features, context).value()}, {"relations", masked->relations(features, context).value()}};
  }
  return {{"logits", outputs_of(model, batch, context).value()}};
}

class Driver {
 public:
  explicit Driver(const std::string& recipe_file);
  /// The numbers to answer with.
  std::vector<double> run(const std::string& line);

 private:
  const config::Recipe& recipe() const { return job_.recipe(); }
  void write_weights(const std::string& path);
  void write_batches(int64_t steps, const std::string& path);
  void pass(int64_t step, const std::string& path);
  void evaluate(int64_t step, const std::string& path);
  void decide(int64_t step, const std::string& path);
  /// All metrics of each step, or the first alone.
  std::vector<double> train(int64_t steps, bool all_metrics);
  std::vector<double> time(int64_t steps, clockid_t clock);
  void start_learner();
  nn::ForwardContext context_of(int64_t step, bool training) const {
    return {training, static_cast<uint64_t>(recipe().run.seed), step, 0, ops::precision_from(recipe().precision.compute)};
  }

  distributed::Runtime runtime_;
  Job job_;
  std::unique_ptr<data::Loader> loader_;
  std::unique_ptr<Learner> learner_;
  int64_t steps_done_ = 0;
};

Driver::Driver(const std::string& recipe_file) : job_(load_job(recipe_file, {}, recipes::make_registry())) {
  if (recipe().batch.quanta() != 1) throw Error(ErrorKind::usage, "a step has more than one quantum", "batch", "set micro_samples to global_samples");
  set_kernel_threads(static_cast<int>(recipe().run.threads));
  std::shared_ptr<const data::Dataset> dataset = recipes::open_dataset(recipe().data, "train");
  recipes::check_data_fits(recipe(), *dataset);
  auto sampler = make_sampler(recipe(), dataset);
  const data::BatchGeometry batch{recipe().batch.global_samples, recipe().batch.micro_samples};
  loader_ = std::make_unique<data::Loader>(std::move(dataset), std::move(sampler), batch, static_cast<uint64_t>(recipe().run.seed));
}

std::vector<double> Driver::run(const std::string& line) {
  std::istringstream words(line);
  std::string command, path;
  int64_t number = 0;
  words >> command;
  const bool counted = command != "weights", named = command != "train" && command != "metrics" && command != "time" && command != "cpu_time";
  if ((counted && !(words >> number)) || (named && !(words >> path))) throw Error(ErrorKind::usage, "a command lacks an argument", line);
  if (command == "weights") return write_weights(path), std::vector<double>();
  if (command == "batches") return write_batches(number, path), std::vector<double>();
  if (command == "pass") return pass(number, path), std::vector<double>();
  if (command == "evaluate") return evaluate(number, path), std::vector<double>();
  if (command == "decisions") return decide(number, path), std::vector<double>();
  if (command == "train" || command == "metrics") return train(number, command == "metrics");
  if (command == "time") return time(number, CLOCK_MONOTONIC);
  if (command == "cpu_time") return time(number, CLOCK_PROCESS_CPUTIME_ID);
  throw Error(ErrorKind::usage, "unknown command", line, "see the top of tests/pytorch/driver.cpp");
}

void Driver::write_weights(const std::string& path) {
  const auto task = recipes::make_task(recipe());
  const Weights weights(recipe(), task->model());
  checkpoint::export_weights(checkpoint::weight_entries(weights.parameters), path);
}

void Driver::write_batches(int64_t steps, const std::string& path) {
  std::vector<std::pair<std::string, Tensor>> all;
  const int64_t samples = recipe().batch.global_samples;
  for (const data::Field& field : loader_->dataset().fields()) {
    std::vector<int64_t> dims = {steps * samples};
    dims.insert(dims.end(), field.shape.begin(), field.shape.end());
    all.emplace_back(field.name, Tensor::zeros(Shape(std::span<const int64_t>(dims)), field.dtype));
  }
  for (int64_t step = 0; step < steps; ++step) {
    const data::Batch batch = loader_->load(step, 0);
    for (auto& [name, tensor] : all) {
      const Tensor& own = batch.at(name);
      Tensor place = tensor.narrow(0, step * samples, samples);
      if (own.shape().dims() > 1) place = place.narrow(1, 0, own.shape()[1]);
      copy_into(own, place);
    }
  }
  write_tensors(path, all);
}

void Driver::pass(int64_t step, const std::string& path) {
  const auto task = recipes::make_task(recipe());
  const Weights weights(recipe(), task->model());
  const data::Batch batch = loader_->load(step, 0);
  Metrics metrics(task->metric_names());
  nn::ForwardContext first = context_of(step, true);
  std::vector<std::pair<std::string, Tensor>> results = named_outputs_of(task->model(), batch, first);
  nn::ForwardContext context = context_of(step, true);
  const QuantumLoss loss = task->train(batch, context, metrics);
  autograd::Engine().backward(loss.loss_sum, weights.parameters.leaves());
  for (const nn::FlatSlot& slot : weights.parameters.slots()) {
    if (slot.kind != nn::SlotKind::parameter) continue;
    results.emplace_back("gradient." + slot.name, nn::FlatParameters::view(weights.parameters.gradients(), slot));
  }
  write_tensors(path, results);
}

void Driver::evaluate(int64_t step, const std::string& path) {
  const auto task = recipes::make_task(recipe());
  const Weights weights(recipe(), task->model());
  nn::ForwardContext context = context_of(step, false);
  Metrics metrics(task->metric_names());
  write_tensors(path, {{"logits", task->evaluate(loader_->load(step, 0), context, metrics)}});
}

void Driver::decide(int64_t step, const std::string& path) {
  const auto task = recipes::make_task(recipe());
  const Weights weights(recipe(), task->model());
  const data::Batch batch = loader_->load(step, 0);
  Metrics metrics(task->metric_names());
  DecisionRecorder recorder;
  nn::ForwardContext evaluation = context_of(step, false);
  task->evaluate(batch, evaluation, metrics);
  nn::ForwardContext training = context_of(step, true);
  task->train(batch, training, metrics);
  write_tensors(path, recorder.take());
}

void Driver::start_learner() {
  learner_ = std::make_unique<Learner>(recipe(), recipes::make_task(recipe()), *recipe().train.steps, runtime_);
  if (recipe().init.weights) checkpoint::import_weights(learner_->weights(), *recipe().init.weights, recipe().init);
  learner_->restored();
  steps_done_ = 0;
}

std::vector<double> Driver::train(int64_t steps, bool all_metrics) {
  start_learner();
  std::vector<double> numbers;
  for (; steps_done_ < steps; ++steps_done_) {
    const auto source = [&](int64_t, size_t, int64_t) { return loader_->load(steps_done_, 0); };
    const Metrics metrics = learner_->step(steps_done_, {0}, source, {}).metrics;
    for (size_t i = 0; i < (all_metrics ? metrics.names().size() : 1); ++i) numbers.push_back(metrics.mean(i));
  }
  return numbers;
}

std::vector<double> Driver::time(int64_t steps, clockid_t clock) {
  if (!learner_) start_learner();
  std::vector<data::Batch> batches;
  for (int64_t i = 0; i < kTimedBatches; ++i) batches.push_back(loader_->load(i, 0));
  std::vector<double> times_ms;
  for (const int64_t end = steps_done_ + steps; steps_done_ < end; ++steps_done_) {
    const auto source = [&](int64_t, size_t, int64_t) { return batches[static_cast<size_t>(steps_done_ % kTimedBatches)]; };
    const double start_ms = clock_ms(clock);
    learner_->step(steps_done_, {0}, source, {});
    times_ms.push_back(clock_ms(clock) - start_ms);
  }
  return times_ms;
}

int serve(const std::string& recipe_file) {
  Driver driver(recipe_file);
  for (std::string line; std::getline(std::cin, line);) {
    std::string answer = "ok";
    for (const double number : driver.run(line)) answer += fmt::format(" {:.17g}", number);
    std::cout << answer << std::endl;
  }
  return kExitDone;
}

}  // namespace
}  // namespace tessera::launcher

int main(int count, char** arguments) {
  using namespace tessera;
  if (count != 2) {
    fmt::print(stderr, "usage: {} RECIPE; commands on standard input are told at the top of tests/pytorch/driver.cpp\n", arguments[0]);
    return kExitUsage;
  }
  int status = kExitOther;
  const auto failed = launcher::error_of([&] { status = launcher::serve(arguments[1]); });
  if (!failed) return status;
  launcher::print_error(*failed);
  return exit_status_of(failed->kind());
}
