// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>
#include <type_traits>

#include "core/tensor/allocator.h"
#include "tests/distributed/runner.h"

namespace tessera::distributed::testing {
namespace {

constexpr size_t kSizes[] = {0, 1, 3, 17, 1000, 9001, 70'001, 300'007};

// Small integers, so that sums are exact in every type; `salt` tells uses apart.
template <typename Element>
Element value(int rank, size_t i, int salt = 0) {
  return static_cast<Element>((static_cast<size_t>(rank) * 7 + i * 3 + static_cast<size_t>(salt) * 5) % 19);
}

template <typename Element>
std::vector<Element> values(int rank, size_t elements, int salt = 0) {
  std::vector<Element> all(elements);
  for (size_t i = 0; i < elements; ++i) all[i] = value<Element>(rank, i, salt);
  return all;
}

template <typename Element>
Element reduced(ReduceOp op, int size, size_t i) {
  Element result = value<Element>(0, i);
  for (int rank = 1; rank < size; ++rank) {
    const Element other = value<Element>(rank, i);
    if (op == ReduceOp::sum) result = static_cast<Element>(result + other);
    if (op == ReduceOp::max) result = std::max(result, other);
    if (op == ReduceOp::min) result = std::min(result, other);
  }
  return result;
}

template <typename Element>
std::string label(const char* what, size_t elements) {
  return std::string(what) + " of " + std::to_string(elements) + " " + std::string(name_of(element_type_of<Element>()));
}

// Uneven pieces: rank 1 has none, the others grow.
std::vector<size_t> uneven(size_t elements, int size) {
  std::vector<size_t> offsets(static_cast<size_t>(size) + 1, 0);
  size_t total = 0;
  for (int rank = 0; rank < size; ++rank) total += rank == 1 ? 0 : static_cast<size_t>(rank) + 1;
  size_t sum = 0;
  for (int rank = 0; rank < size; ++rank) {
    sum += rank == 1 ? 0 : static_cast<size_t>(rank) + 1;
    offsets[static_cast<size_t>(rank) + 1] = elements * sum / total;
  }
  return offsets;
}

template <typename Element>
std::span<Element> piece(std::vector<Element>& all, const std::vector<size_t>& offsets, int rank) {
  const auto r = static_cast<size_t>(rank);
  return std::span(all).subspan(offsets[r], offsets[r + 1] - offsets[r]);
}

template <typename Element>
void all_reduce_of(Context& context) {
  for (const size_t elements : kSizes) {
    for (const ReduceOp op : {ReduceOp::sum, ReduceOp::max, ReduceOp::min}) {
      std::vector<Element> expected(elements);
      for (size_t i = 0; i < elements; ++i) expected[i] = reduced<Element>(op, context.size, i);
      std::vector<Element> in = values<Element>(context.rank, elements);
      std::vector<Element> out(elements);
      context.world.all_reduce(in, out, op, ReadyEvent::now(), "test").wait();
      context.expect(out == expected, label<Element>("all_reduce", elements));
      context.world.all_reduce(in, in, op, ReadyEvent::now(), "test").wait();
      context.expect(in == expected, label<Element>("all_reduce in place", elements));
    }
  }
}

void all_reduce(Context& context) {
  all_reduce_of<float>(context);
  all_reduce_of<double>(context);
  all_reduce_of<int64_t>(context);
  all_reduce_of<int32_t>(context);
  all_reduce_of<uint32_t>(context);
  all_reduce_of<uint8_t>(context);
}

template <typename Element>
void reduce_scatter_of(Context& context) {
  for (const size_t elements : kSizes) {
    for (const bool even : {true, false}) {
      const std::vector<size_t> offsets = even ? even_offsets(elements, context.size) : uneven(elements, context.size);
      std::vector<Element> in = values<Element>(context.rank, elements);
      const std::span<Element> mine = piece(in, offsets, context.rank);
      std::vector<Element> expected(mine.size());
      for (size_t i = 0; i < mine.size(); ++i) {
        expected[i] = reduced<Element>(ReduceOp::sum, context.size, offsets[static_cast<size_t>(context.rank)] + i);
      }
      std::vector<Element> out(mine.size());
      context.world.reduce_scatter(in, out, offsets, ReduceOp::sum, ReadyEvent::now(), "test").wait();
      context.expect(out == expected, label<Element>("reduce_scatter", elements));
      context.world.reduce_scatter(in, mine, offsets, ReduceOp::sum, ReadyEvent::now(), "test").wait();
      context.expect(std::equal(mine.begin(), mine.end(), expected.begin()), label<Element>("reduce_scatter in place", elements));
    }
  }
}

void reduce_scatter(Context& context) {
  reduce_scatter_of<float>(context);
  reduce_scatter_of<double>(context);
  reduce_scatter_of<int64_t>(context);
  reduce_scatter_of<int32_t>(context);
  reduce_scatter_of<uint32_t>(context);
  reduce_scatter_of<uint8_t>(context);
}

void reduce_scatter_by_the_callers_arithmetic(Context& context) {
  std::vector<size_t> sizes(std::begin(kSizes), std::end(kSizes));
  sizes.push_back(static_cast<size_t>(context.size) * 80'000);  // every piece is long enough to be read from the peers' memory
  for (const size_t elements : sizes) {
    for (const bool even : {true, false}) {
      const std::vector<size_t> offsets = even ? even_offsets(elements, context.size) : uneven(elements, context.size);
      std::vector<float> in = values<float>(context.rank, elements);
      const std::span<float> mine = piece(in, offsets, context.rank);
      const std::vector<float> own(mine.begin(), mine.end());
      std::vector<int> visits(mine.size());
      bool own_in_front = true, in_order = true;
      size_t next = 0;
      const auto sum = [&](size_t first, size_t count, std::span<const float* const> terms) {
        in_order = in_order && first == next;
        next = first + count;
        for (size_t i = 0; i < count; ++i) {
          own_in_front = own_in_front && terms[0][i] == own[first + i];
          float total = 0;
          for (const float* term : terms) total += term[i];
          mine[first + i] = total;
          ++visits[first + i];
        }
      };
      context.world.reduce_scatter(in, offsets, sum, ReadyEvent::now(), "test").wait();
      bool good = own_in_front && in_order;
      for (size_t i = 0; i < mine.size(); ++i) {
        good = good && visits[i] == 1 && mine[i] == reduced<float>(ReduceOp::sum, context.size, offsets[static_cast<size_t>(context.rank)] + i);
      }
      context.expect(good, label<float>("reduce_scatter by the caller's arithmetic", elements));
    }
  }
}

// Peers read there in place, what was written last.
template <typename Element>
void allocated_memory_of(Context& context) {
  const size_t elements = static_cast<size_t>(context.size) * 80'000 + 5;
  const std::vector<size_t> offsets = even_offsets(elements, context.size);
  const std::shared_ptr<std::byte> block = context.world.allocate(elements * sizeof(Element));
  const std::span<Element> all(reinterpret_cast<Element*>(block.get()), elements);
  const auto r = static_cast<size_t>(context.rank);
  const std::span<Element> mine = all.subspan(offsets[r], offsets[r + 1] - offsets[r]);
  context.expect(std::all_of(all.begin(), all.end(), [](Element element) { return element == 0; }), "allocated memory is zeroed");
  const auto add = [&](size_t first, size_t count, std::span<const float* const> terms) {
    for (size_t i = first; i < first + count; ++i) {
      float total = 0;
      for (const float* term : terms) total += term[i - first];
      mine[i] = static_cast<Element>(total);
    }
  };
  for (int salt = 0; salt < 3; ++salt) {
    for (size_t i = 0; i < elements; ++i) all[i] = value<Element>(context.rank, i, salt);
    if constexpr (std::is_same_v<Element, float>) {
      context.world.reduce_scatter({all, block}, offsets, add, ReadyEvent::now(), "test").wait();
    } else {
      context.world.reduce_scatter({all, block}, {mine, block}, offsets, ReduceOp::sum, ReadyEvent::now(), "test").wait();
    }
    context.world.all_gather({mine, block}, {all, block}, offsets, ReadyEvent::now(), "test").wait();
    bool good = true;
    for (size_t i = 0; i < elements; ++i) {
      Element sum = 0;
      for (int rank = 0; rank < context.size; ++rank) sum = static_cast<Element>(sum + value<Element>(rank, i, salt));
      good = good && all[i] == sum;
    }
    context.expect(good, label<Element>("sums in allocated memory", elements));
  }
}

void allocated_memory(Context& context) {
  const auto live_bytes = [] { return memory_use().live_bytes[static_cast<size_t>(MemoryCategory::data)]; };
  const MemoryScope scope(MemoryCategory::data);
  const size_t before_bytes = live_bytes();
  {
    const std::shared_ptr<std::byte> block = context.world.allocate(1 << 20);
    context.expect(live_bytes() >= before_bytes + (1 << 20), "allocated memory is counted");
  }
  context.expect(live_bytes() == before_bytes, "what is given back is counted no more");
  for (int round = 0; round < 2; ++round) {  // the second one's blocks may lie where the first one's were
    allocated_memory_of<float>(context);
    allocated_memory_of<int64_t>(context);
  }
}

void sums_wrap_around(Context& context) {
  const std::vector<int64_t> in{INT64_MAX, INT64_MIN, -1};
  std::vector<int64_t> out(3);
  context.world.all_reduce(in, out, ReduceOp::sum, ReadyEvent::now(), "test").wait();
  for (size_t i = 0; i < in.size(); ++i) {
    const uint64_t expected = static_cast<uint64_t>(in[i]) * static_cast<uint64_t>(context.size);
    context.expect(static_cast<uint64_t>(out[i]) == expected, "wrapped sum");
  }
}

template <typename Element>
void all_gather_of(Context& context) {
  for (const size_t elements : kSizes) {
    for (const bool even : {true, false}) {
      const std::vector<size_t> offsets = even ? even_offsets(elements, context.size) : uneven(elements, context.size);
      std::vector<Element> expected(elements);
      for (int rank = 0; rank < context.size; ++rank) {
        const std::span<Element> part = piece(expected, offsets, rank);
        for (size_t i = 0; i < part.size(); ++i) part[i] = value<Element>(rank, i);
      }
      const std::span<Element> mine = piece(expected, offsets, context.rank);
      std::vector<Element> out(elements);
      context.world.all_gather(mine, out, offsets, ReadyEvent::now(), "test").wait();
      context.expect(out == expected, label<Element>("all_gather", elements));
      std::vector<Element> in_place(elements);
      const std::span<Element> here = piece(in_place, offsets, context.rank);
      std::copy(mine.begin(), mine.end(), here.begin());
      context.world.all_gather(here, in_place, offsets, ReadyEvent::now(), "test").wait();
      context.expect(in_place == expected, label<Element>("all_gather in place", elements));
    }
  }
}

void all_gather(Context& context) {
  all_gather_of<float>(context);
  all_gather_of<double>(context);
  all_gather_of<int64_t>(context);
  all_gather_of<int32_t>(context);
  all_gather_of<uint8_t>(context);
}

template <typename Element>
void broadcast_of(Context& context) {
  for (const size_t elements : kSizes) {
    for (int root = 0; root < context.size; ++root) {
      std::vector<Element> data = values<Element>(context.rank, elements, root);
      context.world.broadcast(data, root, ReadyEvent::now(), "test").wait();
      context.expect(data == values<Element>(root, elements, root), label<Element>("broadcast", elements));
    }
  }
}

void broadcast(Context& context) {
  broadcast_of<float>(context);
  broadcast_of<int64_t>(context);
  broadcast_of<uint8_t>(context);
}

void all_to_all(Context& context) {
  for (const size_t scale : {size_t{0}, size_t{1}, size_t{1001}, size_t{100'003}}) {
    const auto amount = [&](int from, int to) { return scale * static_cast<size_t>((from + 2 * to) % 3); };
    std::vector<size_t> in_offsets{0};
    std::vector<size_t> out_offsets{0};
    for (int peer = 0; peer < context.size; ++peer) {
      in_offsets.push_back(in_offsets.back() + amount(context.rank, peer));
      out_offsets.push_back(out_offsets.back() + amount(peer, context.rank));
    }
    std::vector<int32_t> in(in_offsets.back());
    std::vector<int32_t> expected(out_offsets.back());
    for (int peer = 0; peer < context.size; ++peer) {
      const std::vector<int32_t> to = values<int32_t>(context.rank, amount(context.rank, peer), peer);
      const std::vector<int32_t> from = values<int32_t>(peer, amount(peer, context.rank), context.rank);
      std::copy(to.begin(), to.end(), piece(in, in_offsets, peer).begin());
      std::copy(from.begin(), from.end(), piece(expected, out_offsets, peer).begin());
    }
    std::vector<int32_t> out(out_offsets.back());
    context.world.all_to_all(in, in_offsets, out, out_offsets, ReadyEvent::now(), "test").wait();
    context.expect(out == expected, label<int32_t>("all_to_all", scale));
  }
}

void send_and_recv(Context& context) {
  const int next = (context.rank + 1) % context.size;
  const int previous = (context.rank + context.size - 1) % context.size;
  for (const size_t elements : kSizes) {
    const std::vector<double> out = values<double>(context.rank, elements);
    std::vector<double> in(elements);
    const Work sent = context.world.send(out, next, ReadyEvent::now(), "test");
    context.world.recv(in, previous, ReadyEvent::now(), "test").wait();
    sent.wait();
    context.expect(in == values<double>(previous, elements), label<double>("send and recv", elements));
  }
}

// The k-th send meets the k-th recv, also when they start in another order.
void sends_started_out_of_order(Context& context) {
  constexpr size_t kMessages = 20;
  std::vector<std::vector<int64_t>> data(kMessages);
  std::vector<Completion> gates(kMessages);
  std::vector<Work> works;
  if (context.rank < 2) {
    for (size_t k = 0; k < kMessages; ++k) {
      const ReadyEvent ready = gates[k].event();
      if (context.rank == 0) {
        data[k] = values<int64_t>(0, 1000 + k, static_cast<int>(k));
        works.push_back(context.world.send(data[k], 1, ready, "test"));
      } else {
        data[k].resize(1000 + k);
        works.push_back(context.world.recv(data[k], 0, ready, "test"));
      }
    }
  }
  for (size_t k = 0; k < kMessages; ++k) gates[context.rank == 0 ? kMessages - 1 - k : (k * 7) % kMessages].set();
  for (const Work& work : works) work.wait();
  for (size_t k = 0; k < works.size(); ++k) {
    context.expect(data[k] == values<int64_t>(0, 1000 + k, static_cast<int>(k)), "message " + std::to_string(k));
  }
}

int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

void barrier(Context& context) {
  for (int last = 0; last < context.size; ++last) {
    if (context.rank == last) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const std::vector<int64_t> entered{now_ns()};
    context.world.barrier(ReadyEvent::now(), "test").wait();
    const int64_t passed = now_ns();
    std::vector<int64_t> latest(1);
    context.world.all_reduce(entered, latest, ReduceOp::max, ReadyEvent::now(), "test").wait();
    context.expect(passed >= latest[0], "nobody passes before all have come");  // one host: one clock
  }
}

void long_messages(Context& context) {
  const size_t elements = (size_t{72} << 20) / sizeof(int64_t) * static_cast<size_t>(context.size) / 2 + 5;
  const std::vector<size_t> offsets = even_offsets(elements, context.size);
  std::vector<int64_t> in = values<int64_t>(context.rank, elements);
  const std::span<int64_t> mine = piece(in, offsets, context.rank);
  context.world.reduce_scatter(in, mine, offsets, ReduceOp::sum, ReadyEvent::now(), "test").wait();
  context.world.all_gather(mine, in, offsets, ReadyEvent::now(), "test").wait();
  bool good = true;
  for (size_t i = 0; i < elements; ++i) good = good && in[i] == reduced<int64_t>(ReduceOp::sum, context.size, i);
  context.expect(good, "reduce_scatter and all_gather of 72 MiB a peer");
  std::vector<uint8_t> bytes = values<uint8_t>(context.rank, (size_t{70} << 20) + 3);
  if (context.rank == 0) context.world.send(bytes, context.size - 1, ReadyEvent::now(), "test").wait();
  if (context.rank == context.size - 1) context.world.recv(bytes, 0, ReadyEvent::now(), "test").wait();
  if (context.rank == context.size - 1) context.expect(bytes == values<uint8_t>(0, bytes.size()), "send of 70 MiB");
  std::vector<float> sums = values<float>(context.rank, (size_t{70} << 20) / sizeof(float));
  context.world.all_reduce(sums, sums, ReduceOp::sum, ReadyEvent::now(), "test").wait();
  for (size_t i = 0; i < sums.size(); ++i) good = good && sums[i] == reduced<float>(ReduceOp::sum, context.size, i);
  context.expect(good, "all_reduce of 70 MiB of floats");
}

// Short floating-point sums are in rank order, so they do not depend on timing: these terms would show another order.
void short_float_sums_are_ordered(Context& context) {
  std::vector<double> expected{0};
  const auto term = [](int rank) { return rank % 2 == 0 ? 1e16 / (rank + 1) : 1.0 + rank; };
  expected[0] = term(0);
  for (int rank = 1; rank < context.size; ++rank) expected[0] += term(rank);
  for (int round = 0; round < 50; ++round) {
    const std::vector<double> in{term(context.rank)};
    std::vector<double> out(1);
    context.world.all_reduce(in, out, ReduceOp::sum, ReadyEvent::now(), "test").wait();
    context.expect(out == expected, "sum in rank order");
  }
}

}  // namespace

std::vector<Case> collective_cases() {
  return {{"all_reduce", all_reduce},
          {"reduce_scatter", reduce_scatter},
          {"reduce_scatter by the caller's arithmetic", reduce_scatter_by_the_callers_arithmetic},
          {"reduce_scatter by reading in place", allocated_memory},
          {"sums_wrap_around", sums_wrap_around},
          {"all_gather", all_gather},
          {"broadcast", broadcast},
          {"all_to_all", all_to_all},
          {"send_and_recv", send_and_recv},
          {"sends_started_out_of_order", sends_started_out_of_order},
          {"barrier", barrier},
          {"long_messages", long_messages},
          {"short_float_sums_are_ordered", short_float_sums_are_ordered}};
}

}  // namespace tessera::distributed::testing
