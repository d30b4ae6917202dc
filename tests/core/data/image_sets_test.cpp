// SPDX-License-Identifier: Apache-2.0
// Class folders, lists and tar shards as data sets.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "core/data/image_files.h"
#include "core/data/image_folder.h"
#include "core/data/loader.h"
#include "core/data/shard_index.h"
#include "core/data/webdataset.h"
#include "tests/core/data/expect.h"
#include "tests/core/data/png_writer.h"
#include "tests/core/format/tar_builder.h"
#include "tests/temporary_folder.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;
using test::png_of, test::tar_end, test::tar_member, test::write_image;

ImageTransformConfig plain_transform() {
  ImageTransformConfig transform;
  transform.size = {2, 3};
  transform.resize = 0;
  transform.train_crop = "center";
  transform.flip = false;
  transform.mean = {0, 0, 0};
  transform.std = {1, 1, 1};
  return transform;
}

struct Sample {
  float red;
  int64_t label;
};

Sample read(const Dataset& dataset, int64_t index) {
  float pixels[18];
  int64_t label = -9;
  std::byte* const places[] = {reinterpret_cast<std::byte*>(pixels), reinterpret_cast<std::byte*>(&label)};
  dataset.read(index, {}, places);
  return {pixels[0] * 255.0f, label};
}

/// The red values of all samples tell which file is which.
std::string reds_of(const Dataset& dataset) {
  std::string text;
  for (int64_t i = 0; i < dataset.samples(); ++i) {
    const Sample sample = read(dataset, i);
    text += std::to_string(static_cast<int>(sample.red + 0.5f)) + ":" + std::to_string(sample.label) + " ";
  }
  return text;
}

class ImageFolders : public testing::Test {
 protected:
  ImageFolders() {
    config_.root = root().string();
    config_.transform = plain_transform();
  }
  const fs::path& root() const { return folder_.path(); }
  void image(const std::string& name, uint8_t red) const { write_image(root() / name, png_of(red, 0, 0)); }
  void file(const std::string& name, const std::string& text) const { write_image(root() / name, text); }
  std::string error_of(std::string_view split) const {
    return message_of([&] { open_image_folder(config_, split); });
  }

  test::TemporaryFolder folder_;
  ImageFolderConfig config_;
};

TEST_F(ImageFolders, ClassesAndFilesInTheOrderOfTorchvision) {
  // Upper case before lower case; "b/z.png" and "b/a-c/..." by whole folder names; the ending in any case.
  image("train/b/z.PNG", 1);
  image("train/b/a/2.png", 2);
  image("train/b/a-c/1.png", 3);
  image("train/b/a/10.png", 4);
  image("train/B/x.png", 5);
  image("train/a/x.png", 6);
  file("train/a/notes.txt", "no image");
  file("train/readme.txt", "no class");
  image("val/b/1.png", 7);
  const auto train = open_image_folder(config_, "train"), val = open_image_folder(config_, "val");
  EXPECT_EQ(reds_of(*train), "5:0 6:1 1:2 4:2 2:2 3:2 ");
  EXPECT_EQ(train->class_names(), (std::vector<std::string>{"B", "a", "b"}));
  EXPECT_EQ(train->labels(), (std::vector<int32_t>{0, 1, 2, 2, 2, 2}));
  EXPECT_EQ(train->classes(), 3);
  EXPECT_EQ(reds_of(*val), "7:2 ") << "a split has the class ids of split train";
  EXPECT_EQ(val->classes(), 3);
}

