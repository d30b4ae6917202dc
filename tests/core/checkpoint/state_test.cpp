// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/state.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/core/checkpoint/fixture.h"

namespace tessera::checkpoint {
namespace {

TEST(PlanPart, PartsHoldEveryElementOnceAndAreNearlyEqual) {
  const std::vector<StateEntry> entries = some_state(1);
  uint64_t total_bytes = 0;
  for (const StateEntry& entry : entries) total_bytes += entry.tensor.size_bytes();
  for (int parts : {1, 2, 3, 7, 64, 5000}) {
    std::map<std::string, int64_t> covered;
    for (int part = 0; part < parts; ++part) {
      uint64_t part_bytes = 0;
      for (const Slice& slice : plan_part(entries, part, parts)) {
        EXPECT_EQ(slice.begin_elements, covered[slice.name]) << slice.name;
        covered[slice.name] = slice.end_elements();
        part_bytes += slice.values.size_bytes();
      }
      EXPECT_NEAR(static_cast<double>(part_bytes), static_cast<double>(total_bytes) / parts, 8) << part << " of " << parts;
    }
    for (const StateEntry& entry : entries) {
      ASSERT_TRUE(covered.contains(entry.name)) << entry.name;
      EXPECT_EQ(covered[entry.name], entry.tensor.elements()) << entry.name << ", " << parts << " parts";
    }
  }
}

TEST(PlanPart, ASliceHoldsTheLogicalRowMajorElements) {
  Tensor image = Tensor::empty_channels_last({1, 3, 2, 2});
  copy_into(patterned({1, 3, 2, 2}, DType::f32, 5), image);
  const StateEntry entry{"image", TensorRole::buffer, image};
  const std::vector<Slice> slices = plan_part({&entry, 1}, 1, 2);
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].begin_elements, 6);
  EXPECT_FALSE(slices[0].is_whole());
  EXPECT_TRUE(same_bytes(slices[0].values, contiguous(image).reshape({12}).narrow(0, 6, 6)));
}

TEST(WithoutTies, KeepsTheFirstOfEntriesOverTheSameMemory) {
  const Tensor shared = patterned({3, 2}, DType::f32, 1);
  const Tensor none = Tensor::zeros({0});
  const std::vector<StateEntry> entries{{"embedding", TensorRole::parameter, shared},
                                        {"head", TensorRole::parameter, shared},
                                        {"none", TensorRole::buffer, none},
                                        {"none again", TensorRole::buffer, none},
                                        {"other", TensorRole::parameter, patterned({3, 2}, DType::f32, 1)}};
  std::vector<std::string> names;
  for (const StateEntry& entry : without_ties(entries)) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"embedding", "none", "none again", "other"}));
}

}  // namespace
}  // namespace tessera::checkpoint
