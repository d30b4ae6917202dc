// SPDX-License-Identifier: Apache-2.0
#include "core/format/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/hash.h"
#include "core/format/half.h"
#include "core/format/safetensors_writer.h"

namespace tessera {
namespace {

class SafetensorsTest : public testing::Test {
 protected:
  SafetensorsTest()
      : path_(std::filesystem::temp_directory_path() / ("tessera_format_test_" + std::to_string(getpid()) + ".safetensors")) {}
  ~SafetensorsTest() override { std::filesystem::remove(path_); }

  /// A file with one tensor of any dtype, its header spelled by hand.
  void write_one(const std::string& dtype, const std::string& shape, const std::string& data) {
    std::string header =
        "{\"x\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[0," + std::to_string(data.size()) + "]}}";
    std::string file(8, '\0');
    file[0] = static_cast<char>(header.size());
    write_file_atomically(path_, file + header + data, ErrorKind::data);
  }

  template <typename Element>
  static std::string bytes_of(std::initializer_list<Element> values) {
    return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(Element)};
  }

  std::filesystem::path path_;
};

TEST_F(SafetensorsTest, RoundTripWithMetadataAndEveryDType) {
  const std::vector<SafetensorsEntry> entries = {
      {"scalar", DType::f32, {}},    {"bytes", DType::u8, {3}},     {"unaligned", DType::f32, {2, 2}},
      {"empty", DType::i64, {0, 5}}, {"bf16", DType::bf16, {1}},    {"f16", DType::f16, {1}},
      {"i32", DType::i32, {1}},      {"bool", DType::boolean, {1}}, {"i64 \"quoted\" \xc3\xa9", DType::i64, {1}}};
  SafetensorsWriter writer(path_, entries, {{"format", "pt"}, {"note", "a \"b\""}});
  std::vector<uint8_t> content;
  for (size_t i = 0; i < entries.size(); ++i) {
    content.assign(entries[i].size_bytes(), 1);
    writer.write(content.data(), content.size());
  }
  writer.close();
  EXPECT_EQ(std::filesystem::file_size(path_), writer.file_size_bytes());

  const SafetensorsFile file(path_);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("note"), "a \"b\"");
  ASSERT_EQ(file.tensors().size(), entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const TensorInfo& info = file.info(entries[i].name);
    EXPECT_EQ(info.begin, writer.offsets()[i]);
    EXPECT_EQ(info.shape, entries[i].shape);
    const Tensor tensor = file.tensor(entries[i].name);
    EXPECT_EQ(tensor.dtype(), entries[i].dtype);
    EXPECT_EQ(tensor.size_bytes(), entries[i].size_bytes());
    for (size_t byte = 0; byte < tensor.size_bytes(); ++byte) EXPECT_EQ(tensor.bytes()[byte], std::byte{1});
  }
  EXPECT_EQ(file.names().front(), "bf16");
  EXPECT_FALSE(file.contains("absent"));
}

TEST_F(SafetensorsTest, AlignedTensorsAreViewsAndOutliveTheFileObject) {
  const Tensor values = Tensor::of<float>(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  SafetensorsWriter writer(path_, {{"x", DType::f32, {3, 2}}});
  EXPECT_EQ(writer.offsets()[0] % 8, 0u);
  writer.write(values.transpose());
  writer.close();
  Tensor tensor;
  {
    const SafetensorsFile file(path_);
    tensor = file.tensor("x");
    EXPECT_EQ(tensor.bytes(), file.bytes(file.info("x")).data());
  }
  const std::vector<float> expected = {1, 4, 2, 5, 3, 6};
  EXPECT_EQ(std::memcmp(tensor.bytes(), expected.data(), 24), 0);
}

TEST_F(SafetensorsTest, TheSinkGetsTheBytesOfTheFile) {
  const std::vector<SafetensorsEntry> entries = {{"a", DType::f32, {2}}, {"b", DType::u8, {5}}};
  const std::string data = "0123456789abc";
  Sha256 hash;
  SafetensorsWriter to_hash([&](const void* bytes, size_t size_bytes) { hash.update(bytes, size_bytes); }, entries);
  SafetensorsWriter to_file(path_, entries);
  for (SafetensorsWriter* writer : {&to_hash, &to_file}) {
    writer->write(data.data(), 3);  // a tensor may come in parts
    writer->write(data.data() + 3, 5);
    writer->write(data.data() + 8, 5);
    writer->close();
  }
  const std::string file = read_file(path_, ErrorKind::data);
  EXPECT_EQ(hash.finish(), sha256_hex(file));
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[5],"data_offsets":[8,13]}})";
  EXPECT_EQ(file.substr(8, header.size()), header);
  EXPECT_EQ(file.substr(file.size() - 13), data);
}

