// SPDX-License-Identifier: Apache-2.0
// `data.kind: tensors`: anybody's prepared data, the tensors `inputs` and `targets` of a safetensors file a split.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/data/augment.h"
#include "core/data/dataset.h"

namespace tessera::data {

/// Keys of the `data` block. A split whose file is not given does not exist.
struct TensorsConfig {
  std::string root;  ///< folder that the files are relative to; may be empty
  std::string train;
  std::string validation;
  std::string test;
  AugmentConfig augment;
  int64_t classes = 0;        ///< integer targets lie in [0, classes); 0: one more than the largest of the split
  int64_t limit_samples = 0;  ///< take only the first samples of a split; 0: all
  void declare(config::Fields& fields);
};

/// `inputs` [N, ...]: f32, f16, bf16, u8 become f32 (u8 as 0..255), i64 and i32 become i64; [N, C, H, W] are images.
/// `targets` [N, ...]: i64, i32, u8 become i64 class ids, f32 stay. Files are memory-mapped and converted sample by
/// sample. Non-finite inputs pass; shapes, dtypes and labels that do not fit are Error(data) naming file and tensor.
std::unique_ptr<Dataset> open_tensors(const TensorsConfig& config, std::string_view split);

}  // namespace tessera::data
