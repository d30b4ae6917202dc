// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "tests/distributed/runner.h"

namespace tessera::distributed::testing {
namespace {

constexpr size_t kElements = 50'000;

struct Bucket {
  std::vector<int64_t> sums;
  std::vector<float> gradient;
  std::vector<size_t> offsets;
  Completion filled;

  Bucket(int rank, int size, size_t number, size_t elements) : sums(elements), gradient(elements), offsets(even_offsets(elements, size)) {
    for (size_t i = 0; i < elements; ++i) sums[i] = static_cast<int64_t>(i * (number + 1)) + rank;
  }
  std::span<int64_t> mine(int rank) { return std::span(sums).subspan(begin(rank), length(rank)); }
  std::span<float> mine_converted(int rank) { return std::span(gradient).subspan(begin(rank), length(rank)); }
  size_t begin(int rank) const { return offsets[static_cast<size_t>(rank)]; }
  size_t length(int rank) const { return offsets[static_cast<size_t>(rank) + 1] - begin(rank); }
  bool is_right(int size, size_t number) const {
    const int64_t ranks = int64_t{size} * (size - 1) / 2;
    for (size_t i = 0; i < gradient.size(); ++i) {
      if (gradient[i] != static_cast<float>(static_cast<int64_t>(i * (number + 1)) * size + ranks)) return false;
    }
    return true;
  }
};

Work submit(Context& context, Bucket& bucket) {
  const std::span<int64_t> mine = bucket.mine(context.rank);
  const std::span<float> converted = bucket.mine_converted(context.rank);
  const Work reduced =
      context.world.reduce_scatter(bucket.sums, mine, bucket.offsets, ReduceOp::sum, bucket.filled.event(), "gradient bucket");
  const ReadyEvent ready = reduced.then([mine, converted] {
    std::transform(mine.begin(), mine.end(), converted.begin(), [](int64_t sum) { return static_cast<float>(sum); });
  });
  return context.world.all_gather(converted, bucket.gradient, bucket.offsets, ready, "gradient bucket");
}

// As gradient buckets do it: everything is submitted in one order, becomes ready in another on every rank, and runs on.
void chains_complete_out_of_order(Context& context) {
  constexpr size_t kBuckets = 41;
  std::vector<Bucket> buckets;
  for (size_t b = 0; b < kBuckets; ++b) buckets.emplace_back(context.rank, context.size, b, b * 1009);
  std::vector<Work> works;
  for (Bucket& bucket : buckets) works.push_back(submit(context, bucket));
  std::thread filler([&] {
    for (size_t k = 0; k < kBuckets; ++k) {
      buckets[(k * (static_cast<size_t>(context.rank) + 3) + static_cast<size_t>(context.rank)) % kBuckets].filled.set();
    }
  });
  for (const Work& work : works) work.wait();
  filler.join();
  for (size_t b = 0; b < kBuckets; ++b) context.expect(buckets[b].is_right(context.size, b), "bucket " + std::to_string(b));
}

void wait_gives_up_at_the_deadline(Context& context) {
  const Completion gate;
  std::vector<int64_t> data(kElements, context.rank);
  context.runtime.set_step(37);
  const Work work = context.world.all_reduce(data, data, ReduceOp::sum, context.rank == 0 ? gate.event() : ReadyEvent::now(), "late rank");
  if (context.rank != 0) {
    context.expect_error([&] { work.wait(Deadline::in_s(0.1)); },
                         "of world (late rank) of step 37 was not complete after 0.1 s; no answer");
    context.expect_error([&] { work.wait(Deadline::in_s(0.1)); }, " 0");
    context.expect(!work.test(), "goes on after the deadline");
  }
  context.world.barrier(ReadyEvent::now(), "test").wait();
  gate.set();
  work.wait();
  context.expect(data[kElements - 1] == int64_t{context.size} * (context.size - 1) / 2, "result after a deadline");
}

void abandoned_works_leave_the_rest_usable(Context& context) {
  const Completion never;
  for (int round = 0; round < 3; ++round) {
    auto data = std::make_shared<std::vector<int64_t>>(size_t{400'000}, context.rank);
    const std::vector<size_t> offsets = even_offsets(data->size(), context.size);
    std::vector<int64_t> out(offsets[static_cast<size_t>(context.rank) + 1] - offsets[static_cast<size_t>(context.rank)], -7);
    const Work work = context.world.reduce_scatter(ConstBuffer(*data, data), Buffer(out), offsets, ReduceOp::sum,
                                                   context.rank == 0 ? never.event() : ReadyEvent::now(), "abandoned");
    const ReadyEvent followed = work.then([] {});
    context.expect_error([&] { work.wait(Deadline::in_s(0.05)); }, "was not complete");
    work.abandon();
    const std::vector<int64_t> before = out;
    data.reset();
    context.expect_error([&] { work.wait(); }, "was abandoned");
    context.expect_error([&] { followed.wait(); }, "was abandoned");
    context.expect(work.record().state.load() == CollectiveState::abandoned, "state of the record");

    std::vector<int64_t> sum(kElements, 1);
    context.world.all_reduce(sum, sum, ReduceOp::sum, ReadyEvent::now(), "test").wait();
    context.expect(sum == std::vector<int64_t>(kElements, context.size), "all_reduce after abandon");
    context.world.barrier(ReadyEvent::now(), "test").wait();
    context.expect(out == before, "nothing is written after abandon");
  }
}

void long_float_sums_keep_their_order(Context& context) {
  constexpr size_t kCount = 5;
  std::vector<std::vector<float>> data(kCount, std::vector<float>(kElements));
  std::vector<Completion> gates(kCount);
  std::vector<Work> works;
  for (size_t k = 0; k < kCount; ++k) {
    std::fill(data[k].begin(), data[k].end(), static_cast<float>(k));
    works.push_back(context.world.all_reduce(data[k], data[k], ReduceOp::sum, gates[k].event(), "test"));
  }
  for (size_t k = 0; k < kCount; ++k) gates[context.rank % 2 == 0 ? k : kCount - 1 - k].set();
  for (size_t k = 0; k < kCount; ++k) {
    works[k].wait();
    context.expect(data[k][kElements / 2] == static_cast<float>(k) * static_cast<float>(context.size), "sum " + std::to_string(k));
  }
}

void long_float_sums_after_an_abandoned_one_fail(Context& context) {
  const std::shared_ptr<Communicator> group = context.world.split(0, 0, "brief");
  const Completion never;
  std::vector<float> data(kElements, 1.0f);
  const Work first = group->all_reduce(data, data, ReduceOp::sum, never.event(), "test");
  first.abandon();
  const Work second = group->all_reduce(data, data, ReduceOp::sum, ReadyEvent::now(), "test");
  context.expect_error([&] { second.wait(); }, "follows one that was abandoned");
  std::vector<int64_t> sum{1};
  group->all_reduce(sum, sum, ReduceOp::sum, ReadyEvent::now(), "test").wait();
  context.expect(sum[0] == context.size, "exchanges go on");
}

void errors_in_then_reach_the_dependent_work(Context& context) {
  std::vector<int64_t> data(kElements, 1);
  const std::vector<size_t> offsets = even_offsets(kElements, context.size);
  const auto begin = offsets[static_cast<size_t>(context.rank)];
  const std::span<int64_t> mine = std::span(data).subspan(begin, offsets[static_cast<size_t>(context.rank) + 1] - begin);
  const Work reduced = context.world.reduce_scatter(data, mine, offsets, ReduceOp::sum, ReadyEvent::now(), "test");
  const ReadyEvent bad = reduced.then([] { throw Error(ErrorKind::data, "no grid fits"); });
  const Work gathered = context.world.all_gather(mine, data, offsets, bad, "test");
  reduced.wait();
  context.expect_error([&] { gathered.wait(); }, "no grid fits");
  context.expect_error([&] { bad.wait(); }, "no grid fits");
  context.expect(gathered.record().state.load() == CollectiveState::failed, "state of the record");
  context.world.barrier(ReadyEvent::now(), "test").wait();
}

void then_runs_on_one_other_thread(Context& context) {
  std::atomic<std::thread::id> early{};
  std::atomic<std::thread::id> late{};
  const Work work = context.world.barrier(ReadyEvent::now(), "test");
  work.then([&] { early = std::this_thread::get_id(); }).wait();
  work.wait();
  work.then([&] { late = std::this_thread::get_id(); }).wait();
  context.expect(early.load() == late.load() && late.load() != std::this_thread::get_id(), "the communication thread");
}

void dropped_handles_do_no_harm(Context& context) {
  for (int k = 0; k < 100; ++k) {
    auto data = std::make_shared<std::vector<int32_t>>(size_t{3000}, k);
    context.world.all_reduce(ConstBuffer(*data, data), Buffer(*data, data), ReduceOp::max, ReadyEvent::now(), "test");
  }
  context.world.barrier(ReadyEvent::now(), "test").wait();
}

void wrong_arguments_are_told(Context& context) {
  std::vector<int64_t> four(4);
  std::vector<float> floats(4);
  std::vector<std::byte> bytes(4);
  const std::vector<size_t> short_offsets{0, 4};
  const ReadyEvent now = ReadyEvent::now();
  context.expect_error([&] { context.world.all_reduce(four, floats, ReduceOp::sum, now, "test"); }, "do not agree");
  context.expect_error([&] { context.world.all_reduce(bytes, bytes, ReduceOp::sum, now, "test"); }, "no arithmetic");
  context.expect_error([&] { context.world.all_gather(four, four, short_offsets, now, "test"); }, "do not bound");
  context.expect_error([&] { context.world.send(four, context.rank, now, "test"); }, "no such peer");
  context.expect_error([&] { context.world.broadcast(four, context.size, now, "test"); }, "no such root");
}

void sizes_that_differ_are_told(Context& context) {
  const std::shared_ptr<Communicator> group = context.world.split(0, 0, "sizes");
  std::vector<int32_t> data(context.rank == 0 ? 5 : 7);
  if (context.rank == 0) group->send(data, 1, ReadyEvent::now(), "test").wait();
  if (context.rank == 1) {
    context.expect_error([&] { group->recv(data, 0, ReadyEvent::now(), "test").wait(); }, "got 20 bytes from rank 0 where 28");
  }
}

void recorder_keeps_the_last_collectives(Context& context) {
  context.runtime.set_step(5);
  for (int k = 0; k < 300; ++k) context.world.barrier(ReadyEvent::now(), "recorded").wait();
  const auto history = context.runtime.recorder().history();
  context.expect(history.size() == FlightRecorder::kKept, "length of the history");
  const CollectiveRecord& last = *history.back();
  context.expect(last.kind == CollectiveKind::barrier && last.step == 5 && last.state.load() == CollectiveState::done, "last record");
  context.expect(last.sequence == history.front()->sequence + FlightRecorder::kKept - 1, "sequence");
  context.expect(last.text() == "barrier #" + std::to_string(last.sequence) + " of world (recorded)", last.text());
}

}  // namespace

std::vector<Case> async_cases() {
  return {{"chains_complete_out_of_order", chains_complete_out_of_order},
          {"wait_gives_up_at_the_deadline", wait_gives_up_at_the_deadline},
          {"abandoned_works_leave_the_rest_usable", abandoned_works_leave_the_rest_usable},
          {"long_float_sums_keep_their_order", long_float_sums_keep_their_order},
          {"long_float_sums_after_an_abandoned_one_fail", long_float_sums_after_an_abandoned_one_fail},
          {"errors_in_then_reach_the_dependent_work", errors_in_then_reach_the_dependent_work},
          {"then_runs_on_one_other_thread", then_runs_on_one_other_thread},
          {"dropped_handles_do_no_harm", dropped_handles_do_no_harm},
          {"wrong_arguments_are_told", wrong_arguments_are_told},
          {"sizes_that_differ_are_told", sizes_that_differ_are_told},
          {"recorder_keeps_the_last_collectives", recorder_keeps_the_last_collectives}};
}

}  // namespace tessera::distributed::testing
