// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/tensor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

namespace tessera {
namespace {

Tensor counting(const Shape& shape) {
  std::vector<float> values(static_cast<size_t>(shape.elements()));
  std::iota(values.begin(), values.end(), 0.0f);
  return Tensor::of<float>(values, shape);
}

TEST(Tensor, ViewsShareMemory) {
  const Tensor tensor = counting({2, 3});
  const Tensor turned = tensor.transpose();
  EXPECT_EQ(turned.shape(), (Shape{3, 2}));
  EXPECT_FALSE(turned.is_contiguous());
  const Tensor copy = contiguous(turned);
  EXPECT_EQ(std::vector<float>(copy.data<float>(), copy.data<float>() + 6), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(tensor.narrow(0, 1, 1).data<float>()[0], 3.0f);
  EXPECT_EQ(tensor.reshape({6}).data<float>(), tensor.data<float>());
}

TEST(Tensor, ChannelsLastRoundTrip) {
  const Tensor tensor = counting({2, 3, 4, 5});
  const Tensor image = Tensor::empty_channels_last({2, 3, 4, 5});
  copy_into(tensor, image);
  EXPECT_TRUE(image.is_channels_last());
  EXPECT_FALSE(image.is_contiguous());
  EXPECT_EQ(image.data<float>()[1], 20.0f);  // second channel of the first pixel
  const Tensor back = contiguous(image);
  for (int i = 0; i < 120; ++i) EXPECT_EQ(back.data<float>()[i], static_cast<float>(i));
}

std::vector<float> values_of(const Tensor& tensor) {
  const Tensor plain = contiguous(tensor);
  return {plain.data<float>(), plain.data<float>() + plain.elements()};
}

TEST(Tensor, ViewsOfOtherShapesReadTheSameElementsInOrder) {
  const Tensor x = counting({4, 6, 5});
  constexpr size_t kOrder[] = {1, 0, 2};
  for (const Tensor& tensor : {x, x.narrow(1, 2, 3), x.every(0, 2), x.permute(kOrder), x.narrow(2, 4, 1), counting({1, 6, 1}).expand({4, 6, 5})}) {
    const int64_t rows = tensor.shape()[0], columns = tensor.shape()[1], depth = tensor.shape()[2];
    for (const Shape& shape : {Shape{rows * columns, depth}, Shape{rows, columns * depth}, Shape{rows * columns * depth}, Shape{1, rows, columns, 1, depth},
                               Shape{depth, columns, rows}}) {
      const std::optional<Tensor> view = tensor.view(shape);
      if (!view) continue;
      EXPECT_EQ(view->storage(), tensor.storage());
      EXPECT_EQ(values_of(*view), values_of(tensor)) << tensor.strides().text() << " as " << shape.text();
    }
  }
}

TEST(Tensor, AViewIsFoundWhereThereIsOneAndRefusedWhereThereIsNone) {
  const Tensor x = counting({4, 6, 5});
  EXPECT_TRUE(x.narrow(1, 2, 3).view({4, 15}));
  EXPECT_FALSE(x.narrow(1, 2, 3).view({12, 5}));
  EXPECT_TRUE(x.narrow(0, 1, 2).view({60}));
  EXPECT_TRUE(x.every(2, 5).view({2, 12}));
  EXPECT_FALSE(counting({4, 6}).transpose().view({24}));
  EXPECT_TRUE(counting({4, 6}).transpose().view({2, 3, 4}));
  EXPECT_FALSE(counting({4, 6}).transpose().view({3, 8}));
  EXPECT_TRUE(Tensor::empty_channels_last({2, 3, 4, 5}).view({2, 3, 20}));
  EXPECT_FALSE(Tensor::empty_channels_last({2, 3, 4, 5}).view({2, 60}));
}

TEST(Tensor, ExpandRepeatsWithoutCopying) {
  const Tensor row = counting({3, 1});
  const Tensor repeated = row.expand({2, 3, 2});
  EXPECT_EQ(repeated.storage(), row.storage());
  EXPECT_EQ(values_of(repeated), (std::vector<float>{0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2}));
}

TEST(Tensor, EmptyTensorsAreHarmless) {
  const Tensor nothing = Tensor::empty({0, 3});
  EXPECT_EQ(nothing.elements(), 0);
  EXPECT_TRUE(nothing.is_contiguous());
  EXPECT_EQ(contiguous(nothing.transpose()).shape(), (Shape{3, 0}));
}

/// Every order of the dims on both sides, elements of `Element`; target and source have gaps.
template <typename Element>
void check_copies(const Shape& shape, DType dtype) {
  Shape wide = shape;
  wide[3] += 2;
  std::vector<size_t> order = {0, 1, 2, 3};
  do {
    Shape turned;
    turned = Shape{wide[order[0]], wide[order[1]], wide[order[2]], wide[order[3]]};
    const Tensor holder = Tensor::zeros(turned, dtype), target_holder = Tensor::zeros(wide, dtype);
    for (int64_t i = 0; i < holder.elements(); ++i) holder.data<Element>()[i] = static_cast<Element>(i + 1);
    std::vector<size_t> inverse(4);
    for (size_t dim = 0; dim < 4; ++dim) inverse[order[dim]] = dim;
    const Tensor from = holder.permute(inverse).narrow(3, 1, shape[3]);
    const Tensor to = target_holder.narrow(3, 2, shape[3]);
    copy_into(from, to);
    int64_t sum = 0;
    for (int64_t n = 0; n < shape[0]; ++n)
      for (int64_t c = 0; c < shape[1]; ++c)
        for (int64_t h = 0; h < shape[2]; ++h)
          for (int64_t w = 0; w < shape[3]; ++w) {
            const auto at = [&](const Tensor& t) { return n * t.strides()[0] + c * t.strides()[1] + h * t.strides()[2] + w * t.strides()[3]; };
            ASSERT_EQ(to.data<Element>()[at(to)], from.data<Element>()[at(from)]) << shape.text();
            ++sum;
          }
    const auto written = std::count_if(target_holder.data<Element>(), target_holder.data<Element>() + target_holder.elements(),
                                       [](Element value) { return value != Element{}; });
    EXPECT_LE(written, sum) << "nothing between the elements is touched";
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Tensor, CopiesBetweenAllLayouts) {
  for (const Shape& shape : {Shape{2, 3, 4, 5}, Shape{1, 70, 1, 37}, Shape{3, 1, 1, 1}, Shape{2, 40, 33, 1}, Shape{1, 1, 1, 1}}) {
    check_copies<float>(shape, DType::f32);
    check_copies<int64_t>(shape, DType::i64);
    check_copies<uint8_t>(shape, DType::u8);
    check_copies<uint16_t>(shape, DType::bf16);
  }
}

TEST(Allocator, ReusesBlocksAndCountsByCategory) {
  const size_t before = memory_use().live_bytes[static_cast<size_t>(MemoryCategory::optimizer)];
  const void* first = nullptr;
  {
    const MemoryScope scope(MemoryCategory::optimizer);
    const Tensor tensor = Tensor::empty({1000});
    first = tensor.bytes();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % kAlignmentBytes, 0u);
    EXPECT_GE(memory_use().live_bytes[static_cast<size_t>(MemoryCategory::optimizer)], before + 4000);
  }
  EXPECT_EQ(memory_use().live_bytes[static_cast<size_t>(MemoryCategory::optimizer)], before);
  EXPECT_EQ(static_cast<const void*>(Tensor::empty({1000}).bytes()), first);
}

TEST(Allocator, SizeClassesHoldWhatIsAsked) {
  for (int64_t elements = 1; elements < 100000; elements = elements * 5 / 4 + 1) {
    const Tensor tensor = Tensor::zeros({elements});
    tensor.data<float>()[elements - 1] = 1.0f;
  }
}

TEST(Allocator, BlocksGoRoundBetweenThreads) {
  release_cached_memory();
  const size_t before = memory_use().cached_bytes;
  constexpr int kRounds = 2000, kBlock_bytes = 4096;
  std::vector<void*> handed;
  for (int round = 0; round < kRounds; ++round) {
    std::thread([&] { handed.push_back(allocate_bytes(kBlock_bytes, MemoryCategory::data)); }).join();
    if (handed.size() == 50) {
      for (void* block : handed) free_bytes(block, kBlock_bytes, MemoryCategory::data);
      handed.clear();
    }
  }
  // Of 2000 blocks that other threads allocated and this one freed, only as many exist as were in use at a time, and what
  // this thread keeps to itself.
  EXPECT_LE(memory_use().cached_bytes, before + size_t{100} * kBlock_bytes);
  std::thread([] { free_bytes(allocate_bytes(100, MemoryCategory::data), 100, MemoryCategory::data); }).join();
  release_cached_memory();
  EXPECT_EQ(memory_use().cached_bytes, before) << "a thread that has ended keeps nothing";
}

}  // namespace
}  // namespace tessera
