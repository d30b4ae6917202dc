// SPDX-License-Identifier: Apache-2.0
#include "core/data/position.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "core/base/error.h"
#include "core/data/chunks.h"
#include "core/data/dealing.h"

namespace tessera::data {
namespace {

TEST(Position, BatchesRunAcrossTheEndOfAnEpoch) {
  const BatchGeometry batch{8, 4};
  EXPECT_EQ(batch.quanta(), 2);
  EXPECT_EQ(first_position(batch, 2, 1), 20);
  EXPECT_EQ(epoch_position(9, 10).epoch, 0);
  EXPECT_EQ(epoch_position(9, 10).index, 9);
  EXPECT_EQ(epoch_position(20, 10).epoch, 2);
  EXPECT_EQ(epoch_position(20, 10).index, 0);
}

TEST(Position, StepsOfEpochs) {
  EXPECT_EQ(steps_of_epochs(5, 60000, 64), 4687);
  EXPECT_EQ(steps_of_epochs(1, 10, 3), 3);
  EXPECT_EQ(steps_of_epochs(0.5, 10, 5), 1);
  EXPECT_EQ(steps_of_epochs(0.29, 100, 1), 29);  // 28.999999999999996 in binary
  EXPECT_EQ(steps_of_epochs(0.299, 100, 1), 29);
  EXPECT_EQ(steps_of_epochs(0.01, 10, 1), 0);
  for (double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e300}) {
    EXPECT_THROW(steps_of_epochs(bad, 10, 1), Error) << bad;
  }
}

TEST(Position, GeometryErrorsNameTheKey) {
  for (const BatchGeometry bad :
       {BatchGeometry{0, 1}, BatchGeometry{8, 0}, BatchGeometry{8, 3}, BatchGeometry{8, -2}, BatchGeometry{2, 4}}) {
    try {
      check(bad);
      ADD_FAILURE() << bad.global_samples << " " << bad.micro_samples;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_NE(std::string(error.what()).find("batch."), std::string::npos);
    }
  }
  EXPECT_NO_THROW(check({8, 4}));
}

TEST(Dealing, EveryQuantumOnceAndEvenly) {
  for (const Dealing dealing : {Dealing::contiguous, Dealing::strided}) {
    for (int64_t quanta = 1; quanta <= 20; ++quanta) {
      for (int64_t world = 1; world <= quanta; ++world) {
        std::vector<int64_t> all;
        size_t least = 100, most = 0;
        for (int64_t rank = 0; rank < world; ++rank) {
          const std::vector<int64_t> mine = deal_quanta(dealing, quanta, world, rank);
          EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
          least = std::min(least, mine.size());
          most = std::max(most, mine.size());
          all.insert(all.end(), mine.begin(), mine.end());
        }
        EXPECT_GE(least, 1u);
        EXPECT_LE(most, least + 1);
        std::sort(all.begin(), all.end());
        ASSERT_EQ(all.size(), static_cast<size_t>(quanta));
        for (int64_t quantum = 0; quantum < quanta; ++quantum) ASSERT_EQ(all[static_cast<size_t>(quantum)], quantum);
      }
    }
  }
  EXPECT_EQ(deal_quanta(Dealing::contiguous, 5, 2, 1), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(deal_quanta(Dealing::strided, 5, 2, 1), (std::vector<int64_t>{1, 3}));
}

TEST(Dealing, MoreRanksThanQuantaIsAnError) { EXPECT_THROW(deal_quanta(Dealing::strided, 3, 4, 0), Error); }

TEST(Chunks, CoverTheSamples) {
  const Chunks chunks{10, 4};
  EXPECT_EQ(chunks.count(), 3);
  EXPECT_EQ(chunks.begin(2), 8);
  EXPECT_EQ(chunks.end(2), 10);
  EXPECT_EQ((Chunks{8, 4}).count(), 2);
  EXPECT_EQ((Chunks{0, 4}).count(), 0);
}

}  // namespace
}  // namespace tessera::data
