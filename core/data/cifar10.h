// SPDX-License-Identifier: Apache-2.0
// `data.kind: cifar10`: CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009) in its binary version: files of
// records of 3,073 bytes, a label 0..9 and the red, green and blue planes of 32 x 32 pixels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/augment.h"
#include "core/data/dataset.h"

namespace tessera::data {

/// Keys of the `data` block.
struct Cifar10Config {
  std::string root;
  std::vector<std::string> train_files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"};
  std::vector<double> mean = {0.485, 0.456, 0.406};  ///< inputs are (pixel / 255 - mean) / std, a channel
  std::vector<double> std = {0.229, 0.224, 0.225};
  AugmentConfig augment;
  int64_t limit_samples = 0;  ///< take only the first samples of a split; 0: all
  void declare(config::Fields& fields);
};

/// Split "train" (train_files, one after the other) or "test" (test_batch.bin). `inputs` f32 images [3, 32, 32], `targets` i64 []. Files are
/// memory-mapped. A file that is missing, empty, cut off or holds another label is Error(data) and names file and record.
std::unique_ptr<Dataset> open_cifar10(const Cifar10Config& config, std::string_view split);

}  // namespace tessera::data
