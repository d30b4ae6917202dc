// SPDX-License-Identifier: Apache-2.0
// GLUE's files as they are published.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/data/text_table.h"

namespace tessera::data {
namespace {

std::unique_ptr<Dataset> open(const std::string& folder, const std::string& format, const std::string& split) {
  const std::string data = TESSERA_SHARED_DATA;
  TextTableConfig config;
  config.root = data + "/glue/" + folder;
  config.format = format;
  config.tokenizer = data + "/tokenizers/bert-base-uncased/vocab.txt";
  return open_text_table(config, split, OnError::stop);
}

int64_t of_class_1(const Dataset& dataset) {
  const std::vector<int32_t> labels = dataset.labels();
  return std::count(labels.begin(), labels.end(), 1);
}

TEST(Glue, EveryRowIsRead) {
  const auto sst2 = open("SST-2", "sst2", "train"), cola = open("CoLA", "cola", "train"), mrpc = open("MRPC", "mrpc", "train");
  EXPECT_EQ(sst2->samples(), 67349);
  EXPECT_EQ(of_class_1(*sst2), 37569);
  EXPECT_EQ(open("SST-2", "sst2", "validation")->samples(), 872);
  EXPECT_EQ(cola->samples(), 8551);
  EXPECT_EQ(of_class_1(*cola), 6023);
  EXPECT_EQ(open("CoLA", "cola", "validation")->samples(), 1043);
  EXPECT_EQ(mrpc->samples(), 4076);
  EXPECT_EQ(of_class_1(*mrpc), 2753);
  EXPECT_EQ(open("MRPC", "mrpc", "test")->samples(), 1725);
  EXPECT_EQ(open("STS-B", "stsb", "train")->samples(), 5749);
  EXPECT_EQ(open("STS-B", "stsb", "validation")->samples(), 1500);
  EXPECT_EQ(open("STS-B", "stsb", "test")->samples(), 1379);
}

}  // namespace
}  // namespace tessera::data
