// SPDX-License-Identifier: Apache-2.0
#include "launcher/train/learner.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "core/base/profiler.h"
#include "core/checkpoint/model_state.h"
#include "core/exact/gradient_norm.h"
#include "core/ops/checks.h"
#include "launcher/job/together.h"

namespace tessera::launcher {
namespace {

constexpr int64_t kLeastShared = 1 << 19;  // elements: to update fewer takes no longer than to meet once more
constexpr int kMostPasses = 8;  // each replay raises the grid to what it saw, so two or three are enough for any step

Reduction reduction_of(const config::Recipe& recipe) {
  if (recipe.batch.quanta() == 1) return Reduction::single;
  return recipe.sync.reduction == "exact" ? Reduction::exact : Reduction::fastest;
}

/// A flat buffer where the ranks of this host can sum, if that costs backward nothing: on small pages it writes ResNet-50's gradients 2.7 % of a step slower.
Tensor make_gradients(distributed::Communicator& communicator, int64_t elements) {
  const MemoryScope scope(MemoryCategory::gradients);
  if (!distributed::Communicator::allocates_huge_pages()) return Tensor::zeros({elements});
  const std::shared_ptr<std::byte> block = communicator.allocate(static_cast<size_t>(elements) * size_bytes_of(DType::f32));
  return Tensor::over(block.get(), {elements}, DType::f32, block);
}

/// Where ranks read each other's memory a gather takes their cores' time whenever it happens: it may as well come after the update, of which each rank then does a part. A
/// link carries gradients while backward goes on, and then every rank does all.
distributed::Update update_of(const distributed::Communicator& communicator, Reduction reduction, const optim::Optimizer& optimizer, int64_t elements) {
  const bool by_owners = communicator.reads_memory() && reduction == Reduction::exact && optimizer.is_elementwise() && elements >= kLeastShared;
  return by_owners ? distributed::Update::by_owners : distributed::Update::everywhere;
}

/// What the optimizer leaves alone gets no gradient.
std::unique_ptr<optim::Optimizer> optimizer_of(const config::OptimizerBlock& block, nn::FlatParameters& parameters) {
  auto optimizer = optim::make_optimizer(block, parameters);
  parameters.fix(optimizer->fixed());
  return optimizer;
}

Error not_finite(int64_t step, const std::string& what) {
  return Error(ErrorKind::runtime, what + " is not finite", fmt::format("step {}", step),
               "lower optimizer.learning_rate, set optimizer.clip_norm, or look at the data of this step");
}

}  // namespace

Learner::Learner(const config::Recipe& recipe, std::unique_ptr<Task> task, int64_t total_steps, distributed::Runtime& runtime)
    : runtime_(runtime),
      task_(std::move(task)),
      parameters_(task_->model(), static_cast<uint64_t>(recipe.run.seed), [&](int64_t elements) { return make_gradients(runtime.world(), elements); }),
      optimizer_(optimizer_of(recipe.optimizer, parameters_)),
      schedule_(optim::make_schedule(recipe.schedule, total_steps, recipe.train)),
      reduction_(reduction_of(recipe)),
      sync_(runtime.world(), parameters_, reduction_, recipe.batch.quanta(), recipe.sync.bucket_bytes.bytes, optimizer_->frozen(),
            update_of(runtime.world(), reduction_, *optimizer_, parameters_.flat_elements())),
      quanta_(recipe.batch.quanta()),
      learning_rate_(recipe.optimizer.learning_rate),
      clip_norm_(recipe.optimizer.clip_norm),
      seed_(static_cast<uint64_t>(recipe.run.seed)),
      precision_(ops::precision_from(recipe.precision.compute)),
      recompute_blocks_(recipe.memory.recompute == "block") {
  if (optimizer_->is_elementwise()) optimizer_->restrict_to(sync_.updated_here());
  if (recipe.ema.decay) average_.emplace(parameters_, *recipe.ema.decay);
}

StepReport Learner::step(int64_t step, const std::vector<int64_t>& quanta, const QuantumSource& source, const Votes& votes) {
  StepReport report{Metrics(task_->metric_names()), 0, 0, 0, 0, 1, {}, {}};
  // The very first pass of a run has no grid to round to: it only measures.
  bool reduce = reduction_ != Reduction::exact || !sync_.grid().empty();
  for (report.passes = 1;; ++report.passes) {
    const Pass pass = run_pass(step, report.passes - 1, quanta, source, reduce);
    combine(pass, votes, report);
    const bool finite = std::isfinite(report.metrics.mean(0));
    const GridVerdict verdict = reduction_ == Reduction::exact ? sync_.grid().judge(sync_.largest_bits()) : GridVerdict::fits;
    if (!finite || verdict == GridVerdict::not_finite) diagnose(step, quanta, source);
    if (verdict == GridVerdict::fits && reduce) break;
    TESSERA_ASSERT(report.passes < kMostPasses, "the gradient grid does not settle");
    sync_.grid().raise(sync_.largest_bits());
    reduce = true;
  }
  {
    const ProfileScope scope(Phase::optimizer, "gradient norm");
    report.gradient_norm = std::sqrt(sync_.squared_gradient_norm()) / report.weight;
  }
  if (!std::isfinite(report.gradient_norm)) diagnose(step, quanta, source);
  commit(step, report);
  return report;
}

Learner::Pass Learner::run_pass(int64_t step, int64_t pass_number, const std::vector<int64_t>& quanta, const QuantumSource& source, bool reduce) {
  Pass pass{Metrics(task_->metric_names()), {}, 0, {}};
  sync_.begin_pass(reduce);
  pass.error = error_of([&] {
    for (size_t i = 0; i < quanta.size(); ++i) {
      const data::Batch batch = source(pass_number, i, quanta[i]);
      pass.skipped_samples += static_cast<int64_t>(batch.skipped.size());
      sync_.begin_quantum({static_cast<int64_t>(i), i + 1 == quanta.size()});
      run_quantum(step, quanta[i], batch, pass);
    }
  });
  if (pass.error) sync_.give_up_pass();
  return pass;
}

void Learner::run_quantum(int64_t step, int64_t quantum, const data::Batch& batch, Pass& pass) {
  runtime_.set_phase(fmt::format("forward of quantum {}", quantum));
  nn::ForwardContext context(true, seed_, step, quantum, precision_);
  if (recompute_blocks_) context.recompute_blocks();
  const QuantumLoss loss = forward(batch, context, pass.metrics);
  pass.weight.add(loss.weight);
  parameters_.statistics_ready();
  runtime_.set_phase(fmt::format("backward of quantum {}", quantum));
  const ProfileScope scope(Phase::backward, "tape");
  engine_.backward(loss.loss_sum, parameters_.leaves());
}

QuantumLoss Learner::forward(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const ProfileScope scope(Phase::forward, "loss and metrics");
  return task_->train(batch, context, metrics);
}

void Learner::combine(const Pass& pass, const Votes& votes, StepReport& report) {
  // They travel beside the last buckets, whose failure they outlive.
  const auto words_owner = std::make_shared<std::vector<int64_t>>(pass.metrics.words());
  std::vector<int64_t>& words = *words_owner;
  const size_t metric_words = words.size();
  words.insert(words.end(), pass.weight.words().begin(), pass.weight.words().end());
  words.insert(words.end(), {votes.stop, votes.save, pass.skipped_samples, pass.error ? 1 : 0});

  using distributed::ReadyEvent, distributed::ReduceOp;
  runtime_.set_phase("gradient sum");
  auto& world = runtime_.world();
  const auto sums = world.all_reduce({words, words_owner}, {words, words_owner}, ReduceOp::sum, ReadyEvent::now(), "step sums");
  const auto findings = sync_.combine_findings();
  {
    const ProfileScope scope(Phase::rank_wait, "gradient buckets");
    sync_.finish_pass();
  }
  const ProfileScope scope(Phase::rank_wait, "step sums");
  sums.wait();
  for (const auto& finding : findings) finding.wait();

  const int64_t failed = words.back();
  if (failed > 0) {
    if (const auto error = runtime_.agree(pass.error)) throw AgreedError(*error);
  }
  report.votes = {words[words.size() - 4], words[words.size() - 3]};
  report.skipped_samples = words[words.size() - 2];
  ExactScalar weight;
  std::copy_n(words.begin() + static_cast<ptrdiff_t>(metric_words), ExactScalar::kWords, weight.words().begin());
  report.weight = weight.value();
  if (report.weight == 0.0 && report.skipped_samples > 0) {
    throw AgreedError(Error(ErrorKind::data, fmt::format("none of the step's samples counts: {} could not be read", report.skipped_samples), "data.on_error",
                            "look at the samples that were named before; a disk or folder may be gone"));
  }
  if (report.weight == 0.0) {
    throw AgreedError(Error(ErrorKind::data, "the samples of the step weigh nothing, so that their loss has no mean", "task.class_weights",
                            "give the classes that occur a weight above 0, or raise batch.global_samples"));
  }
  words.resize(metric_words);
  report.metrics.set_words(words);
}

void Learner::commit(int64_t step, StepReport& report) {
  runtime_.set_phase("update");
  const ProfileScope scope(Phase::optimizer, "update");
  report.learning_rate = learning_rate_ * schedule_->factor(step);
  double scale = 1.0 / report.weight;
  if (clip_norm_ && report.gradient_norm > *clip_norm_) scale *= *clip_norm_ / report.gradient_norm;
  const std::vector<nn::FlatRange>& ranges = sync_.updated_here();
  parameters_.update_statistics(quanta_, ranges);
  optimizer_->update(parameters_, step + 1, report.learning_rate, scale);
  if (average_) average_->follow(parameters_, step + 1, ranges);
  if (reduction_ == Reduction::exact) sync_.grid().follow(sync_.largest_bits());
  whole_ = false;
  gather(parameters_.values(), "new parameters");
  parameters_.values_changed();
  report.overlap = sync_.overlap();
}

void Learner::gather(const Tensor& flat, const char* what) {
  const ProfileScope scope(Phase::rank_wait, what);
  sync_.gather(flat, what);
}

void Learner::make_whole() {
  if (whole_) return;
  for (const optim::StateBuffer& buffer : optimizer_->state()) gather(buffer.flat, "optimizer state");
  if (average_) gather(average_->flat(), "moving average");
  gather(parameters_.gradients(), "gradients");
  whole_ = true;
}

void Learner::diagnose(int64_t step, const std::vector<int64_t>& quanta, const QuantumSource& source) {
  together(runtime_, [&] {
    const std::string broken = first_not_finite(parameters_, parameters_.values());
    if (!broken.empty()) throw not_finite(step, "parameter '" + broken + "'");
    sync_.begin_pass(false);
    for (size_t i = 0; i < quanta.size(); ++i) {
      sync_.begin_quantum({static_cast<int64_t>(i), i + 1 == quanta.size()});
      diagnose_quantum(step, quanta[i], source(1, i, quanta[i]));
    }
  });
  throw AgreedError(not_finite(step, "the sum of gradients over all quanta"));
}

void Learner::diagnose_quantum(int64_t step, int64_t quantum, const data::Batch& batch) {
  const std::string place = fmt::format("step {}, quantum {}", step, quantum);
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::runtime, what + " is not finite", place, "lower optimizer.learning_rate, set optimizer.clip_norm, or look at the data");
  };
  for (const auto& [name, tensor] : batch.tensors) {
    if (tensor.dtype() == DType::f32 && !ops::all_finite(tensor)) fail("tensor '" + name + "' of the data");
  }
  Pass pass{Metrics(task_->metric_names()), {}, 0, {}};
  nn::ForwardContext context(true, seed_, step, quantum, precision_);
  context.check_outputs();
  const QuantumLoss loss = task_->train(batch, context, pass.metrics);
  if (!ops::all_finite(loss.loss_sum.value())) fail("the loss");
  parameters_.statistics_ready();
  engine_.backward(loss.loss_sum, parameters_.leaves());
  const std::string tensor = first_not_finite(parameters_, parameters_.gradients());
  if (!tensor.empty()) fail("the gradient of tensor '" + tensor + "'");
}

