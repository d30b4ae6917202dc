// SPDX-License-Identifier: Apache-2.0
#include "core/config/recipe.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/config/load.h"
#include "core/config/resolve.h"
#include "tests/core/config/expect.h"
#include "tests/core/config/support.h"

namespace tessera::config {
namespace {

void expect_bad(std::vector<std::string> overrides, std::initializer_list<std::string_view> parts) {
  SCOPED_TRACE(overrides.empty() ? "" : overrides.front());
  expect_refused([&] { resolve_with(overrides); }, parts);
}

void expect_bad_text(std::string_view text, std::initializer_list<std::string_view> parts) {
  SCOPED_TRACE(text);
  expect_refused([&] { resolve(parse_yaml(text, "x.yaml"), small_registry()); }, parts);
}

TEST(Recipe, ResolvesWithEveryDefault) {
  const Resolved resolved = resolve_with();
  const Recipe& recipe = resolved.recipe;
  EXPECT_EQ(recipe.run.seed, 7);
  EXPECT_EQ(recipe.run.threads, 1);
  EXPECT_EQ(recipe.run.out, "runs/small");
  EXPECT_EQ(recipe.task.kind, "classification");
  EXPECT_EQ(recipe.batch.quanta(), 4);
  EXPECT_EQ(recipe.train.epochs, 5);
  EXPECT_FALSE(recipe.train.steps);
  EXPECT_EQ(recipe.optimizer.clip_norm, 1.0);
  EXPECT_EQ(recipe.mesh.data, -1);
  EXPECT_EQ(recipe.sync.bucket_bytes.bytes, 25 << 20);
  EXPECT_EQ(recipe.evaluate.split, "test");
  const SgdConfig sgd = read_kind<SgdConfig>(recipe.optimizer);
  EXPECT_EQ(sgd.momentum, 0.9);
  EXPECT_EQ(read_kind<LenetConfig>(recipe.model).sizes, (std::vector<int64_t>{32, 64}));
  EXPECT_EQ(read_kind<CosineConfig>(recipe.schedule).warmup_steps, 100);
  EXPECT_EQ(resolved.document.find_path("model.dropout")->text(), "0");
  EXPECT_EQ(resolved.document.find_path("model.dropout")->origin().text(), "default");
  EXPECT_EQ(resolved.document.find_path("batch.micro_samples")->origin().text(), "x.yaml:7");
}

TEST(Recipe, TheResolvedDocumentResolvesToItself) {
  const Resolved first = resolve_with({"train.max_wall_s=10.5", "run.name='1e5'", "init.weights=a b.safetensors"});
  const Resolved second = resolve(parse_yaml(emit_yaml(first.document), "resolved"), small_registry());
  EXPECT_EQ(second.document, first.document);
  EXPECT_EQ(emit_yaml(second.document), emit_yaml(first.document));
}

TEST(Recipe, KindsAndBlocks) {
  std::vector<std::string> names;
  for (const KindBlockInfo& block : kind_blocks()) names.push_back(block.name);
  EXPECT_EQ(names, (std::vector<std::string>{"model", "task", "data", "optimizer", "schedule"}));
  EXPECT_EQ(kind_blocks()[2].common_keys, (std::vector<std::string>{"workers", "prefetch_quanta", "on_error", "balanced", "bucket_quanta"}));
  EXPECT_EQ(kind_blocks()[4].default_kind, "constant");
  const KindRegistry registry = small_registry();
  EXPECT_EQ(registry.list("optimizer").size(), 2u);
  EXPECT_EQ(registry.list("optimizer")[1]->doc, "Adam with decoupled weight decay");
  EXPECT_EQ(registry.keys_of_kind(*registry.find("optimizer", "sgd"))[0].path, "optimizer.momentum");
  KindRegistry twice = registry;
  EXPECT_THROW(twice.add<NoKeys>("model", "linear", "again"), Error);
}

TEST(Recipe, UnknownKeysAndKinds) {
  expect_bad({"optimizer.momentun=0.9"}, {"--set optimizer.momentun=0.9", "unknown key 'optimizer.momentun'", "did you mean 'momentum'?"});
  expect_bad({"data.worker=2"}, {"'data.worker'", "did you mean 'workers'?"});
  expect_bad({"bacth.global_samples=2"}, {"unknown key 'bacth'", "did you mean 'batch'?"});
  expect_bad({"model.kind=lenet"}, {"--set model.kind=lenet", "model.kind: lenet", "did you mean 'lenet5'?", "lenet5, linear"});
  expect_bad({"schedule.kind=zigzag"}, {"schedule.kind: zigzag", "there is: constant, cosine"});
  expect_bad({"model.kind=[a]"}, {"--set model.kind=[a]", "'model.kind' is a list"});
  expect_bad({"model=5"}, {"--set model=5", "'model' is '5'", "not a map"});
  expect_bad({"optimizer.kind=null"}, {"'optimizer.kind' is null"});
  expect_bad_text("schema: 1\nmodel:\n  clases: 3\n", {"x.yaml:3", "required key 'model.kind' is missing"});
  expect_bad_text("schema: 1\nmodel: {kind: lenet5}\n", {"x.yaml:2", "required key 'model.classes' is missing"});
  expect_bad_text("schema: 1\nmodel: {kind: lenet5, classes: 3}\n", {"x.yaml:1", "required key 'data.kind' is missing"});
  expect_refused([] { resolve(parse_yaml(kSmallRecipe, "x.yaml"), KindRegistry()); }, {"x.yaml:3", "lenet5", "none"});
}

TEST(Recipe, Schema) {
  expect_bad_text("model: {kind: lenet5, classes: 10}\n", {"x.yaml:1", "required key 'schema' is missing"});
  expect_bad({"schema=2"}, {"--set schema=2", "'schema' is '2'", "schema: 1"});
  expect_bad({"schema=one"}, {"'schema' is 'one'"});
  expect_bad_text("", {"x.yaml:1", "schema"});
  expect_bad_text("[1, 2]", {"x.yaml:1", "a list"});
}

TEST(Recipe, BlockValuesAreChecked) {
  expect_bad({"run.seed=-1"}, {"'run.seed'", "out of range"});
  expect_bad({"run.threads=0"}, {"'run.threads'", "out of range"});
  expect_bad({"batch.global_samples=0"}, {"'batch.global_samples'", "out of range"});
  expect_bad({"batch.micro_samples=-4"}, {"'batch.micro_samples'", "out of range"});
  expect_bad({"batch.global_samples=1e15"}, {"'batch.global_samples'", "out of range"});
  expect_bad({"optimizer.clip_norm=0"}, {"'optimizer.clip_norm'", "> 0"});
  expect_bad({"optimizer.learning_rate=.nan"}, {"'optimizer.learning_rate'", "not finite"});
  expect_bad({"optimizer.groups=[{weight_decay: 0}]"}, {"required key 'optimizer.groups[0].match' is missing"});
  expect_bad({"optimizer.groups=[{match: a}, {match: b, learning_rate_factor: -1}]"}, {"'optimizer.groups[1].learning_rate_factor'", ">= 0"});
  expect_bad({"sync.reduction=exakt"}, {"'sync.reduction'", "did you mean 'exact'?"});
  expect_bad({"sync.bucket_bytes=0"}, {"'sync.bucket_bytes'", "out of range"});
  expect_bad({"checkpoint.keep_last=0"}, {"'checkpoint.keep_last'"});
  expect_bad({"evaluate.every_epochs=0"}, {"'evaluate.every_epochs'"});
  expect_bad({"device=gpu"}, {"'device' is 'gpu'", "cpu, cuda"});
}

TEST(Recipe, RulesOfRenamingAreRegularExpressions) {
  const Resolved resolved = resolve_with({"init.rename=[{pattern: '^module[.]', replacement: ''}, {pattern: a, replacement: b}]"});
  ASSERT_EQ(resolved.recipe.init.rename.size(), 2u);
  EXPECT_EQ(resolved.recipe.init.rename[0].pattern, "^module[.]");
  EXPECT_EQ(resolved.recipe.init.rename[1].replacement, "b");
  expect_bad_text(std::string(kSmallRecipe) + "init:\n  rename:\n    - {pattern: a, replacement: b}\n    - {pattern: '(', replacement: b}\n",
                  {"x.yaml:14", "'('", "no regular expression"});
  EXPECT_EQ(resolve_with({"init.skip=['^fc[.]', head]"}).recipe.init.skip, (std::vector<std::string>{"^fc[.]", "head"}));
  expect_bad({"init.skip=[a, '(']"}, {"pattern '(' is no regular expression", "init.skip"});
  expect_bad({"init.rename=[{pattern: a}]"}, {"required key 'init.rename[0].replacement' is missing"});
  expect_bad({"init.rename=[{pattern: '" + std::string(2000, 'a') + "', replacement: b}]"}, {"has 2000 bytes"});
}

TEST(Recipe, WhatThisBuildHasNotIsSaid) {
  expect_bad({"device=cuda"}, {"--set device=cuda", "device is cuda", "no CUDA", "cpu"});
  expect_bad({"precision.compute=f16"}, {"precision.compute is f16", "set precision.compute to f32 or bf16"});
  expect_bad({"mesh.tensor=2"}, {"--set mesh.tensor=2", "mesh.tensor is 2", "set it to 1"});
  expect_bad({"mesh.shard=-1"}, {"mesh.shard is -1"});
  expect_bad({"mesh.data=0"}, {"mesh.data is 0", "-1"});
  expect_bad({"memory.cuda_graph=true"}, {"memory.cuda_graph is true", "device is cpu"});
}

TEST(Recipe, BatchesDivide) {
  expect_bad({"batch.micro_samples=24"}, {"batch.global_samples is 64 (x.yaml:6)", "batch.micro_samples is 24 (--set batch.micro_samples=24)",
                                          "does not divide", "batch.micro_samples to 16", "batch.global_samples to 72"});
  expect_bad({"batch.micro_samples=128"}, {"batch.micro_samples to 64", "batch.global_samples to 128"});
  EXPECT_EQ(resolve_with({"batch.global_samples=32768", "batch.micro_samples=1"}).recipe.batch.quanta(), 32768);
  expect_bad({"batch.global_samples=65536", "batch.micro_samples=1"},
             {"65536 quanta", "sync.reduction is exact (default)", "32768", "batch.micro_samples to 2"});
  EXPECT_NO_THROW(resolve_with({"batch.global_samples=65536", "batch.micro_samples=1", "sync.reduction=fastest"}));
}

TEST(Recipe, TheLengthIsGivenOnce) {
  expect_bad({"train.steps=10"}, {"train.epochs is 5 (x.yaml:8)", "train.steps is 10 (--set train.steps=10)", "twice", "null"});
  EXPECT_EQ(resolve_with({"train={epochs: null, steps: 500}"}).recipe.train.steps, 500);
  expect_bad({"train.epochs=null"}, {"x.yaml:8", "train.epochs is null (--set train.epochs=null)", "train.steps is null", "no length"});
  expect_bad({"train={epochs: null, steps: 50}"}, {"schedule.warmup_steps is 100 (x.yaml:10)", "train.steps is 50"});
}

TEST(Recipe, MoreRanksThanQuanta) {
  const Resolved resolved = resolve_with();
  EXPECT_NO_THROW(check_world(resolved, 1));
  EXPECT_NO_THROW(check_world(resolved, 4));
  expect_refused([&] { check_world(resolved, 5); }, {"batch.global_samples is 64 (x.yaml:6)", "batch.micro_samples is 16 (x.yaml:7)",
                                                     "4 quanta", "5 ranks", "at most 4 ranks", "batch.micro_samples to 8"});
  expect_refused([&] { check_world(resolved, 100); }, {"100 ranks", "batch.global_samples to 1600"});
  const Resolved fixed = resolve_with({"mesh.data=2"});
  EXPECT_NO_THROW(check_world(fixed, 2));
  expect_refused([&] { check_world(fixed, 3); }, {"mesh.data is 2", "3 ranks", "start 2 ranks"});
}

}  // namespace
}  // namespace tessera::config
