// SPDX-License-Identifier: Apache-2.0
// Our side of images.py: runs parts of the image pipeline on request. Reads commands from standard input, words of a line separated by
// tabs, and answers each with one line that begins with "ok"; the first failure is an error line on standard error, and the end. Pixels are
// files of raw bytes, H x W x 3.
//   decode FILE TO                                       answers height, width
//   part FILE TOP LEFT HEIGHT WIDTH EIGHTHS TO           answers height, width, and the part's top and left
//   resize FROM HEIGHT WIDTH TOP LEFT BOX_HEIGHT BOX_WIDTH KIND TO_HEIGHT TO_WIDTH TO
//   operation FROM HEIGHT WIDTH NAME NUMBER TO           a change of colour with its factor, or one of RandAugment at a magnitude
//   magnitude NAME LEVEL BINS HEIGHT WIDTH               answers that magnitude
//   load FOLDER COUNT YAML                               keeps the first files in memory, and a transform with these keys
//   transform INDEX TO                                   the f32 inputs of an evaluation sample
//   time EPOCH                                           answers the seconds that the files' training samples take
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/config/fields.h"
#include "core/config/yaml.h"
#include "core/data/image/color.h"
#include "core/data/image/transform.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

Image read_raw(const std::string& path, int64_t height, int64_t width) {
  Image image(height, width);
  std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(image.pixels()), static_cast<std::streamsize>(image.size_bytes()));
  return image;
}

void write_raw(const std::string& path, const void* data, size_t size_bytes) {
  std::ofstream(path, std::ios::binary).write(static_cast<const char*>(data), static_cast<std::streamsize>(size_bytes));
}

void write_raw(const std::string& path, const Image& image) { write_raw(path, image.pixels(), image.size_bytes()); }

void change(const std::string& name, double number, Image& image) {
  const std::map<std::string, std::function<void()>> colours = {{"adjust_brightness", [&] { adjust_brightness(image, number); }},
                                                                {"adjust_contrast", [&] { adjust_contrast(image, number); }},
                                                                {"adjust_saturation", [&] { adjust_saturation(image, number); }},
                                                                {"adjust_hue", [&] { adjust_hue(image, number); }}};
  if (const auto colour = colours.find(name); colour != colours.end()) return colour->second();
  Image scratch;
  apply_operation(operation_of(name), number, image, scratch);
}

class ImageDriver {
 public:
  std::string run(const Words& words) {
    const std::string& command = words.at(0);
    const auto number = [&](size_t i) { return std::stod(words.at(i)); };
    const auto whole = [&](size_t i) { return static_cast<int64_t>(std::stoll(words.at(i))); };
    Image image, out;
    if (command == "decode") {
      decode(MappedFile(words.at(1), ErrorKind::data).bytes(), {}, words.at(1), image);
      write_raw(words.at(2), image);
      return fmt::format("{} {}", image.height(), image.width());
    }
    if (command == "part") {
      const Region needed{whole(2), whole(3), whole(4), whole(5)};
      const ImagePart part = decode_part(MappedFile(words.at(1), ErrorKind::data).bytes(), {}, words.at(1), needed, whole(6), image);
      write_raw(words.at(7), image);
      return fmt::format("{} {} {} {}", image.height(), image.width(), part.top, part.left);
    }
    if (command == "resize") {
      image = read_raw(words.at(1), whole(2), whole(3));
      Resizer resizer;
      resizer.prepare({image.height(),
                       image.width(),
                       {number(4), number(5), number(6), number(7)},
                       whole(9),
                       whole(10),
                       {0, 0, whole(9), whole(10)},
                       false,
                       words.at(8) == "bicubic" ? Interpolation::bicubic : Interpolation::bilinear});
      resizer.resize(image, 0, 0, out);
      write_raw(words.at(11), out);
      return "";
    }
    if (command == "operation") {
      image = read_raw(words.at(1), whole(2), whole(3));
      change(words.at(4), number(5), image);
      write_raw(words.at(6), image);
      return "";
    }
    if (command == "magnitude")
      return fmt::format("{:.17g}", magnitude_of(operation_of(words.at(1)), whole(2), whole(3), whole(4), whole(5)));
    return run_transform(words);
  }

 private:
  std::string run_transform(const Words& words) {
    if (words[0] == "load") {
      load(words.at(1), std::stoul(words.at(2)), words.at(3));
      return fmt::format("{}", files_.size());
    }
    std::vector<float> inputs(static_cast<size_t>(transform_->shape().elements()));
    if (words[0] == "transform") {
      const auto index = static_cast<size_t>(std::stoul(words.at(1)));
      transform_->apply(bytes_of(index), names_.at(index), static_cast<int64_t>(index), {}, inputs.data());
      write_raw(words.at(2), inputs.data(), inputs.size() * sizeof(float));
      return "";
    }
    if (words[0] != "time") throw Error(ErrorKind::usage, "unknown command", words[0]);
    const SampleContext context{1, static_cast<int64_t>(std::stoll(words.at(1))), 0, true};
    const auto start = std::chrono::steady_clock::now();
    for (size_t i = 0; i < files_.size(); ++i) transform_->apply(bytes_of(i), names_[i], static_cast<int64_t>(i), context, inputs.data());
    return fmt::format("{}", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }

  void load(const std::string& folder, size_t count, const std::string& yaml) {
    names_.clear();
    files_.clear();
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) names_.push_back(entry.path().string());
    std::sort(names_.begin(), names_.end());
    names_.resize(std::min(names_.size(), count));
    for (const std::string& name : names_) files_.push_back(read_file(name, ErrorKind::data));
    ImageTransformConfig config;
    config::read(config::parse_yaml(yaml, "keys"), config);
    transform_.emplace(config, "train");
  }
  std::span<const std::byte> bytes_of(size_t index) const { return std::as_bytes(std::span(files_.at(index))); }

  std::vector<std::string> names_, files_;
  std::optional<ImageTransform> transform_;
};

void serve() {
  ImageDriver driver;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    Words list;
    for (std::string word; std::getline(words, word, '\t');) list.push_back(word);
    fmt::print("ok {}\n", driver.run(list));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace tessera::data

int main() {
  try {
    tessera::data::serve();
    return tessera::kExitDone;
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return tessera::kExitOther;
  }
}
