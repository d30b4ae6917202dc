// SPDX-License-Identifier: Apache-2.0
#include "core/data/image_folder.h"

#include <filesystem>

#include "core/base/error.h"
#include "core/base/input_file.h"
#include "core/config/fields.h"
#include "core/data/image_dataset.h"
#include "core/data/image_files.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

class FileStore final : public ImageStore {
 public:
  explicit FileStore(ImageFiles files) : files_(std::move(files)) {}

  int64_t samples() const override { return static_cast<int64_t>(files_.files.size()); }
  int32_t label(int64_t index) const override { return at(index).label; }
  std::string place(int64_t index) const override { return at(index).path; }
  std::vector<std::string> class_names() const override { return files_.class_names; }

  uint64_t size_bytes(int64_t index) const override {
    std::error_code code;
    const uint64_t size = fs::file_size(at(index).path, code);
    return code ? 0 : size;  // whoever reads the file gets the error
  }

  std::vector<std::byte> read(int64_t index) const override {
    const InputFile file(at(index).path, ErrorKind::data);
    std::vector<std::byte> bytes(file.size_bytes());
    file.read_at(0, bytes.data(), bytes.size());
    return bytes;
  }

 private:
  const ImageFile& at(int64_t index) const { return files_.files[static_cast<size_t>(index)]; }

  ImageFiles files_;
};

fs::path source_of(const ImageFolderConfig& config, std::string_view split) {
  return fs::path(config.root) / (split == "train" ? config.train : split == "val" ? config.val : config.test);
}

std::shared_ptr<const ImageStore> open_files(const ImageFolderConfig& config, std::string_view split) {
  const fs::path source = source_of(config, split), train = source_of(config, "train");
  std::error_code ignored;
  if (fs::is_regular_file(source, ignored)) return std::make_shared<FileStore>(read_image_list(source, config.root));
  if (!fs::is_directory(source, ignored)) {
    throw Error(ErrorKind::data, "there is no such folder or list", source.string(), "put it there, or change data.root or data." + std::string(split));
  }
  return std::make_shared<FileStore>(scan_class_folders(source, class_folders(fs::is_directory(train, ignored) ? train : source)));
}

/// Where class folders say what classes there are, a split need not have images of all.
int64_t classes_of(const ImageFolderConfig& config, const ImageStore& store, const fs::path& source) {
  const auto named = static_cast<int64_t>(store.class_names().size());
  return count_classes(store, config.classes > 0 ? config.classes : named, source.string());
}

}  // namespace

void ImageFolderConfig::declare(config::Fields& fields) {
  using config::Effect;
  fields.add("root", root, {.doc = "folder that the splits are relative to", .effect = Effect::free, .required = true});
  fields.add("train", train,
             {.doc = "split train: a folder with a folder of images for each class (.jpg, .jpeg, .png, .webp), or a list: a text file of lines \"PATH CLASS\", paths relative to root; classes.txt beside it names the classes",
              .effect = Effect::free});
  fields.add("val", val, {.doc = "split val, likewise; not used with holdout", .effect = Effect::free});
  fields.add("test", test, {.doc = "split test, likewise", .effect = Effect::free});
  fields.add("classes", classes, {.doc = "class ids lie in 0..classes-1; 0: as many as there are class folders, or as a list shows", .minimum = 0, .maximum = 1e9});
  fields.add("holdout", holdout, {.doc = "makes split val out of a part of split train"});
  transform.declare(fields);
}

std::unique_ptr<Dataset> open_image_folder(const ImageFolderConfig& config, std::string_view split) {
  const std::string_view source = source_split(config.holdout, split);
  const auto store = open_files(config, source);
  const int64_t classes = classes_of(config, *store, source_of(config, source));
  return open_images(store, split, config.holdout, classes, config.transform);
}

}  // namespace tessera::data
