// SPDX-License-Identifier: Apache-2.0
// Time and memory of a recipe's training step without its data: the same random images in every step, on one rank.
// Usage: step_bench RECIPE IMAGE [steps] [key=value]..., IMAGE as in 3x32x32
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/config/load.h"
#include "core/config/resolve.h"
#include "core/kernels/kernels.h"
#include "launcher/train/learner.h"
#include "recipes/registry.h"

namespace tessera {
namespace {

constexpr int64_t kWarmupSteps = 3;
constexpr uint64_t kClasses = 10;

config::Recipe recipe_of(const std::string& path, std::span<const std::string> overrides) {
  const config::KindRegistry registry = recipes::make_registry();
  return config::resolve(config::load_document(path, overrides, registry), registry).recipe;
}

data::Batch random_batch(int64_t samples, const Shape& image) {
  const Tensor inputs = Tensor::empty({samples, image[0], image[1], image[2]}), targets = Tensor::empty({samples}, DType::i64);
  uint64_t state = 1;
  const auto next = [&] { return (state = state * 6364136223846793005u + 1442695040888963407u) >> 40; };
  for (int64_t i = 0; i < inputs.elements(); ++i) inputs.data<float>()[i] = static_cast<float>(next()) * 0x1p-23f - 1.0f;
  for (int64_t i = 0; i < samples; ++i) targets.data<int64_t>()[i] = static_cast<int64_t>(next() % kClasses);
  data::Batch batch;
  batch.samples = samples;
  batch.tensors = {{std::string(data::kInputs), inputs}, {std::string(data::kTargets), targets}};
  return batch;
}

void print(std::vector<double> times_s, int64_t samples) {
  std::sort(times_s.begin(), times_s.end());
  const auto at_ms = [&](size_t percent) { return times_s[times_s.size() * percent / 100] * 1e3; };
  fmt::print("median {:.3f} ms a step, {:.0f} samples/s; p10 {:.3f} ms\n", at_ms(50), static_cast<double>(samples) / at_ms(50) * 1e3, at_ms(10));
  const MemoryUse use = memory_use();
  for (size_t category = 0; category < kMemoryCategories; ++category) {
    if (use.peak_bytes[category] == 0) continue;
    fmt::print("  peak {} {:.1f} MB\n", name_of(static_cast<MemoryCategory>(category)), static_cast<double>(use.peak_bytes[category]) * 1e-6);
  }
}

void measure(const config::Recipe& recipe, const Shape& image, int64_t steps) {
  set_kernel_threads(static_cast<int>(recipe.run.threads));
  distributed::Runtime runtime;
  launcher::Learner learner(recipe, recipes::make_task(recipe), steps + kWarmupSteps, runtime);
  const data::Batch batch = random_batch(recipe.batch.micro_samples, image);
  std::vector<int64_t> quanta(static_cast<size_t>(recipe.batch.quanta()));
  std::iota(quanta.begin(), quanta.end(), 0);
  std::vector<double> times_s;
  for (int64_t step = 0; step < steps + kWarmupSteps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    learner.step(step, quanta, [&](int64_t, size_t, int64_t) { return batch; }, {});
    if (step >= kWarmupSteps) times_s.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  print(times_s, recipe.batch.global_samples);
}

int run(int count, char** arguments) {
  const std::string image = arguments[2];
  const size_t first = image.find('x'), last = image.rfind('x');
  const Shape shape{std::stoll(image), std::stoll(image.substr(first + 1)), std::stoll(image.substr(last + 1))};
  const bool with_steps = count > 3 && std::string(arguments[3]).find('=') == std::string::npos;
  const std::vector<std::string> overrides(arguments + (with_steps ? 4 : 3), arguments + count);
  measure(recipe_of(arguments[1], overrides), shape, with_steps ? std::stoll(arguments[3]) : 50);
  return 0;
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) {
  if (count < 3) {
    fmt::print("usage: {} RECIPE IMAGE [steps] [key=value]...\nIMAGE as in 3x32x32; prints the time of a training step and peak memory\n", arguments[0]);
    return 2;
  }
  try {
    return tessera::run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
