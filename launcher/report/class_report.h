// SPDX-License-Identifier: Apache-2.0
// What a classifier makes of each class, as numbers and as text.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/task/class_counts.h"
#include "launcher/report/metrics_log.h"

namespace tessera::launcher {

struct ClassReport {
  std::vector<std::string> names;  ///< one a class
  ClassCounts counts;
};

/// Names are the data set's, or numbers where it has none.
ClassReport make_class_report(const ClassCounts& counts, const data::Dataset& dataset);

/// macro_precision, macro_recall, macro_f1 and matthews; of data with two classes also f1, of class 1. The same names for all counts of one data set.
NamedValues class_values(const ClassCounts& counts, const data::Dataset& dataset);

/// For few classes (at most 30) a table of a line a class, and for very few (at most 12) the confusion matrix; else a line. Ends without a line break.
std::string table_of(const ClassReport& report);

/// One JSON object: names, samples, precision, recall, f1 (arrays, one number a class) and confusion (rows: actual classes). Empty where there is no matrix.
std::string class_report_json(const ClassReport& report);
/// The object "evaluation_classes" of a summary.json, or of what `tessera eval --json` writes. Throws Error(data) where there is none.
ClassReport read_class_report(const std::filesystem::path& file);

/// Adds the counts of the same classes. Throws Error(data) that names both files where the classes differ.
void add_class_report(const ClassReport& more, const std::filesystem::path& file, ClassReport& sum, const std::filesystem::path& first_file);

}  // namespace tessera::launcher
