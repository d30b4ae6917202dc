// SPDX-License-Identifier: Apache-2.0
#include "core/data/dealing.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"

namespace tessera::data {

std::vector<int64_t> deal_quanta(Dealing dealing, int64_t quanta, int64_t world, int64_t rank) {
  TESSERA_ASSERT(world >= 1 && rank >= 0 && rank < world, "a rank lies in 0..world-1");
  if (world > quanta) {
    throw Error(ErrorKind::usage, fmt::format("a step has {} quanta, too few for {} ranks", quanta, world),
                "batch.global_samples, batch.micro_samples", "raise the first, lower the second, or start fewer ranks");
  }
  std::vector<int64_t> mine;
  if (dealing == Dealing::strided) {
    for (int64_t quantum = rank; quantum < quanta; quantum += world) mine.push_back(quantum);
    return mine;
  }
  const int64_t each = quanta / world, longer_ranks = quanta % world;  // the first ranks run one more
  const int64_t begin = rank * each + std::min(rank, longer_ranks);
  const int64_t end = begin + each + (rank < longer_ranks ? 1 : 0);
  for (int64_t quantum = begin; quantum < end; ++quantum) mine.push_back(quantum);
  return mine;
}

}  // namespace tessera::data
