// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/tensor.h"

#include <gtest/gtest.h>

#include <numeric>
#include <optional>
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

}  // namespace
}  // namespace tessera
