// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/class_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "core/base/error.h"
#include "launcher/report/confusion_picture.h"
#include "launcher/report/lettering.h"
#include "tests/temporary_folder.h"

namespace tessera::launcher {
namespace {

constexpr Colour kPaper{255, 255, 255}, kInk{0, 0, 0};

ClassReport report_of(int64_t classes, bool with_matrix = true) {
  ClassReport report;
  report.counts = ClassCounts(classes, with_matrix);
  for (int64_t label = 0; label < classes; ++label) {
    report.names.push_back("class " + std::to_string(label));
    report.counts.add(label, label, 7 + label);
    report.counts.add(label, (label + 1) % classes, 2);
  }
  return report;
}

int64_t count_of(const Picture& picture, Colour colour) { return std::count(picture.pixels.begin(), picture.pixels.end(), colour); }

TEST(Lettering, EveryCharacterLooksDifferent) {
  std::set<std::vector<Colour>> seen;
  for (char c = ' '; c <= '~'; ++c) {
    Picture picture(5, 7, kPaper);
    draw_text(picture, 0, 0, std::string(1, c), kInk, 1);
    EXPECT_TRUE(seen.insert(picture.pixels).second) << "'" << c << "' looks like another";
    EXPECT_EQ(count_of(picture, kInk) == 0, c == ' ') << c;
  }
}

TEST(Lettering, UpwardIsATurnByNinetyDegrees) {
  const std::string text = "Rg1";
  Picture lying(text_length(text, 2), text_height(2), kPaper), upright(text_height(2), text_length(text, 2), kPaper);
  draw_text(lying, 0, 0, text, kInk, 2);
  draw_text(upright, 0, 0, text, kInk, 2, TextDirection::upward);
  ASSERT_EQ(lying.width, 34);
  for (int64_t x = 0; x < lying.width; ++x) {
    for (int64_t y = 0; y < lying.height; ++y) EXPECT_EQ(lying.at(x, y), upright.at(y, lying.width - 1 - x)) << x << " " << y;
  }
}

TEST(Lettering, WhatIsNoAsciiIsAQuestionMarkACharacter) {
  EXPECT_EQ(text_length("\xc3\xa4\xe2\x82\xac", 1), text_length("??", 1));
  Picture strange(11, 7, kPaper), asked(11, 7, kPaper);
  draw_text(strange, 0, 0, "\xc3\xa4\xe2\x82\xac", kInk, 1);
  draw_text(asked, 0, 0, "??", kInk, 1);
  EXPECT_EQ(strange.pixels, asked.pixels);
}

TEST(Lettering, TextIsCutOffAtTheEdge) {
  Picture picture(4, 4, kPaper);
  draw_text(picture, -2, -3, "####", kInk, 3);
  draw_text(picture, 3, 3, "W", kInk, 1, TextDirection::upward);
  EXPECT_GT(count_of(picture, kInk), 0);
}

TEST(ConfusionPicture, TheDarkerTheLargerTheShare) {
  ClassReport report{{"ant", "bee"}, ClassCounts(2, true)};
  report.counts.add(0, 0, 5);
  report.counts.add(1, 0, 1);
  report.counts.add(1, 1, 3);
  const Picture picture = draw_confusion(report, "two");
  EXPECT_GT(count_of(picture, {20, 66, 130}), 100);   // all of class 0
  EXPECT_GT(count_of(picture, {79, 113, 161}), 100);  // three quarters of class 1: 255 - 0.75 * (255 - 20), ...
  EXPECT_EQ(count_of(picture, {176, 58, 36}), 0);
}

TEST(ConfusionPicture, AnyNumberOfClassesAndAnyNameFits) {
  for (const int64_t classes : {1, 2, 6, 7, 13, 64}) {
    ClassReport report = report_of(classes);
    report.names[0] = std::string(300, 'x');
    const Picture picture = draw_confusion(report, "a title that is longer than the matrix of few classes is wide");
    EXPECT_EQ(picture.pixels.size(), static_cast<size_t>(picture.width * picture.height));
    EXPECT_LT(picture.width, 4000);
  }
  EXPECT_NO_THROW(draw_confusion({{"a", "b"}, ClassCounts(2, true)}, ""));  // nothing counted
}

TEST(ClassReport, TablesAreForFewClasses) {
  const std::string few = table_of(report_of(3));
  EXPECT_NE(few.find("      class 1        10     0.8000     0.8000     0.8000\n"), std::string::npos) << few;
  EXPECT_NE(few.find("macro average        30"), std::string::npos) << few;
  EXPECT_NE(few.find("columns: the class it was taken for"), std::string::npos) << few;
  EXPECT_EQ(table_of(report_of(20)).find("taken for"), std::string::npos);
  const std::string many = table_of(report_of(100, false));
  EXPECT_EQ(std::count(many.begin(), many.end(), '\n'), 0) << many;
  EXPECT_NE(many.find("100 classes, macro averages: precision 0."), std::string::npos) << many;
}

class ClassReportFiles : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path() / name) << text;
    return folder_.path() / name;
  }
  std::string refusal(const std::string& text) const {
    try {
      read_class_report(write("bad.json", text));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      EXPECT_NE(std::string(error.what()).find("bad.json"), std::string::npos);
      return error.what();
    }
    return "no error";
  }
  test::TemporaryFolder folder_;
};

TEST_F(ClassReportFiles, JsonIsReadBack) {
  const ClassReport report = report_of(3);
  const auto file = write("a.json", "{\"evaluation_classes\": " + class_report_json(report) + "}");
  ClassReport again = read_class_report(file);
  EXPECT_EQ(again.names, report.names);
  EXPECT_EQ(again.counts.pair(2, 0), 2);
  add_class_report(report, file, again, file);
  EXPECT_EQ(again.counts.pair(2, 0), 4);
  EXPECT_EQ(again.counts.samples(), 2 * report.counts.samples());
  EXPECT_THROW(add_class_report(report_of(2), file, again, file), Error);
  EXPECT_EQ(class_report_json(report_of(3, false)), "");
}

TEST_F(ClassReportFiles, BadOnesAreRefused) {
  for (const char* text : {"", "{", "{}", "[]", "{\"evaluation_classes\": {}}", "{\"evaluation_classes\": {\"names\": [1], \"confusion\": [[1]]}}"}) {
    EXPECT_NE(refusal(text).find("there is no \"evaluation_classes\""), std::string::npos) << text;
  }
  EXPECT_NE(refusal("{\"evaluation_classes\": {\"names\": [\"a\", \"b\"], \"confusion\": [[1, 2]]}}").find("1 rows for 2 classes"), std::string::npos);
  EXPECT_NE(refusal("{\"evaluation_classes\": {\"names\": [\"a\", \"b\"], \"confusion\": [[1, 2], [3]]}}").find("a row of 1 numbers"), std::string::npos);
  EXPECT_NE(refusal("{\"evaluation_classes\": {\"names\": [\"a\"], \"confusion\": [[-1]]}}").find("no count of samples"), std::string::npos);
}

}  // namespace
}  // namespace tessera::launcher
