// SPDX-License-Identifier: Apache-2.0
// How many training images a second reach a trainer that does nothing with them, by the number of worker threads; and how fast shards are indexed.
// Usage: loader_bench FOLDER PATTERN [images] [most workers] [rounds], a folder with shards for `data.kind: webdataset`, as in: loader_bench data 'in-*.tar'
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/base/error.h"
#include "core/data/loader.h"
#include "core/data/webdataset.h"

namespace {

using namespace tessera::data;
using Clock = std::chrono::steady_clock;

constexpr int64_t kBatch = 32;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double images_per_s(const std::shared_ptr<const Dataset>& dataset, int64_t images, int workers) {
  Loader loader(dataset, std::make_shared<PermutationSampler>(dataset->samples(), 1), {kBatch, kBatch}, 1);
  const int64_t steps = images / kBatch;
  const auto start = Clock::now();
  loader.start(0, steps, [](int64_t) { return std::vector<int64_t>{0}; }, {workers, 2 * std::max(workers, 1)});
  for (int64_t step = 0; step < steps; ++step) loader.next();
  return static_cast<double>(steps * kBatch) / seconds_since(start);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Medians over rounds, in which every number of workers has its turn.
void measure(const std::shared_ptr<const Dataset>& dataset, int64_t images, int most_workers, int rounds) {
  images_per_s(dataset, images, 1);  // brings the files into memory
  std::vector<std::vector<double>> rates(static_cast<size_t>(most_workers)), ratios(rates.size());
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < rates.size(); ++i) {
      rates[i].push_back(images_per_s(dataset, images, static_cast<int>(i) + 1));
      ratios[i].push_back(rates[i].back() / rates[0].back());
    }
  }
  for (size_t i = 0; i < rates.size(); ++i) {
    fmt::print("{} worker{}: {:6.0f} images/s, {:.2f} of one\n", i + 1, i == 0 ? " " : "s", median(rates[i]), median(ratios[i]));
  }
}

void run(const WebdatasetConfig& config, int64_t images, int most_workers, int rounds) {
  auto start = Clock::now();
  index_webdataset(config, "train", {});
  const double index_s = seconds_since(start);
  start = Clock::now();
  const std::shared_ptr<const Dataset> dataset = open_webdataset(config, "train");
  fmt::print("{} samples: indexes made or checked in {:.3f} s, opened in {:.3f} s\n", dataset->samples(), index_s, seconds_since(start));
  if (images > 0) measure(dataset, images, most_workers, rounds);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: loader_bench FOLDER PATTERN [images] [most workers] [rounds]\n");
    return 2;
  }
  try {
    WebdatasetConfig config;
    config.root = argv[1];
    config.train = argv[2];
    config.classes = 1000;
    run(config, argc > 3 ? std::atol(argv[3]) : 1024, std::max(argc > 4 ? std::atoi(argv[4]) : 2, 1), std::max(argc > 5 ? std::atoi(argv[5]) : 5, 1));
    return 0;
  } catch (const tessera::Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
