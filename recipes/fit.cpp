// SPDX-License-Identifier: Apache-2.0
#include "recipes/fit.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace tessera::recipes {

void does_not_fit(const config::KindBlock& model, const std::string& key, int64_t value, const std::string& data, int64_t wanted) {
  const config::Node* node = model.node.find(key);
  const bool given = node && node->origin().source != "default";
  throw Error(ErrorKind::usage, fmt::format("model.{} is {}, but {}", key, value, data), (given ? *node : model.node).origin().text(),
              fmt::format("set model.{} to {}, or correct the data block", key, wanted));
}

std::string sample_text(const data::Dataset& dataset) {
  return fmt::format("a sample of the data is {} (channels, height, width)", dataset.fields().front().shape.text());
}

void check_image(const config::KindBlock& model, int64_t in_channels, const data::Dataset& dataset) {
  const Shape& sample = dataset.fields().front().shape;
  if (sample.dims() != 3) {
    throw Error(ErrorKind::usage, fmt::format("{} takes images, but a sample of the data is {}", model.kind, sample.text()), model.node.origin().text(),
                "take another model or other data");
  }
  if (in_channels != sample[0]) does_not_fit(model, "in_channels", in_channels, sample_text(dataset), sample[0]);
}

void check_classes(const config::KindBlock& model, int64_t outputs, const data::Dataset& dataset) {
  const int64_t classes = dataset.classes().value_or(0);
  if (outputs < classes) does_not_fit(model, "classes", outputs, fmt::format("the data has {} classes", classes), classes);
}

}  // namespace tessera::recipes
