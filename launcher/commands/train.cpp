// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <array>
#include <fstream>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/kernels/kernels.h"
#include "core/data/dataset.h"
#include "distributed/affinity.h"
#include "launcher/commands/commands.h"
#include "launcher/job/prepare.h"
#include "launcher/job/together.h"
#include "launcher/train/stop_signal.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

/// Ranks of different builds could train different things under one name.
std::string program_fingerprint() {
  const MappedFile program("/proc/self/exe", ErrorKind::runtime);
  return data::hex(checksum(program.bytes().data(), program.bytes().size()));
}

Job load_on_all_ranks(const TrainArguments& arguments, const config::KindRegistry& registry, distributed::Runtime& runtime) {
  std::optional<Job> job;
  together(runtime, [&] {
    std::vector<std::string> overrides = arguments.overrides;
    if (arguments.out) overrides.push_back("run.out=" + *arguments.out);
    job = load_job(arguments.recipe, overrides, registry);
    config::check_world(job->resolved, runtime.size());
  });
  const auto same = [&](const char* what, const std::string& mine, const char* fix) {
    if (const auto error = error_of([&] { runtime.require_same(what, mine, fix); })) throw AgreedError(*error);
  };
  same("program", program_fingerprint(), "install the same build of tessera on all hosts");
  same("recipe", sha256_hex(job->text), "give all ranks the same recipe and --set options");
  return std::move(*job);
}

/// `in_turns`: Runtime::rotate_cores().
void announce(const Job& job, const distributed::Affinity& affinity, int in_turns, distributed::Runtime& runtime) {
  if (runtime.rank() != 0) return;
  const config::Recipe& r = job.recipe();
  fmt::print("tessera train: {} (recipe {:.12})\n", r.run.name, job.hash);
  fmt::print("  {} rank{} on {} host{}, {} thread{} each, rank 0 on {}{}; {} quanta of {} samples a step; reduction {}\n", runtime.size(),
             runtime.size() == 1 ? "" : "s", runtime.hosts(), runtime.hosts() == 1 ? "" : "s", r.run.threads, r.run.threads == 1 ? "" : "s",
             distributed::describe(affinity), in_turns > 0 ? fmt::format(" in turns with {}", in_turns) : "", r.batch.quanta(), r.batch.micro_samples, r.sync.reduction);
  fmt::print("  {}\n  into {}\n", platform_fingerprint(), r.run.out);
  const std::string warning = distributed::affinity_warning(affinity, static_cast<int>(r.run.threads), runtime.local_size());
  if (!warning.empty()) fmt::print("  {}\n", warning);
  std::fflush(stdout);
}

/// Results depend on the platform; ranks on different ones are allowed, but said.
void compare_platforms(distributed::Runtime& runtime) {
  const auto differs = error_of([&] { runtime.require_same("platform", platform_fingerprint(), "use equal hosts where bits matter"); });
  if (differs && runtime.rank() == 0) fmt::print(stderr, "tessera: warning: {}\n", differs->what());
}

}  // namespace

int train(const TrainArguments& arguments) {
  catch_stop_signals();
  return run_on_all_ranks([&](distributed::Runtime& runtime) -> int {
    const config::KindRegistry registry = recipes::make_registry();
    Job job = load_on_all_ranks(arguments, registry, runtime);
    compare_platforms(runtime);
    const distributed::Affinity affinity = distributed::read_affinity();
    announce(job, affinity, job.recipe().run.rotate_cores ? runtime.rotate_cores() : 0, runtime);
    if (!prepare_data(runtime, job.recipe().data, std::array{std::string("train"), job.recipe().evaluate.split})) return kExitStopped;
    return Trainer(std::move(job), registry, arguments.options, runtime).run();
  });
}

}  // namespace tessera::launcher
