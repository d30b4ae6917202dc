// SPDX-License-Identifier: Apache-2.0
#include "core/data/idx.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <functional>
#include <limits>

#include "core/base/error.h"
#include "core/config/fields.h"
#include "core/data/idx_file.h"
#include "tests/core/data/expect.h"
#include "tests/temporary_folder.h"

namespace tessera::data {
namespace {

std::string gzip(const std::string& plain) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(plain.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string idx(uint32_t magic, std::initializer_list<uint32_t> dims, const std::string& elements) {
  std::string file;
  const auto append = [&](uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<char>(number >> shift & 0xff));
  };
  append(magic);
  for (uint32_t size : dims) append(size);
  return file + elements;
}

/// Pixel i of the file is i * 7 mod 256.
std::string pixels(size_t count) {
  std::string elements;
  for (size_t i = 0; i < count; ++i) elements.push_back(static_cast<char>(i * 7));
  return elements;
}

class IdxTest : public testing::Test {
 protected:
  IdxTest() {
    images_ = idx(0x0803, {5, 2, 3}, pixels(30));
    labels_ = idx(0x0801, {5}, std::string("\0\1\2\3\4", 5));
  }

  /// Thousands of small files: without write_file_atomically's wait for the disk.
  void write(const std::string& name, const std::string& content) { std::ofstream(folder_.path() / name, std::ios::binary) << content; }
  void write_train() {
    write("train-images-idx3-ubyte.gz", gzip(images_));
    write("train-labels-idx1-ubyte", labels_);
  }
  IdxConfig settings() const {
    IdxConfig idx;
    idx.root = folder_.path();
    return idx;
  }
  /// Opens and reads everything.
  std::string read_error() {
    return message_of([&] { open_idx(settings(), "train")->fingerprint(); });
  }

  test::TemporaryFolder folder_;
  std::string images_, labels_;
};

TEST_F(IdxTest, ReadsAndNormalises) {
  write_train();
  IdxConfig with = settings();
  with.mean = 0.5;
  with.std = 0.25;
  const auto dataset = open_idx(with, "train");
  EXPECT_EQ(dataset->samples(), 5);
  EXPECT_EQ(dataset->labels().size(), 5u);
  EXPECT_EQ(dataset->classes(), 10);
  EXPECT_EQ(dataset->fields()[0].shape, (Shape{1, 2, 3}));
  EXPECT_TRUE(dataset->fields()[0].image);
  float image[6];
  int64_t label = -1;
  std::byte* const places[] = {reinterpret_cast<std::byte*>(image), reinterpret_cast<std::byte*>(&label)};
  dataset->read(3, {}, places);
  EXPECT_EQ(label, 3);
  for (size_t i = 0; i < 6; ++i) {
    const float pixel = static_cast<float>((18 + i) * 7 % 256);
    EXPECT_EQ(image[i], (pixel / 255.0f - 0.5f) / 0.25f);
  }
}

TEST_F(IdxTest, TheFingerprintIsOfTheContents) {
  write_train();
  const std::string fingerprint = open_idx(settings(), "train")->fingerprint();
  EXPECT_EQ(fingerprint.size(), 16u);
  std::filesystem::remove(folder_.path() / "train-images-idx3-ubyte.gz");
  write("train-images-idx3-ubyte", images_);
  EXPECT_EQ(open_idx(settings(), "train")->fingerprint(), fingerprint);
  images_.back() ^= 1;
  write("train-images-idx3-ubyte", images_);
  EXPECT_NE(open_idx(settings(), "train")->fingerprint(), fingerprint);
}

TEST_F(IdxTest, LimitSamples) {
  write_train();
  IdxConfig limited = settings();
  limited.limit_samples = 2;
  EXPECT_EQ(open_idx(limited, "train")->samples(), 2);
  EXPECT_NE(open_idx(limited, "train")->fingerprint(), open_idx(settings(), "train")->fingerprint());
  limited.limit_samples = 100;
  EXPECT_EQ(open_idx(limited, "train")->samples(), 5);
  limited.limit_samples = -1;
  expect_in("data.limit_samples", message_of([&] { open_idx(limited, "train"); }));
}

TEST_F(IdxTest, MissingFilesAndSplits) {
  expect_in((folder_.path() / "train-images-idx3-ubyte").string(), read_error());
  IdxConfig debian;
  debian.root = "/usr/share/datasets/absent";
  expect_in("install the Debian package dataset-fashion-mnist", message_of([&] { open_idx(debian, "train"); }));
  expect_in("there is no split 'valid'; there is train, test", message_of([&] { open_idx(settings(), "valid"); }));
  write_train();
  expect_in("t10k-images-idx3-ubyte", message_of([&] { open_idx(settings(), "test"); }));
}

TEST_F(IdxTest, DeclaresItsKeys) {
  std::vector<std::string> paths;
  for (const config::KeyInfo& key : config::default_keys<IdxConfig>()) paths.push_back(key.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"root", "mean", "std", "crop_padding", "flip", "classes", "limit_samples"}));
}

