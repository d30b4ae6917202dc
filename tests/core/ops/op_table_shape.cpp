// SPDX-License-Identifier: Apache-2.0
#include "core/ops/shape.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {

std::vector<OpRow> shape_rows() {
  std::vector<OpRow> rows;
  rows.push_back({"flatten [2, 3, 4, 5]", {{{2, 3, 4, 5}, true}}, [](const auto& in) { return ops::flatten(in[0]); },
                  [](const auto& in) { return in[0]; }});
  return rows;
}

}  // namespace tessera::test
