// SPDX-License-Identifier: Apache-2.0
// The schema and the reference page that come out of the tables.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/file.h"
#include "core/config/json_schema.h"
#include "core/config/load.h"
#include "core/config/reference.h"
#include "core/config/yaml.h"
#include "launcher/job/job.h"
#include "recipes/registry.h"
#include "tests/recipes/schema_checker.h"

namespace tessera {
namespace {

constexpr const char* kRecipe = R"(schema: 1
run: {name: a, seed: 3}
model: {kind: mlp, hidden: [8, 8], dropout: 0.1}
data: {kind: idx, root: data}
batch: {global_samples: 64, micro_samples: 16}
train: {steps: 100}
optimizer: {kind: sgd, learning_rate: 0.1, groups: [{match: "*.bias", weight_decay: 0}]}
schedule: {kind: cosine, warmup_steps: 10}
sync: {bucket_bytes: 4MiB}
)";

class SchemaTest : public testing::Test {
 protected:
  std::string problem_of(const config::Node& document) const { return schema_problem(document, schema_); }
  std::string problem_of(const std::string& text) const { return problem_of(config::parse_yaml(text, "x.yaml")); }
  /// Of kRecipe with a key set otherwise; the program must be of the schema's opinion.
  std::string problem_with(const std::string& change) const {
    const std::vector<std::string> overrides{change};
    const config::Node document = config::apply_overrides(config::parse_yaml(kRecipe, "x.yaml"), overrides, registry_);
    const std::string problem = problem_of(document);
    if (problem.empty()) {
      EXPECT_NO_THROW(config::resolve(document, registry_)) << change;
    } else {
      EXPECT_THROW(config::resolve(document, registry_), Error) << change << ": " << problem;
    }
    return problem;
  }

  config::KindRegistry registry_ = recipes::make_registry();
  std::string schema_ = config::json_schema(registry_);
};

TEST_F(SchemaTest, EveryRecipeOfTheTreeHolds) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(TESSERA_RECIPE_FOLDER)) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    EXPECT_EQ(problem_of(config::parse_yaml_file(entry.path())), "") << entry.path();
    // Resolved, it has every key there is.
    EXPECT_EQ(problem_of(launcher::load_job(entry.path(), {}, registry_).resolved.document), "") << entry.path();
  }
  EXPECT_GE(count, 8);
}

TEST_F(SchemaTest, ItHoldsWhatTheParserTakes) {
  for (const char* change : {"run.threads=2", "train.max_wall_s=0.5", "optimizer.clip_norm=null", "sync.bucket_bytes=4096", "sync.bucket_bytes=1.5 GiB",
                             "schedule.kind=constant", "optimizer.kind=adamw", "model.hidden=[]", "run=null", "checkpoint={every_s: null}",
                             "init={weights: w, rename: [{pattern: a, replacement: b}]}"}) {
    EXPECT_EQ(problem_with(change), "") << change;
  }
}

TEST_F(SchemaTest, ItRefusesWhatTheParserRefuses) {
  for (const char* change : {"modle={kind: mlp}", "run.nmae=x", "model.hiden=[8]", "optimizer.momentun=0.9", "optimizer.beta1=0.9", "optimizer.groups=[{mach: a}]",
                             "optimizer.groups=[{weight_decay: 0}]", "schedule.gamma=0.1", "schedule.kind=cosin", "model.kind=3", "schema=2", "run.seed=-1",
                             "run.threads=1.5", "run.threads='2'", "model.dropout=1", "model.hidden=8", "model.hidden=[x]", "train.steps=many", "device=tpu",
                             "sync.bucket_bytes=4 apples", "optimizer.learning_rate=0", "optimizer.learning_rate=null", "batch=null",
                             "schedule={kind: step}"}) {
    EXPECT_NE(problem_with(change), "") << change;
  }
}

TEST_F(SchemaTest, WhatIsRequiredMayBeInherited) {
  EXPECT_NE(problem_of("schema: 1\nrun: {name: a}\n"), "");
  EXPECT_EQ(problem_of("extends: b.yaml\nrun: {name: a}\n"), "");
  EXPECT_EQ(problem_of("extends: b.yaml\nbatch: {micro_samples: 8}\noptimizer: {momentum: 0.9}\nschedule: {gamma: 0.5}\n"), "");
  EXPECT_NE(problem_of("extends: b.yaml\noptimizer: {momentun: 0.9}\n"), "");
}

TEST_F(SchemaTest, EveryKeySaysWhatItIs) {
  size_t keys = 0, described = 0;
  for (size_t at = 0; (at = schema_.find("\"default\":", at)) != std::string::npos; ++at) ++keys;
  for (size_t at = 0; (at = schema_.find("\"description\":", at)) != std::string::npos; ++at) ++described;
  EXPECT_EQ(schema_.find("\"description\": \"\""), std::string::npos);
  EXPECT_GT(keys, 60u);
  EXPECT_GT(described, keys);
}

TEST_F(SchemaTest, TheCommittedPageIsWhatTheProgramPrints) {
  const std::filesystem::path page = std::filesystem::path(TESSERA_DOCS_FOLDER) / "recipes.md";
  EXPECT_TRUE(read_file(page, ErrorKind::data) == config::reference_page(registry_)) << "run: tessera schema --markdown > docs/recipes.md";
}

}  // namespace
}  // namespace tessera