TEST_F(ImageFolders, BadFoldersAreNamed) {
  expect_in("train: there is no such folder or list", error_of("train"));
  expect_in("there is no split 'other'", error_of("other"));
  fs::create_directories(root() / "train");
  expect_in("there are no class folders", error_of("train"));
  image("train/a/1.png", 1);
  fs::create_directories(root() / "train" / "empty");
  expect_in("empty: the class folder has no images", error_of("train"));
  fs::remove(root() / "train" / "empty");
  image("val/c/1.png", 1);
  expect_in("c: the class folder is not among those of split train", error_of("val"));
  file("train/a/2.bmp", "x");
  expect_in("2.bmp: images of format .bmp are not read", error_of("train"));
  fs::remove(root() / "train/a/2.bmp");
  fs::create_directory_symlink(root() / "train" / "a", root() / "train" / "a" / "circle");
  expect_in("circle", error_of("train"));
}

TEST_F(ImageFolders, AListNamesFilesAndClasses) {
  image("x/1.png", 1);
  image("x/with blank.png", 2);
  file("train.txt", "x/with blank.png 1\r\n\nx/1.png\t0");
  config_.train = "train.txt";
  EXPECT_EQ(reds_of(*open_image_folder(config_, "train")), "2:1 1:0 ");
  config_.classes = 5;
  EXPECT_EQ(open_image_folder(config_, "train")->classes(), 5);
  config_.classes = 1;
  expect_in("class 1 is not below data.classes = 1", error_of("train"));
  config_.classes = 0;
  EXPECT_TRUE(open_image_folder(config_, "train")->class_names().empty());
  file("classes.txt", "ants\r\nbig bees\nwasps\n");
  EXPECT_EQ(open_image_folder(config_, "train")->class_names(), (std::vector<std::string>{"ants", "big bees", "wasps"}));
  EXPECT_EQ(open_image_folder(config_, "train")->classes(), 3);
}

TEST_F(ImageFolders, BadListsAreNamedWithTheirLine) {
  image("1.png", 1);
  config_.train = "list";
  for (const char* text : {"1.png 0\n1.png", "\n1.png cat", "\n1.png -1", "\n1.png 0.5", "\n1.png 99999999999"}) {
    file("list", text);
    expect_in("list:2: not a line", error_of("train"));
  }
  file("list", "1.png 0\nnone.png 0");
  expect_in("none.png", error_of("train"));
  file("list", "\n\n");
  expect_in("the list names no image", error_of("train"));
  file("list", "1.png 0\n1.png 2");
  expect_in("no sample has class 1", error_of("train"));
}

TEST_F(ImageFolders, HoldoutMakesValOutOfTrain) {
  for (uint8_t i = 0; i < 10; ++i) image("train/a/" + std::to_string(i) + ".png", i);
  for (uint8_t i = 0; i < 20; ++i) image("train/b/" + std::to_string(i) + ".png", static_cast<uint8_t>(100 + i));
  config_.holdout = {.folds = 0, .fold = 0, .fraction = 0.2, .seed = 1};
  const auto train = open_image_folder(config_, "train"), val = open_image_folder(config_, "val");
  EXPECT_EQ(train->samples(), 24);
  EXPECT_EQ(val->labels(), (std::vector<int32_t>{0, 0, 1, 1, 1, 1}));
  EXPECT_NE(train->fingerprint(), val->fingerprint());
}

TEST_F(ImageFolders, ABrokenFileStopsOrIsSkipped) {
  image("train/a/0.png", 10);
  image("train/a/2.png", 20);
  file("train/a/1.png", "no image at all");
  image("train/b/0.png", 30);
  const std::shared_ptr<const Dataset> dataset = open_image_folder(config_, "train");
  expect_in("train/a/1.png: ", message_of([&] { EvaluationLoader(dataset, 4, 1, 0).next(); }));
  for (int workers : {0, 2}) {
    EvaluationLoader loader(dataset, 4, 1, 0, {workers, 2}, OnError::skip);
    const Batch batch = *loader.next();
    const auto* weights = batch.at(kWeights).data<float>();
    EXPECT_EQ(std::vector<float>(weights, weights + 4), (std::vector<float>{1, 0, 1, 1}));
    const auto* targets = batch.at(kTargets).data<int64_t>();
    EXPECT_EQ(std::vector<int64_t>(targets, targets + 4), (std::vector<int64_t>{0, kSkippedClass, 0, 1}));
    ASSERT_EQ(batch.skipped.size(), 1u);
    EXPECT_EQ(batch.skipped[0].index, 1);
    expect_in("train/a/1.png: ", batch.skipped[0].problem);
    const auto* pixels = batch.at(kInputs).data<float>();
    for (int i = 0; i < 18; ++i) ASSERT_EQ(pixels[18 + i], 0.0f);
    EXPECT_GT(pixels[2 * 18], 0.0f);
  }
}

