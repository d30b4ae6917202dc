// SPDX-License-Identifier: Apache-2.0
// Which image files there are, and of which class: from class folders or from a list.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tessera::data {

struct ImageFile {
  std::string path;
  int32_t label = 0;
};

struct ImageFiles {
  std::vector<ImageFile> files;
  std::vector<std::string> class_names;  ///< empty where the source does not say
};

/// The names of the folders in `root`, in byte order. Throws Error(data) where there is none.
std::vector<std::string> class_folders(const std::filesystem::path& root);

/// Every image below root/CLASS for each of `classes`, in the order of torchvision's ImageFolder: class by class, folder by folder, file by file,
/// in byte order; links are followed. Image files are told by their endings. Throws Error(data) for a class without images, for a folder of `root`
/// that is no class, and for a file of a format that is not read.
ImageFiles scan_class_folders(const std::filesystem::path& root, std::vector<std::string> classes);

/// Lines "PATH CLASS", the path relative to `root`, the class a number from 0; empty lines are passed over. A file classes.txt beside the list names the
/// classes, one a line. Throws Error(data) naming list and line for
/// anything else, and for a file that does not exist.
ImageFiles read_image_list(const std::filesystem::path& list, const std::filesystem::path& root);

}  // namespace tessera::data
