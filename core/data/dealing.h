// SPDX-License-Identifier: Apache-2.0
// Which rank runs which quanta of a step. Free to choose: gradients are summed exactly.
#pragma once

#include <cstdint>
#include <vector>

namespace tessera::data {

enum class Dealing {
  contiguous,  ///< neighbouring quanta on one rank
  strided,     ///< quantum q on rank q % world
};

/// The quanta of `rank`, ascending. Over all ranks every quantum appears once, and their numbers differ by at most one.
/// Throws Error(usage) naming the keys unless 1 <= world <= quanta.
std::vector<int64_t> deal_quanta(Dealing dealing, int64_t quanta, int64_t world, int64_t rank);

}  // namespace tessera::data
