// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "distributed/agreement.h"
#include "distributed/watchdog/diagnosis.h"
#include "tests/distributed/runner.h"

namespace tessera::distributed::testing {
namespace {

void split_by_parity(Context& context) {
  const std::shared_ptr<Communicator> part = context.world.split(context.rank % 2, -context.rank, "data");
  const int members = (context.size + 1 - context.rank % 2) / 2;
  context.expect(part->size() == members, "size of a part");
  context.expect(part->name() == "data", "name of a part");
  // A key of -rank turns the order round.
  context.expect(part->rank() == members - 1 - context.rank / 2, "rank within a part");
  context.expect(part->identity().world_ranks[static_cast<size_t>(part->rank())] == context.rank, "world ranks");
  std::vector<int64_t> sum{context.rank};
  std::vector<int64_t> all{context.rank};
  const Work narrow = part->all_reduce(sum, sum, ReduceOp::sum, ReadyEvent::now(), "test");
  const Work wide = context.world.all_reduce(all, all, ReduceOp::sum, ReadyEvent::now(), "test");
  wide.wait();
  narrow.wait();
  int64_t expected = 0;
  for (int rank = context.rank % 2; rank < context.size; rank += 2) expected += rank;
  context.expect(sum[0] == expected, "sum of a part");
  context.expect(all[0] == int64_t{context.size} * (context.size - 1) / 2, "sum of all");
}

void split_without_some(Context& context) {
  const std::shared_ptr<Communicator> part = context.world.split(context.rank == 0 ? -1 : 3, 0, "rest");
  context.expect((part == nullptr) == (context.rank == 0), "a negative color takes no part");
  if (!part) return;
  std::vector<int32_t> data(9000, part->rank());
  part->broadcast(data, part->size() - 1, ReadyEvent::now(), "test").wait();
  context.expect(data.back() == part->size() - 1, "broadcast in a part");
  const std::shared_ptr<Communicator> alone = part->split(part->rank(), 0, "alone");
  context.expect(alone->size() == 1, "one rank");
  std::vector<double> one{2.5};
  alone->all_reduce(one, one, ReduceOp::sum, ReadyEvent::now(), "test").wait();
  context.expect(one[0] == 2.5, "sum of one rank");
}

void texts_are_gathered(Context& context) {
  const auto text = [](int rank) { return std::string(static_cast<size_t>(rank) * 1000, static_cast<char>('a' + rank)); };
  const std::vector<std::string> texts = all_gather_texts(context.world, text(context.rank), "test");
  for (int rank = 0; rank < context.size; ++rank) context.expect(texts[static_cast<size_t>(rank)] == text(rank), "text of a rank");
}

void failures_are_agreed_on(Context& context) {
  Runtime& runtime = context.runtime;
  context.expect(!runtime.agree(std::nullopt), "no failure");

  std::optional<Error> mine;
  if (context.rank >= 1) mine = Error(ErrorKind::data, "bad record " + std::to_string(context.rank), "a.bin");
  const std::optional<Error> one = runtime.agree(mine);
  context.expect(one && one->kind() == ErrorKind::data, "kind");
  context.expect(one && one->what() == "rank 1 on host " + runtime.host_names()[1] + ": a.bin: bad record 1", one ? one->what() : "");

  const std::optional<Error> alike = runtime.agree(Error(ErrorKind::usage, "unknown key"));
  context.expect(alike && alike->kind() == ErrorKind::usage && std::string(alike->what()) == "unknown key", "the same everywhere");
}

void identities_are_compared(Context& context) {
  Runtime& runtime = context.runtime;
  runtime.require_same("recipe", "abc", "copy it");
  const std::string other = context.rank == context.size - 1 ? "abd" : "abc";
  const std::string place = "rank " + std::to_string(context.size - 1) + " on host " + runtime.host_names().back();
  context.expect_error(
      [&] { runtime.require_same("recipe", other, "copy it"); },
      "the ranks do not have the same recipe: rank 0 on host " + runtime.host_names().front() + " has abc, " + place + " has abd; copy it");
}

void places_are_known(Context& context) {
  Runtime& runtime = context.runtime;
  const std::vector<std::string>& names = runtime.host_names();
  context.expect(names.size() == static_cast<size_t>(context.size) && !runtime.host().empty(), "host names");
  context.expect(runtime.hosts() == static_cast<int>(std::set<std::string>(names.begin(), names.end()).size()), "hosts");
  context.expect(runtime.local_size() == static_cast<int>(std::count(names.begin(), names.end(), runtime.host())), "local size");
  context.expect(runtime.local_rank() == static_cast<int>(std::count(names.begin(), names.begin() + context.rank, runtime.host())),
                 "local rank");
}

void everybody_sees_everybody(Context& context) {
  context.runtime.set_step(context.rank + 100);
  context.runtime.set_phase("a test");
  bool seen = false;
  while (!seen) {  // the runner ends a case that hangs
    const std::vector<watchdog::RankView> ranks = context.runtime.watch();
    seen = ranks.size() == static_cast<size_t>(context.size);
    for (int rank = 0; seen && rank < context.size; ++rank) {
      const watchdog::RankSlot& slot = ranks[static_cast<size_t>(rank)].slot;
      seen = slot.presence == watchdog::Presence::alive && slot.step == rank + 100 && std::string(slot.phase.data()) == "a test";
    }
  }
  context.world.barrier(ReadyEvent::now(), "test").wait();
}

}  // namespace

std::vector<Case> group_cases() {
  return {{"split_by_parity", split_by_parity},
          {"split_without_some", split_without_some},
          {"texts_are_gathered", texts_are_gathered},
          {"failures_are_agreed_on", failures_are_agreed_on},
          {"identities_are_compared", identities_are_compared},
          {"places_are_known", places_are_known},
          {"everybody_sees_everybody", everybody_sees_everybody}};
}

}  // namespace tessera::distributed::testing