class Webdatasets : public ImageFolders {
 protected:
  Webdatasets() {
    web_.root = root().string();
    web_.transform = plain_transform();
    web_.train = "t-{00..01}.tar";
    shard("t-00.tar", {10, 11, 12});
    shard("t-01.tar", {20, 21});
  }

  void shard(const std::string& name, std::initializer_list<uint8_t> reds) const {
    std::string members;
    for (uint8_t red : reds) {
      members += tar_member("n/" + std::to_string(red) + ".png", png_of(red, 0, 0)) + tar_member("n/" + std::to_string(red) + ".cls", std::to_string(red % 10));
    }
    file(name, members + tar_end());
  }

  WebdatasetConfig web_;
};

TEST_F(Webdatasets, SamplesInTheOrderOfTheShards) {
  const auto dataset = open_webdataset(web_, "train");
  EXPECT_EQ(reds_of(*dataset), "10:0 11:1 12:2 20:0 21:1 ");
  EXPECT_EQ(dataset->classes(), 3);
  EXPECT_FALSE(fs::exists(root() / "t-00.tar.index")) << "only preparing writes";
  index_webdataset(web_, "train", {});
  EXPECT_TRUE(fs::exists(root() / "t-00.tar.index"));
  EXPECT_EQ(reds_of(*open_webdataset(web_, "train")), reds_of(*dataset));
  EXPECT_EQ(open_webdataset(web_, "train")->fingerprint(), dataset->fingerprint());
}

TEST_F(Webdatasets, TheSameSamplesInOtherFilesAreTheSameDataSet) {
  const std::string fingerprint = open_webdataset(web_, "train")->fingerprint();
  shard("one.tar", {10, 11, 12, 20, 21});
  web_.train = "one.tar";
  EXPECT_EQ(open_webdataset(web_, "train")->fingerprint(), fingerprint);
  shard("one.tar", {10, 11, 22, 20, 21});
  EXPECT_EQ(open_webdataset(web_, "train")->fingerprint(), fingerprint) << "sizes and classes are the same";
  shard("one.tar", {10, 12, 11, 20, 21});
  EXPECT_NE(open_webdataset(web_, "train")->fingerprint(), fingerprint);
}

TEST_F(Webdatasets, ErrorsNameShardAndMember) {
  file("t-01.tar", tar_member("n/20.png", "no image") + tar_member("n/20.cls", "0") + tar_end());
  const auto dataset = open_webdataset(web_, "train");
  expect_in("t-01.tar:n/20.png: ", message_of([&] { read(*dataset, 3); }));
  expect_in("data.val", message_of([&] { open_webdataset(web_, "val"); }));
  web_.classes = 2;
  expect_in("t-00.tar:n/12.png: class 2 is not below data.classes = 2", message_of([&] { open_webdataset(web_, "train"); }));
  web_.classes = 0;
  shard("t-00.tar", {10, 12});
  expect_in("no sample has class 1", message_of([&] { open_webdataset(web_, "train"); }));
}

TEST_F(Webdatasets, AShardThatChangesUnderTheReaderIsNoticed) {
  const auto dataset = open_webdataset(web_, "train");
  shard("t-00.tar", {10, 11});
  expect_in("t-00.tar: the shard has changed since it was indexed", message_of([&] { read(*dataset, 0); }));
}

}  // namespace
}  // namespace tessera::data
