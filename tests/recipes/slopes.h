// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/data/dataset.h"
#include "core/task/task.h"

namespace tessera::test {

/// Expects the task's gradients to be the slopes of its loss: every parameter in turn is moved along its gradient. Matrices are made `larger` first, for as
/// they start they hardly matter, so that rounding would hide their slopes. `weight`: of the batch.
void expect_slopes(Task& task, const data::Batch& batch, double weight, float larger = 20.0f);

}  // namespace tessera::test
