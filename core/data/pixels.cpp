// SPDX-License-Identifier: Apache-2.0
#include "core/data/pixels.h"

#include <cmath>

#include "core/base/error.h"

namespace tessera::data {

PixelTable pixel_table(double mean, double std) {
  if (!std::isfinite(mean)) throw Error(ErrorKind::usage, "not a finite number", "data.mean", "give the mean of pixel / 255");
  if (!std::isfinite(std) || std <= 0)
    throw Error(ErrorKind::usage, "not a positive number", "data.std", "give the deviation of pixel / 255");
  PixelTable table{};
  for (size_t pixel = 0; pixel < table.size(); ++pixel) {
    table[pixel] = (static_cast<float>(pixel) / 255.0f - static_cast<float>(mean)) / static_cast<float>(std);
  }
  return table;
}

}  // namespace tessera::data
