// SPDX-License-Identifier: Apache-2.0
#include "core/config/hash.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/config/load.h"
#include "tests/core/config/expect.h"
#include "tests/core/config/support.h"

namespace tessera::config {
namespace {

TEST(RecipeHash, FreeAndExtendableKeysStayOutside) {
  const std::string hash = recipe_hash(resolve_with());
  EXPECT_EQ(hash.size(), 64u);
  for (const char* change :
       {"run.name=other", "run.out=/tmp/x", "data.root=/elsewhere", "data.workers=3", "data.prefetch_quanta=9", "train.epochs=50",
        "train={epochs: null, steps: 500}", "train.max_wall_s=5", "train.log_every_steps=1", "memory.recompute=none",
        "mesh.data=4", "sync.bucket_bytes=1MiB", "sync.dealing=strided", "checkpoint={every_steps: 5, every_s: 1, keep_last: 9}",
        "evaluate={every_epochs: 2, every_steps: 7, split: train}"}) {
    EXPECT_EQ(recipe_hash(resolve_with({change})), hash) << change;
  }
}

TEST(RecipeHash, EveryKeyOfTheMathematicsCounts) {
  const std::string hash = recipe_hash(resolve_with());
  for (const char* change :
       {"run.seed=8", "run.threads=2", "model.classes=11", "model.sizes=[32]", "model.kind=linear", "data.kind=synthetic",
        "data.split=test", "batch.global_samples=128", "batch.micro_samples=8", "optimizer.momentum=0.8",
        "optimizer.clip_norm=null", "optimizer.kind=adamw", "optimizer.groups=[{match: a}]", "optimizer.no_decay_on_norms_and_biases=true", "schedule.kind=constant", "schedule.warmup_steps=5",
        "sync.reduction=fastest", "init.weights=w.safetensors", "init.strict=false"}) {
    EXPECT_NE(recipe_hash(resolve_with({change})), hash) << change;
  }
}

TEST(RecipeHash, SpellingDoesNotCount) {
  const std::string hash = recipe_hash(resolve_with());
  EXPECT_EQ(recipe_hash(resolve_with({"optimizer.learning_rate=1e-1"})), hash);
  EXPECT_EQ(recipe_hash(resolve_with({"batch.global_samples=64.0"})), hash);
  EXPECT_EQ(recipe_hash(resolve_with({"model.dropout=0.0"})), hash);
  const Resolved again = resolve(parse_yaml(emit_yaml(resolve_with().document), "again"), small_registry());
  EXPECT_EQ(recipe_hash(again), hash);
}

/// Keys that came later must not disown the checkpoints of before.
TEST(RecipeHash, LateKeysCountOnceTheyAreUsed) {
  const std::string hash = recipe_hash(resolve_with());
  EXPECT_EQ(recipe_hash(resolve_with({"optimizer.groups=[]"})), hash);
  EXPECT_EQ(recipe_hash(resolve_with({"optimizer.no_decay_on_norms_and_biases=false"})), hash);
  EXPECT_EQ(recipe_hash(resolve_with({"ema={decay: null}"})), hash);
  EXPECT_EQ(recipe_hash(resolve_with({"init.rename=[]", "init.skip=[]"})), hash);
  EXPECT_NE(recipe_hash(resolve_with({"init.skip=[a]"})), hash);
  EXPECT_NE(recipe_hash(resolve_with({"init.rename=[{pattern: a, replacement: b}]"})), hash);
  EXPECT_NE(recipe_hash(resolve_with({"ema.decay=0.999"})), hash);
  const std::string grouped = recipe_hash(resolve_with({"optimizer.groups=[{match: a, frozen: true}]"}));
  EXPECT_NE(recipe_hash(resolve_with({"optimizer.groups=[{match: a, frozen: false}]"})), grouped);
  EXPECT_NE(recipe_hash(resolve_with({"optimizer.groups=[{match: b, frozen: true}]"})), grouped);
  EXPECT_EQ(recipe_hash(resolve_with({"optimizer.groups=[{frozen: True, match: 'a'}]"})), grouped);
  EXPECT_EQ(recipe_hash(resolve_with({"optimizer.groups=[{match: a, frozen: true, fixed_statistics: false}]"})), grouped);
  EXPECT_NE(recipe_hash(resolve_with({"optimizer.groups=[{match: a, frozen: true, fixed_statistics: true}]"})), grouped);
}

TEST(RecipeHash, IsTheSameForEver) {
  EXPECT_EQ(recipe_hash(resolve_with()), "557dcff7846c8a23b84084558ab323aa39c5a65a8fc5107b1b2b9e3db117cf3e");
}

TEST(Compare, NothingChanged) { EXPECT_TRUE(compare(resolve_with(), resolve_with({"optimizer.learning_rate=1e-1"})).empty()); }

TEST(Compare, NamesKeyEffectAndBothValues) {
  const auto changes = compare(resolve_with(), resolve_with({"train.epochs=9", "run.name=n", "optimizer.kind=adamw"}));
  ASSERT_EQ(changes.size(), 6u);
  EXPECT_EQ(changes[0].path, "optimizer.betas");
  EXPECT_EQ(changes[0].old_value, "absent");
  EXPECT_EQ(changes[0].new_value, "[0.9, 0.999]");
  EXPECT_EQ(changes[1].path, "optimizer.kind");
  EXPECT_EQ(changes[2].path, "optimizer.momentum");
  EXPECT_EQ(changes[2].new_value, "absent");
  EXPECT_EQ(changes[2].origin.text(), "x.yaml:9");
  EXPECT_EQ(changes[3].path, "run.name");
  EXPECT_EQ(changes[3].effect, Effect::free);
  EXPECT_EQ(changes[4].path, "run.out");
  EXPECT_EQ(changes[5].path, "train.epochs");
  EXPECT_EQ(changes[5].effect, Effect::extendable);
  EXPECT_EQ(changes[5].old_value, "5");
  EXPECT_EQ(changes[5].new_value, "9");
  EXPECT_EQ(changes[5].origin.text(), "--set train.epochs=9");
}

TEST(Compare, OnlyTheMathematicsForbidsAResume) {
  const auto fine = compare(resolve_with(), resolve_with({"train.epochs=9", "mesh.data=2"}));
  EXPECT_NO_THROW(require_same_mathematics(fine, false));
  const auto bad = compare(resolve_with(), resolve_with({"run.seed=9", "batch.micro_samples=8", "train.epochs=9"}));
  expect_refused([&] { require_same_mathematics(bad, false); },
                 {"--set batch.micro_samples=8", "batch.micro_samples (16 before, 8 now)", "run.seed (7 before, 9 now)", "--force"});
  EXPECT_NO_THROW(require_same_mathematics(bad, true));
}

}  // namespace
}  // namespace tessera::config
