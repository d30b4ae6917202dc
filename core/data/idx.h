// SPDX-License-Identifier: Apache-2.0
// `data.kind: idx`: MNIST, Fashion-MNIST and others in MNIST's format.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/data/augment.h"
#include "core/data/dataset.h"

namespace tessera::data {

/// Keys of the `data` block.
struct IdxConfig {
  std::string root;   ///< holds train-images-idx3-ubyte[.gz], t10k-labels-idx1-ubyte[.gz], ...
  double mean = 0.0;  ///< inputs are (pixel / 255 - mean) / std
  double std = 1.0;
  AugmentConfig augment;
  int64_t classes = 10;
  int64_t limit_samples = 0;  ///< take only the first samples of a split; 0: all
  void declare(config::Fields& fields);
};

/// Split "train" or "test". `inputs` f32 images [1, H, W], `targets` i64 []. Names, headers, counts and labels are
/// checked at once; images are read in the background, and whoever first needs them waits for them and gets their errors.
std::unique_ptr<Dataset> open_idx(const IdxConfig& config, std::string_view split);

}  // namespace tessera::data