void Learner::with_average(const std::function<void()>& action) {
  TESSERA_ASSERT(whole_, "the moving average is not whole");
  const MemoryScope scope(MemoryCategory::workspace);
  const int64_t elements = parameters_.trained_elements();
  const Tensor values = parameters_.values().narrow(0, 0, elements), kept = Tensor::empty({elements});
  const auto put = [&](const Tensor& from) {
    copy_into(from, values);
    parameters_.values_changed();
  };
  copy_into(values, kept);
  put(average_->flat().narrow(0, 0, elements));
  try {
    action();
  } catch (...) {
    put(kept);
    throw;
  }
  put(kept);
}

std::vector<checkpoint::StateEntry> Learner::weights() const { return checkpoint::weight_entries(parameters_); }

std::vector<checkpoint::StateEntry> Learner::state() const {
  TESSERA_ASSERT(whole_, "the optimizer's state is not whole");
  std::vector<checkpoint::StateEntry> entries = weights();
  for (const optim::StateBuffer& buffer : optimizer_->state()) {
    const auto more = checkpoint::optimizer_entries(parameters_, buffer.name, buffer.flat);
    entries.insert(entries.end(), more.begin(), more.end());
  }
  if (average_) {
    const auto more = checkpoint::average_entries(parameters_, average_->flat());
    entries.insert(entries.end(), more.begin(), more.end());
  }
  if (reduction_ == Reduction::exact) entries.push_back({"grid.maxima", checkpoint::TensorRole::grid, sync_.grid().maxima()});
  return entries;
}

}  // namespace tessera::launcher