TEST_F(SafetensorsTest, TheWriterRefusesWhatCannotBeRead) {
  const auto nowhere = [](const void*, size_t) {};
  EXPECT_THROW(SafetensorsWriter(nowhere, {{"a", DType::u8, {1}}, {"a", DType::u8, {1}}}), Error);
  EXPECT_THROW(SafetensorsWriter(nowhere, {{"__metadata__", DType::u8, {1}}}), Error);
  EXPECT_THROW(SafetensorsWriter(nowhere, {{"\xff", DType::u8, {1}}}), Error);
  SafetensorsWriter writer(nowhere, {{"a", DType::u8, {2}}});
  EXPECT_THROW(writer.close(), Error);
  EXPECT_THROW(writer.write("abc", 3), Error);
  writer.write("ab", 2);
  EXPECT_THROW(writer.write("c", 1), Error);
  EXPECT_NO_THROW(writer.close());
}

TEST_F(SafetensorsTest, ConversionOnRequestOnly) {
  write_one("F64", "[2]", bytes_of<double>({1.5, -2.0}));
  EXPECT_THROW(SafetensorsFile(path_).tensor("x"), Error);
  EXPECT_THROW(SafetensorsFile(path_).tensor_as("x", DType::i64), Error);
  EXPECT_EQ(SafetensorsFile(path_).tensor_as("x", DType::f32).data<float>()[1], -2.0f);

  write_one("I16", "[2]", bytes_of<int16_t>({-3, 7}));
  EXPECT_EQ(SafetensorsFile(path_).tensor_as("x", DType::i64).data<int64_t>()[0], -3);
  EXPECT_EQ(SafetensorsFile(path_).tensor_as("x", DType::f32).data<float>()[1], 7.0f);

  write_one("F16", "[2]", bytes_of<uint16_t>({0x3c00, 0x0001}));
  EXPECT_EQ(SafetensorsFile(path_).tensor_as("x", DType::f32).data<float>()[0], 1.0f);
  EXPECT_EQ(SafetensorsFile(path_).tensor_as("x", DType::f32).data<float>()[1], 0x1p-24f);

  write_one("U64", "[1]", bytes_of<uint64_t>({uint64_t{1} << 63}));
  EXPECT_THROW(SafetensorsFile(path_).tensor_as("x", DType::i64), Error);
  write_one("BOOL", "[1]", "\x02");
  EXPECT_THROW(SafetensorsFile(path_).tensor("x"), Error);
  write_one("U8", "[1,1,1,1,1,1,1]", "a");
  EXPECT_THROW(SafetensorsFile(path_).tensor("x"), Error);
  write_one("F4", "[2,3]", "abc");
  EXPECT_EQ(SafetensorsFile(path_).info("x").elements(), 6);
  EXPECT_THROW(SafetensorsFile(path_).tensor_as("x", DType::f32), Error);
}

TEST(Half, AllSpecialValues) {
  EXPECT_EQ(f32_from_f16(0x7bff), 65504.0f);
  EXPECT_EQ(f32_from_f16(0xc000), -2.0f);
  EXPECT_EQ(f32_from_f16(0x03ff), 1023 * 0x1p-24f);
  EXPECT_EQ(f32_from_f16(0x0400), 0x1p-14f);
  EXPECT_EQ(f32_from_f16(0xfc00), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(f32_from_f16(0x7e00)));
  EXPECT_TRUE(std::signbit(f32_from_f16(0x8000)));
  EXPECT_EQ(f32_from_bf16(0x3fc0), 1.5f);
}

}  // namespace
}  // namespace tessera
