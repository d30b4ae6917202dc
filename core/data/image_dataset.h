// SPDX-License-Identifier: Apache-2.0
// A data set of image files with a class each, wherever the files lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/classes.h"
#include "core/data/dataset.h"
#include "core/data/image/transform.h"

namespace tessera::data {

/// Encoded images by index. Thread-safe.
class ImageStore {
 public:
  virtual ~ImageStore() = default;

  virtual int64_t samples() const = 0;
  virtual int32_t label(int64_t index) const = 0;
  virtual uint64_t size_bytes(int64_t index) const = 0;
  /// The whole file. Throws Error(data).
  virtual std::vector<std::byte> read(int64_t index) const = 0;
  /// For errors: the file, or shard:member.
  virtual std::string place(int64_t index) const = 0;
  virtual std::vector<std::string> class_names() const { return {}; }
};

/// The split ("train", "val" or "test") whose images those of `split` are: with a holdout "val" is a part of "train". Throws Error(usage) for another one.
std::string_view source_split(const HoldoutConfig& holdout, std::string_view split);

/// The number of classes: `classes`, or, where that is 0, as many as the labels show. Throws Error(data) naming `where` and a sample: labels that are
/// not below `classes`; with 0, a class below the largest that no sample has.
int64_t count_classes(const ImageStore& store, int64_t classes, std::string_view where);

/// Split `split` of a store that holds source_split(holdout, split), labels being below `classes`: `inputs` f32 images [3, height, width], augmented in
/// training where the split is "train", and `targets` i64 []. Throws Error(usage) where the holdout leaves nothing.
std::unique_ptr<Dataset> open_images(std::shared_ptr<const ImageStore> store, std::string_view split, const HoldoutConfig& holdout, int64_t classes,
                                     const ImageTransformConfig& transform);

}  // namespace tessera::data
