// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include "core/nn/initialiser.h"
#include "distributed/sync/gradient_sync.h"
#include "tests/core/nn/chain.h"
#include "tests/distributed/runner.h"

namespace tessera::distributed::testing {
namespace {

/// A model whose gradients are made up: those of each quantum are other numbers, the same on whichever rank.
struct Model {
  explicit Model(int64_t width) {
    chain.add_linear("a", width, width + 7);
    chain.add_linear("b", width + 7, 5);
    chain.name_tree();
    parameters = std::make_unique<nn::FlatParameters>(chain, 1);
  }

  void make_gradients(int64_t quantum) const {
    for (const nn::FlatSlot& slot : parameters->slots()) {
      nn::initialise(nn::FlatParameters::view(parameters->gradients(), slot), nn::Initialiser::normal(0.1f), static_cast<uint64_t>(quantum), slot.name);
    }
  }

  nn::Chain chain;
  std::unique_ptr<nn::FlatParameters> parameters;
};

/// A pass over this rank's quanta, as a learner makes it.
void run_pass(Context& context, Model& model, GradientSync& sync, int64_t quanta_of_a_rank, bool reduce) {
  sync.begin_pass(reduce);
  for (int64_t i = 0; i < quanta_of_a_rank; ++i) {
    sync.begin_quantum({i, i + 1 == quanta_of_a_rank});
    model.make_gradients(context.rank * quanta_of_a_rank + i);
    for (size_t slot = model.parameters->slots().size(); slot-- > 0;) sync.gradient_ready(slot);
  }
  const std::vector<Work> findings = sync.combine_findings();
  sync.finish_pass();
  for (const Work& finding : findings) finding.wait();
}

struct Summed {
  std::vector<float> gradients;
  double squared_norm;
  std::vector<nn::FlatRange> updated_here;
};

/// The sum over all ranks' quanta after everything was gathered.
Summed sum_of(Context& context, Update update, int64_t width, int64_t quanta_of_a_rank) {
  Model model(width);
  GradientSync sync(context.world, *model.parameters, Reduction::exact, quanta_of_a_rank * context.size, 1 << 20, {}, update);
  run_pass(context, model, sync, quanta_of_a_rank, false);
  sync.grid().raise(sync.largest_bits());
  run_pass(context, model, sync, quanta_of_a_rank, true);
  sync.gather(model.parameters->gradients(), "test");
  const float* gradients = model.parameters->gradients().data<float>();
  return {{gradients, gradients + model.parameters->flat_elements()}, sync.squared_gradient_norm(), sync.updated_here()};
}

/// Pieces are summed and kept by their owners, or go to all: after a gather the same bits.
void owners_keep_what_they_sum(Context& context) {
  for (const int64_t width : {3, 90, 700}) {  // buckets that one rank owns alone; pieces of a few blocks; pieces that are read, not sent
    for (const int64_t quanta_of_a_rank : {1, 2}) {
      const Summed all = sum_of(context, Update::everywhere, width, quanta_of_a_rank), own = sum_of(context, Update::by_owners, width, quanta_of_a_rank);
      const std::string what = " at width " + std::to_string(width) + ", quanta " + std::to_string(quanta_of_a_rank);
      context.expect(all.gradients == own.gradients, "gradients" + what);
      context.expect(all.squared_norm == own.squared_norm && all.squared_norm > 0, "norm" + what);
      context.expect(all.updated_here.size() == 1 && all.updated_here[0].end == static_cast<int64_t>(all.gradients.size()), "everything is updated everywhere" + what);
      std::vector<int64_t> updates(own.gradients.size(), 0);  // by how many ranks, each element
      for (const nn::FlatRange& range : own.updated_here) std::fill(updates.begin() + range.begin, updates.begin() + range.end, 1);
      context.world.all_reduce(updates, updates, ReduceOp::sum, ReadyEvent::now(), "test").wait();
      context.expect(std::count(updates.begin(), updates.end(), 1) == std::ssize(updates), "every element is updated by one rank" + what);
    }
  }
}

/// Before the gather nobody has been sent what others own.
void sums_stay_with_their_owners(Context& context) {
  Model model(700);
  GradientSync sync(context.world, *model.parameters, Reduction::exact, context.size, 1 << 20, {}, Update::by_owners);
  run_pass(context, model, sync, 1, false);
  sync.grid().raise(sync.largest_bits());
  run_pass(context, model, sync, 1, true);
  const float* gradients = model.parameters->gradients().data<float>();
  const std::vector<float> after(gradients, gradients + model.parameters->flat_elements());
  model.make_gradients(context.rank);
  int64_t own = 0;
  for (const nn::FlatRange& range : sync.updated_here()) own += range.end - range.begin;
  int64_t changed = 0;
  for (size_t i = 0; i < after.size(); ++i) changed += after[i] != gradients[i];
  context.expect(changed > own / 2 && changed <= own, std::to_string(changed) + " elements have changed, of which " + std::to_string(own) + " are the rank's own");
}

}  // namespace

std::vector<Case> sync_cases() {
  return {{"owners_keep_what_they_sum", owners_keep_what_they_sum}, {"sums_stay_with_their_owners", sums_stay_with_their_owners}};
}

}  // namespace tessera::distributed::testing
