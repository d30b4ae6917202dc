// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/tensor/tensor.h"

namespace tessera {

/// While one lives, it writes down which inputs ReLUs let through and which pixels max-pools take, in the order in which they are decided: another program that
/// holds the same decisions differs by rounding alone. It puts itself between ops and kernels; one at a time.
class DecisionRecorder {
 public:
  DecisionRecorder();
  ~DecisionRecorder();
  DecisionRecorder(const DecisionRecorder&) = delete;
  DecisionRecorder& operator=(const DecisionRecorder&) = delete;

  /// "decision.00000" and so on, u8 in the order of memory. Of a ReLU's inputs: 0 below its range, 1 in it, 2 above. Of a max-pool's results: the place in
  /// the window, row * width + column.
  std::vector<std::pair<std::string, Tensor>> take();
};

}  // namespace tessera
