// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "launcher/report/class_report.h"
#include "launcher/tensorboard/png.h"

namespace tessera::launcher {

/// The confusion matrix of a report that has one: a row for each class, a column for each that samples were taken for; counts, shares of the row where there is
/// room, recall and F1 of each row, precision of each column. A cell is the darker the larger its share of the row.
Picture draw_confusion(const ClassReport& report, const std::string& title);

}  // namespace tessera::launcher
