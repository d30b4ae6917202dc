// SPDX-License-Identifier: Apache-2.0
#include "core/data/image_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/data/image/decode.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

/// What torchvision takes for images as well.
constexpr std::array<std::string_view, 5> kOtherEndings = {".ppm", ".bmp", ".pgm", ".tif", ".tiff"};
/// Deeper folders are links that lead in a circle.
constexpr int kMaxDepth = 32;

bool is_image(const fs::path& path) {
  const std::string ending = lower_case(path.extension().string());
  if (std::ranges::find(kOtherEndings, ending) != kOtherEndings.end()) {
    throw Error(ErrorKind::data, fmt::format("images of format {} are not read", ending), path.string(), "convert it to PNG, JPEG or WebP, or remove it");
  }
  return std::ranges::find(kImageEndings, ending) != kImageEndings.end();
}

/// `folder` and all folders below it.
void collect_folders(const fs::path& folder, int depth, std::vector<std::string>& folders) {
  if (depth > kMaxDepth) throw Error(ErrorKind::data, fmt::format("more than {} folders in one another", kMaxDepth), folder.string(), "look for links in a circle");
  folders.push_back(folder.string());
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) collect_folders(entry.path(), depth + 1, folders);
  }
}

void add_class(const fs::path& folder, int32_t label, std::vector<ImageFile>& files) {
  std::vector<std::string> folders;
  collect_folders(folder, 0, folders);
  std::ranges::sort(folders);
  const size_t before = files.size();
  for (const std::string& each : folders) {
    const size_t begin = files.size();
    for (const fs::directory_entry& entry : fs::directory_iterator(each)) {
      if (is_image(entry.path()) && !entry.is_directory()) files.push_back({entry.path().string(), label});
    }
    std::sort(files.begin() + static_cast<ptrdiff_t>(begin), files.end(), [](const ImageFile& a, const ImageFile& b) { return a.path < b.path; });
  }
  if (files.size() == before) {
    throw Error(ErrorKind::data, "the class folder has no images (.jpg, .jpeg, .png, .webp)", folder.string(), "put some there, or remove the folder");
  }
}

/// What the file system refuses becomes an error of the data.
template <typename Action>
auto reading(const fs::path& folder, Action action) {
  try {
    return action();
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::data, "cannot read the folder: " + error.code().message(), folder.string(), "correct data.root, or the folder's permissions");
  }
}

ImageFile parse_line(std::string_view line, const fs::path& root, const std::string& where) {
  const size_t blank = line.find_last_of(" \t");
  int32_t label = -1;
  if (blank != std::string_view::npos) {
    const auto [end, failure] = std::from_chars(line.data() + blank + 1, line.data() + line.size(), label);
    if (failure != std::errc() || end != line.data() + line.size()) label = -1;
  }
  if (label < 0) throw Error(ErrorKind::data, "not a line \"PATH CLASS\" with the class as a number from 0", where, "write one image a line, as in: cats/1.jpg 0");
  const std::string_view path = line.substr(0, line.find_last_not_of(" \t", blank) + 1);
  const fs::path file = root / path;
  std::error_code ignored;
  if (!fs::exists(file, ignored)) throw Error(ErrorKind::data, fmt::format("there is no file '{}'", file.string()), where, "paths are relative to data.root");
  return {file.string(), label};
}

/// Lines without what is white at their ends.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    lines.push_back(line.substr(0, line.find_last_not_of(" \t\r") + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// What scripts/data/split_folders writes beside its lists; empty where there is no such file.
std::vector<std::string> names_beside(const fs::path& list) {
  const fs::path file = list.parent_path() / "classes.txt";
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return {};
  const std::string text = read_file(file, ErrorKind::data);
  std::vector<std::string> names;
  for (const std::string_view line : lines_of(text)) names.emplace_back(line);
  return names;
}

}  // namespace

std::vector<std::string> class_folders(const fs::path& root) {
  return reading(root, [&] {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
      if (entry.is_directory()) names.push_back(entry.path().filename().string());
    }
    if (names.empty()) throw Error(ErrorKind::data, "there are no class folders", root.string(), "put a folder of images there for each class");
    std::ranges::sort(names);
    return names;
  });
}

ImageFiles scan_class_folders(const fs::path& root, std::vector<std::string> classes) {
  return reading(root, [&] {
    ImageFiles found;
    for (const std::string& name : class_folders(root)) {
      const auto place = std::ranges::find(classes, name);
      if (place == classes.end()) {
        throw Error(ErrorKind::data, "the class folder is not among those of split train", (root / name).string(), "remove or rename it, or give split train such a class");
      }
      add_class(root / name, static_cast<int32_t>(place - classes.begin()), found.files);
    }
    found.class_names = std::move(classes);
    return found;
  });
}

ImageFiles read_image_list(const fs::path& list, const fs::path& root) {
  const std::string text = read_file(list, ErrorKind::data);
  ImageFiles found;
  int64_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    if (!line.empty()) found.files.push_back(parse_line(line, root, fmt::format("{}:{}", list.string(), number)));
  }
  found.class_names = names_beside(list);
  if (found.files.empty()) throw Error(ErrorKind::data, "the list names no image", list.string(), "write one image a line, as in: cats/1.jpg 0");
  return found;
}

}  // namespace tessera::data
