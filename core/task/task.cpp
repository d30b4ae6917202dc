// SPDX-License-Identifier: Apache-2.0
#include "core/task/task.h"

#include "core/base/error.h"

namespace tessera {

void Task::score(const Tensor&, const data::Batch&, Metrics&) { throw Error(ErrorKind::usage, "this task has no scores of classes", "task", "take one that classifies"); }

}  // namespace tessera
