// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/class_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"

namespace tessera::launcher {
namespace {

using ClassJson = nlohmann::ordered_json;

constexpr int64_t kMostTableRows = 30, kMostTableColumns = 12;
constexpr size_t kLeastColumn = 9;
constexpr const char* kKey = "evaluation_classes";

/// Cut to the width, by code points of UTF-8 as far as that matters here.
std::string padded(const std::string& text, size_t width) { return fmt::format("{:>{}.{}}", text, width, width); }

std::string row_of(const std::string& name, size_t width, int64_t samples, const ClassScores& scores) {
  return fmt::format("  {} {:>9} {:>10.4f} {:>10.4f} {:>10.4f}\n", padded(name, width), samples, scores.precision, scores.recall, scores.f1);
}

size_t widest(const std::vector<std::string>& names, size_t least) {
  for (const std::string& name : names) least = std::max(least, name.size());
  return std::min<size_t>(least, 24);
}

std::string matrix_text(const ClassReport& report) {
  const size_t left = widest(report.names, 13), width = widest(report.names, kLeastColumn);
  std::string text = "  rows: the class it is; columns: the class it was taken for\n" + std::string(left + 2, ' ');
  for (const std::string& name : report.names) text += " " + padded(name, width);
  for (int64_t actual = 0; actual < report.counts.classes(); ++actual) {
    text += "\n  " + padded(report.names[static_cast<size_t>(actual)], left);
    for (int64_t predicted = 0; predicted < report.counts.classes(); ++predicted) text += fmt::format(" {:>{}}", report.counts.pair(actual, predicted), width);
  }
  return text;
}

/// Counts from the rows of a confusion matrix. Throws nlohmann's errors, or Error(data).
ClassReport from_json(const ClassJson& json) {
  ClassReport report;
  report.names = json.at("names").get<std::vector<std::string>>();
  const auto rows = json.at("confusion").get<std::vector<std::vector<int64_t>>>();
  const auto classes = static_cast<int64_t>(report.names.size());
  report.counts = ClassCounts(classes, true);
  if (rows.size() != report.names.size()) throw Error(ErrorKind::data, fmt::format("{} rows for {} classes", rows.size(), classes));
  for (int64_t actual = 0; actual < classes; ++actual) {
    const std::vector<int64_t>& row = rows[static_cast<size_t>(actual)];
    if (static_cast<int64_t>(row.size()) != classes) throw Error(ErrorKind::data, fmt::format("a row of {} numbers for {} classes", row.size(), classes));
    for (int64_t predicted = 0; predicted < classes; ++predicted) {
      const int64_t samples = row[static_cast<size_t>(predicted)];
      if (samples < 0 || samples > (int64_t{1} << 40)) throw Error(ErrorKind::data, fmt::format("{} is no count of samples", samples));
      report.counts.add(actual, predicted, samples);
    }
  }
  return report;
}

}  // namespace

ClassReport make_class_report(const ClassCounts& counts, const data::Dataset& dataset) {
  ClassReport report{dataset.class_names(), counts};
  for (auto label = static_cast<int64_t>(report.names.size()); label < counts.classes(); ++label) report.names.push_back(std::to_string(label));
  report.names.resize(static_cast<size_t>(counts.classes()));
  return report;
}

NamedValues class_values(const ClassCounts& counts, const data::Dataset& dataset) {
  const ClassScores mean = counts.macro();
  NamedValues values = {{"macro_precision", mean.precision}, {"macro_recall", mean.recall}, {"macro_f1", mean.f1}, {"matthews", counts.matthews()}};
  if (dataset.classes() == 2) values.emplace_back("f1", counts.scores(1).f1);
  return values;
}

std::string table_of(const ClassReport& report) {
  const ClassCounts& counts = report.counts;
  const ClassScores mean = counts.macro();
  if (counts.classes() > kMostTableRows) {
    return fmt::format("  {} classes, macro averages: precision {:.4f} recall {:.4f} F1 {:.4f}", counts.classes(), mean.precision, mean.recall, mean.f1);
  }
  const size_t width = widest(report.names, 13);
  std::string text = fmt::format("  {} {:>9} {:>10} {:>10} {:>10}\n", padded("", width), "samples", "precision", "recall", "F1");
  for (int64_t label = 0; label < counts.classes(); ++label) text += row_of(report.names[static_cast<size_t>(label)], width, counts.actual(label), counts.scores(label));
  text += row_of("macro average", width, counts.samples(), mean);
  if (counts.has_matrix() && counts.classes() <= kMostTableColumns) return text + matrix_text(report);
  text.pop_back();
  return text;
}

std::string class_report_json(const ClassReport& report) {
  const ClassCounts& counts = report.counts;
  if (!counts.has_matrix()) return {};
  ClassJson json = {{"names", report.names}, {"samples", ClassJson::array()}, {"precision", ClassJson::array()}, {"recall", ClassJson::array()}, {"f1", ClassJson::array()}, {"confusion", ClassJson::array()}};
  for (int64_t label = 0; label < counts.classes(); ++label) {
    const ClassScores scores = counts.scores(label);
    json["samples"].push_back(counts.actual(label));
    json["precision"].push_back(scores.precision);
    json["recall"].push_back(scores.recall);
    json["f1"].push_back(scores.f1);
    ClassJson row = ClassJson::array();
    for (int64_t predicted = 0; predicted < counts.classes(); ++predicted) row.push_back(counts.pair(label, predicted));
    json["confusion"].push_back(row);
  }
  return json.dump(-1, ' ', false, ClassJson::error_handler_t::replace);
}

ClassReport read_class_report(const std::filesystem::path& file) {
  const std::string fix = "give the summary.json of a classifier's run, or what tessera eval --json wrote; evaluate.confusion_classes may have been too small";
  const std::string text = read_file(file, ErrorKind::data);
  try {
    return from_json(ClassJson::parse(text).at(kKey));
  } catch (const Error& error) {
    throw Error(ErrorKind::data, std::string("no confusion matrix: ") + error.what(), file.string(), fix);
  } catch (const ClassJson::exception&) {
    throw Error(ErrorKind::data, std::string("there is no \"") + kKey + "\" with names and confusion in it", file.string(), fix);
  }
}

void add_class_report(const ClassReport& more, const std::filesystem::path& file, ClassReport& sum, const std::filesystem::path& first_file) {
  if (more.names != sum.names) {
    throw Error(ErrorKind::data, "its classes are not those of " + first_file.string(), file.string(), "sum up evaluations of the same classes");
  }
  for (int64_t actual = 0; actual < sum.counts.classes(); ++actual) {
    for (int64_t predicted = 0; predicted < sum.counts.classes(); ++predicted) sum.counts.add(actual, predicted, more.counts.pair(actual, predicted));
  }
}

}  // namespace tessera::launcher