TEST_F(IdxTest, BadKeys) {
  write_train();
  IdxConfig bad = settings();
  bad.std = 0;
  expect_in("data.std", message_of([&] { open_idx(bad, "train"); }));
  bad = settings();
  bad.mean = std::numeric_limits<double>::infinity();
  expect_in("data.mean", message_of([&] { open_idx(bad, "train"); }));
  bad = settings();
  bad.classes = 0;
  expect_in("data.classes", message_of([&] { open_idx(bad, "train"); }));
}

TEST_F(IdxTest, ImagesAndLabelsMustBelongTogether) {
  labels_ = idx(0x0801, {4}, std::string(4, '\0'));
  write_train();
  expect_in("it has 5 images", read_error());
  expect_in("train-labels-idx1-ubyte has 4 labels", read_error());
}

TEST_F(IdxTest, LabelsOutOfRangeNameFileAndSample) {
  labels_ = idx(0x0801, {5}, std::string("\0\1\2\12\4", 5));
  write_train();
  expect_in("train-labels-idx1-ubyte: label 10 of sample 3 is not below data.classes = 10", read_error());
}

TEST_F(IdxTest, EveryTruncationOfTheGzipFileIsAnError) {
  write_train();
  const std::string whole = gzip(images_);
  for (size_t size = 0; size < whole.size(); ++size) {
    write("train-images-idx3-ubyte.gz", whole.substr(0, size));
    const std::string error = read_error();
    expect_in("train-images-idx3-ubyte.gz: ", error);
    if (size >= 2) expect_in("truncated", error);
  }
}

TEST_F(IdxTest, EveryTruncationOfThePlainFileIsAnError) {
  write_train();
  for (size_t size = 0; size < images_.size(); ++size) {
    write("train-images-idx3-ubyte", images_.substr(0, size));
    expect_in("train-images-idx3-ubyte: not a sound idx file: ", read_error());
  }
}

/// A flipped bit may pass only where it changes nothing (time and system in the gzip header).
TEST_F(IdxTest, EveryFlippedBitIsFoundOrHarmless) {
  write_train();
  const std::string good = gzip(images_), fingerprint = open_idx(settings(), "train")->fingerprint();
  int found = 0;
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    write("train-images-idx3-ubyte.gz", bad);
    try {
      EXPECT_EQ(open_idx(settings(), "train")->fingerprint(), fingerprint) << bit;
    } catch (const Error& error) {
      ++found;
      EXPECT_EQ(error.kind(), ErrorKind::data);
    }
  }
  EXPECT_GT(found, static_cast<int>(good.size() - 10) * 8);
}

TEST_F(IdxTest, HeadersThatLie) {
  const auto error_with = [&](const std::string& images) {
    write_train();
    write("train-images-idx3-ubyte.gz", gzip(images));
    const std::string compressed = read_error();
    write("train-images-idx3-ubyte", images);
    const std::string plain = read_error();
    std::filesystem::remove(folder_.path() / "train-images-idx3-ubyte");
    return compressed + " | " + plain;
  };
  expect_in("bytes follow the [5, 2, 2]", error_with(idx(0x0803, {5, 2, 2}, pixels(30))));
  expect_in("ends after 30 of 40 bytes", error_with(idx(0x0803, {5, 2, 4}, pixels(30))));
  expect_in("gives dim 0 the size -1", error_with(idx(0x0803, {0xffffffff, 2, 3}, pixels(30))));
  expect_in("gives dim 1 the size 0", error_with(idx(0x0803, {5, 0, 3}, pixels(30))));
  expect_in("more than a file of this size can hold", error_with(idx(0x0803, {0x7fffffff, 0x7fffffff, 0x7fffffff}, pixels(30))));
  expect_in("more than a file of this size can hold", error_with(idx(0x0803, {1000000, 28, 28}, pixels(30))));
  expect_in("begins with 0x00000801, not 0x00000803", error_with(idx(0x0801, {30}, pixels(30))));
  expect_in("begins with 0x00000d03", error_with(idx(0x0d03, {5, 2, 3}, pixels(120))));
  expect_in("bytes follow the [5, 2, 3]", error_with(images_ + "x"));
}

TEST_F(IdxTest, GzipMembersInARowAreOneFile) {
  write_train();
  write("train-images-idx3-ubyte.gz", gzip(images_.substr(0, 20)) + gzip(images_.substr(20)));
  EXPECT_EQ(read_error(), "no error");
  write("train-images-idx3-ubyte.gz", gzip(images_) + "garbage");
  expect_in("bytes follow the end of the gzip data", read_error());
}

/// 64 MB of zeros behind a header for 30 bytes: never inflated.
TEST_F(IdxTest, ABombIsNotInflated) {
  write_train();
  write("train-images-idx3-ubyte.gz", gzip(idx(0x0803, {5, 2, 3}, std::string(size_t{64} << 20, '\0'))));
  expect_in("bytes follow the [5, 2, 3]", read_error());
}

}  // namespace
}  // namespace tessera::data
