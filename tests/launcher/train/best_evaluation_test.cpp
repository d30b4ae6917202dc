// SPDX-License-Identifier: Apache-2.0
#include "launcher/train/best_evaluation.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/core/ops/support.h"

namespace tessera::launcher {
namespace {

NamedValues evaluation(double loss, double accuracy) { return {{"loss", loss}, {"accuracy", accuracy}}; }

TEST(BestEvaluation, LossIsBestWhenSmallAndTheFirstOfEqualsCounts) {
  BestEvaluation best("loss");
  EXPECT_TRUE(best.improves(1, evaluation(2.0, 0.0)));
  EXPECT_FALSE(best.improves(2, evaluation(2.0, 0.5)));
  EXPECT_FALSE(best.improves(3, evaluation(std::numeric_limits<double>::quiet_NaN(), 0.5)));
  EXPECT_TRUE(best.improves(4, evaluation(1.5, 0.0)));
  EXPECT_EQ(best.step(), 4);
  EXPECT_EQ(best.text(), "loss 1.5000 after step 4");
}

TEST(BestEvaluation, AccuracyIsBestWhenLarge) {
  BestEvaluation best("accuracy");
  EXPECT_TRUE(best.improves(1, evaluation(2.0, 0.5)));
  EXPECT_FALSE(best.improves(2, evaluation(1.0, 0.4)));
  EXPECT_TRUE(best.improves(3, evaluation(3.0, 0.6)));
}

TEST(BestEvaluation, SurvivesACheckpoint) {
  BestEvaluation best("accuracy"), resumed("accuracy"), unwatched(std::nullopt);
  best.improves(7, evaluation(2.0, 0.5));
  BestEvaluation::State state;
  best.save(state);
  resumed.restore(state);
  unwatched.restore(state);
  EXPECT_EQ(resumed.step(), 7);
  EXPECT_FALSE(resumed.improves(8, evaluation(2.0, 0.5)));
  EXPECT_EQ(unwatched.step(), std::nullopt);
  EXPECT_FALSE(unwatched.improves(8, evaluation(0.0, 1.0)));
}

TEST(BestEvaluation, AMetricThatIsNoneIsNamedWithThoseThatAre) {
  const BestEvaluation best("acuracy");
  EXPECT_EQ(test::error_of([&] { best.require_metric({"loss", "accuracy"}); }),
            "checkpoint.keep_best: evaluations have no metric 'acuracy'; take one of loss, accuracy");
}

}  // namespace
}  // namespace tessera::launcher
