// SPDX-License-Identifier: Apache-2.0
#include "distributed/agreement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace tessera::distributed {
namespace {

// An error as text: its kind as a digit, then the line; no failure is the empty text.
std::string encode(const std::optional<Error>& error) {
  if (!error) return "";
  return std::to_string(static_cast<int>(error->kind())) + error->what();
}

ErrorKind kind_in(const std::string& text) { return static_cast<ErrorKind>(text.front() - '0'); }

std::string place(int rank, const std::vector<std::string>& hosts) {
  return fmt::format("rank {} on host {}", rank, hosts[static_cast<size_t>(rank)]);
}

std::string differing(const std::vector<std::string>& texts, const std::vector<std::string>& hosts) {
  constexpr size_t kListed = 4;
  std::vector<std::string> places;
  size_t more = 0;
  for (size_t rank = 1; rank < texts.size(); ++rank) {
    if (texts[rank] == texts[0]) continue;
    if (places.size() < kListed) {
      places.push_back(fmt::format("{} has {}", place(static_cast<int>(rank), hosts), texts[rank]));
    } else {
      ++more;
    }
  }
  return fmt::format("{}{}", fmt::join(places, ", "), more > 0 ? fmt::format(" and {} more differ", more) : "");
}

}  // namespace

std::vector<std::string> all_gather_texts(Communicator& communicator, std::string_view mine, const char* caller) {
  const auto size = static_cast<size_t>(communicator.size());
  const std::vector<int64_t> length{static_cast<int64_t>(mine.size())};
  std::vector<int64_t> lengths(size);
  std::vector<size_t> offsets(size + 1);
  std::iota(offsets.begin(), offsets.end(), size_t{0});
  communicator.all_gather(length, lengths, offsets, ReadyEvent::now(), caller).wait();
  for (size_t rank = 0; rank < size; ++rank) offsets[rank + 1] = offsets[rank] + static_cast<size_t>(lengths[rank]);
  std::vector<std::byte> all(offsets.back());
  communicator.all_gather(std::as_bytes(std::span(mine)), all, offsets, ReadyEvent::now(), caller).wait();
  std::vector<std::string> texts(size);
  for (size_t rank = 0; rank < size; ++rank) {
    texts[rank].assign(reinterpret_cast<const char*>(all.data()) + offsets[rank], offsets[rank + 1] - offsets[rank]);
  }
  return texts;
}

std::optional<Error> agree(Communicator& communicator, const std::optional<Error>& mine, const std::vector<std::string>& hosts) {
  const std::vector<std::string> texts = all_gather_texts(communicator, encode(mine), "agreement on failures");
  const auto failed = std::find_if(texts.begin(), texts.end(), [](const std::string& text) { return !text.empty(); });
  if (failed == texts.end()) return std::nullopt;
  const std::string line = failed->substr(1);
  const bool alike = std::all_of(texts.begin(), texts.end(), [&](const std::string& text) { return text == *failed; });
  if (alike) return Error(kind_in(*failed), line);
  const int rank = static_cast<int>(failed - texts.begin());
  return Error(kind_in(*failed), line, place(communicator.identity().world_ranks[static_cast<size_t>(rank)], hosts));
}

void require_same(Communicator& communicator, std::string_view what, std::string_view mine, const std::vector<std::string>& hosts,
                  std::string_view fix) {
  const std::vector<std::string> texts = all_gather_texts(communicator, mine, "agreement on what is used");
  if (std::all_of(texts.begin(), texts.end(), [&](const std::string& text) { return text == texts[0]; })) return;
  throw Error(ErrorKind::usage,
              fmt::format("the ranks do not have the same {}: {} has {}, {}", what, place(0, hosts), texts[0], differing(texts, hosts)), "",
              fix);
}

}  // namespace tessera::distributed
