// SPDX-License-Identifier: Apache-2.0
#include "launcher/job/sampling.h"

#include "core/base/error.h"
#include "core/data/bucket_sampler.h"
#include "core/data/classes.h"

namespace tessera::launcher {
namespace {

std::shared_ptr<const data::Sampler> make_order(const config::Recipe& recipe, const data::Dataset& dataset) {
  const auto seed = static_cast<uint64_t>(recipe.run.seed);
  if (!recipe.data.balanced) return std::make_shared<data::PermutationSampler>(dataset.samples(), seed);
  const std::vector<int32_t> labels = dataset.labels();
  if (labels.empty()) throw Error(ErrorKind::usage, "samples without a class cannot be balanced", "data.balanced", "set it to false");
  return std::make_shared<data::BalancedSampler>(labels, seed);
}

}  // namespace

std::shared_ptr<const data::Sampler> make_sampler(const config::Recipe& recipe, const std::shared_ptr<const data::Dataset>& dataset) {
  auto order = make_order(recipe, *dataset);
  if (recipe.data.bucket_quanta == 0) return order;
  return std::make_shared<data::BucketSampler>(std::move(order), dataset, recipe.batch.micro_samples, recipe.data.bucket_quanta,
                                               static_cast<uint64_t>(recipe.run.seed));
}

}  // namespace tessera::launcher
