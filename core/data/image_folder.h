// SPDX-License-Identifier: Apache-2.0
// `data.kind: image_folder`: image files in class folders, as torchvision's ImageFolder reads them, or named by lists.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/data/classes.h"
#include "core/data/dataset.h"
#include "core/data/image/transform.h"

namespace tessera::data {

/// Keys of the `data` block.
struct ImageFolderConfig {
  std::string root;
  std::string train = "train", val = "val", test = "test";  ///< a folder of class folders or a list, relative to root
  int64_t classes = 0;                                      ///< 0: as many as split train shows
  HoldoutConfig holdout;
  ImageTransformConfig transform;
  void declare(config::Fields& fields);
};

/// Split "train", "val" or "test". Class ids are the places of split train's class folders in byte order, in every split. With `holdout`, split "val" is
/// a part of split train's files, and split "train" the rest.
std::unique_ptr<Dataset> open_image_folder(const ImageFolderConfig& config, std::string_view split);

}  // namespace tessera::data
