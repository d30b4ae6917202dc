// SPDX-License-Identifier: Apache-2.0
// Where the time of image files goes, on one core: each stage alone, and a whole training sample.
// Usage: image_bench FOLDER [files] [rounds], a folder of image files; prints the fastest round of each
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/data/image/transform.h"

namespace tessera::data {
namespace {

std::vector<std::string> contents_of(const std::string& folder, size_t count) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().string());
  std::sort(names.begin(), names.end());
  names.resize(std::min(names.size(), count));
  for (std::string& name : names) name = read_file(name, ErrorKind::data);
  return names;
}

std::span<const std::byte> bytes_of(const std::string& content) { return std::as_bytes(std::span(content)); }

class Bench {
 public:
  Bench(std::vector<std::string> contents, int rounds) : contents_(std::move(contents)), rounds_(rounds) {}

  void measure(const char* name, const std::function<void(size_t)>& stage) const {
    double best_s = std::numeric_limits<double>::infinity();
    for (int round = 0; round < rounds_; ++round) {
      const auto start = std::chrono::steady_clock::now();
      for (size_t i = 0; i < contents_.size(); ++i) stage(i);
      best_s = std::min(best_s, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    const double each_s = best_s / static_cast<double>(contents_.size());
    fmt::print("{:<28} {:9.1f} us an image {:9.0f} images/s\n", name, each_s * 1e6, 1 / each_s);
  }

  void run() const {
    Image image, out;
    Resizer resizer;
    std::vector<Image> decoded(contents_.size());
    measure("inspect", [&](size_t i) { inspect(bytes_of(contents_[i]), {}, "bench"); });
    measure("decode", [&](size_t i) { decode(bytes_of(contents_[i]), {}, "bench", decoded[i]); });
    measure("decode the middle half", [&](size_t i) {
      const int64_t height = decoded[i].height(), width = decoded[i].width();
      decode_part(bytes_of(contents_[i]), {}, "bench", {height / 7, width / 7, height * 5 / 7, width * 5 / 7}, 8, image);
    });
    measure("decode at 1/8", [&](size_t i) {
      decode_part(bytes_of(contents_[i]), {}, "bench", {0, 0, decoded[i].height(), decoded[i].width()}, 1, image);
    });
    for (const Interpolation kind : {Interpolation::bilinear, Interpolation::bicubic}) {
      measure(kind == Interpolation::bilinear ? "resize whole, bilinear" : "resize whole, bicubic", [&](size_t i) {
        const Image& from = decoded[i];
        const SourceBox box{0, 0, static_cast<double>(from.height()), static_cast<double>(from.width())};
        resizer.prepare({from.height(), from.width(), box, 224, 224, {0, 0, 224, 224}, false, kind});
        resizer.resize(from, 0, 0, out);
      });
    }
    run_transforms();
    run_operations(std::move(out));
  }

 private:
  void run_transforms() const {
    ImageTransformConfig config;
    std::vector<float> inputs(static_cast<size_t>(3 * config.size[0] * config.size[1]));
    const auto sample = [&](const char* name, bool training) {
      const ImageTransform transform(config, "train");
      measure(name, [&](size_t i) {
        transform.apply(bytes_of(contents_[i]), "bench", static_cast<int64_t>(i), {1, 0, 0, training}, inputs.data());
      });
    };
    sample("evaluation sample", false);
    sample("training sample", true);
    config.color_jitter = {0.4, 0.4, 0.4, 0.1};
    sample("... with colour jitter", true);
    config.color_jitter = {};
    config.rand_augment.operations = 2;
    sample("... with RandAugment", true);
  }

  void run_operations(Image image) const {
    Image scratch;
    for (int64_t i = 1; i < kAugmentOperations; ++i) {
      const auto operation = static_cast<AugmentOperation>(i);
      const double magnitude = magnitude_of(operation, 9, 31, image.height(), image.width());
      measure(fmt::format("operation {}", i).c_str(), [&](size_t) { apply_operation(operation, magnitude, image, scratch); });
    }
  }

  std::vector<std::string> contents_;
  int rounds_;
};

}  // namespace
}  // namespace tessera::data

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: image_bench FOLDER [files] [rounds]\n");
    return 2;
  }
  try {
    const size_t files = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 200;
    tessera::data::Bench(tessera::data::contents_of(argv[1], files), argc > 3 ? std::atoi(argv[3]) : 5).run();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
