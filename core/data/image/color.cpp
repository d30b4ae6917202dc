// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/color.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace tessera::data {
namespace {

using ByteTable = std::array<uint8_t, 256>;
using Histogram = std::array<int64_t, 256>;

uint8_t cut(float value) { return static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f)); }

/// value_of(stored) for every number there is.
template <typename ValueOf>
ByteTable byte_table(ValueOf value_of) {
  ByteTable table;
  for (size_t value = 0; value < table.size(); ++value) table[value] = value_of(static_cast<uint8_t>(value));
  return table;
}

void look_up(Image& image, const ByteTable& table) {
  uint8_t* const pixels = image.pixels();
  for (size_t i = 0; i < image.size_bytes(); ++i) pixels[i] = table[pixels[i]];
}

/// A table for each channel.
void look_up(Image& image, const std::array<ByteTable, 3>& tables) {
  uint8_t* const end = image.pixels() + image.size_bytes();
  for (uint8_t* pixel = image.pixels(); pixel != end; pixel += Image::kChannels) {
    for (size_t c = 0; c < tables.size(); ++c) pixel[c] = tables[c][pixel[c]];
  }
}

float grey_of(const uint8_t* pixel) {
  const float value = static_cast<float>(pixel[0]) * 0.2989f + static_cast<float>(pixel[1]) * 0.587f + static_cast<float>(pixel[2]) * 0.114f;
  return static_cast<float>(static_cast<int32_t>(value));
}

std::array<Histogram, 3> histograms_of(const Image& image) {
  std::array<Histogram, 3> histograms{};
  const uint8_t* const end = image.pixels() + image.size_bytes();
  for (const uint8_t* pixel = image.pixels(); pixel != end; pixel += Image::kChannels) {
    for (size_t c = 0; c < histograms.size(); ++c) ++histograms[c][pixel[c]];
  }
  return histograms;
}

ByteTable stretched(const Histogram& histogram) {
  const auto present = [](int64_t count) { return count > 0; };
  const auto first = std::find_if(histogram.begin(), histogram.end(), present);
  const auto last = std::find_if(histogram.rbegin(), histogram.rend(), present);
  const auto least = static_cast<float>(first - histogram.begin()), largest = static_cast<float>(histogram.rend() - last - 1);
  if (least == largest) return byte_table([](uint8_t value) { return value; });
  const float inverse_scale = (largest - least) * static_cast<float>(1.0 / 255.0);
  return byte_table([&](uint8_t value) { return cut((static_cast<float>(value) - least) / inverse_scale); });
}

ByteTable flattened(const Histogram& histogram) {
  int64_t pixels = 0, largest = 0;
  for (const int64_t count : histogram) {
    pixels += count;
    if (count > 0) largest = count;
  }
  const int64_t step = (pixels - largest) / 255;
  int64_t below = 0;
  return byte_table([&](uint8_t value) {
    if (step == 0) return value;
    const int64_t level = (below + step / 2) / step;
    below += histogram[value];
    return static_cast<uint8_t>(std::min<int64_t>(level, 255));
  });
}

/// Hue in circles from 0 to 1, saturation and value from 0 to 1.
struct Hsv {
  float hue, saturation, value;
};

Hsv hsv_of(float r, float g, float b) {
  const float largest = std::max({r, g, b}), range = largest - std::min({r, g, b});
  if (range == 0.0f) return {0.0f, 0.0f, largest};
  const float rc = (largest - r) / range, gc = (largest - g) / range, bc = (largest - b) / range;
  const float sixths = largest == r ? bc - gc : largest == g ? rc + 2.0f - bc : gc + 4.0f - rc;
  return {std::fmod(sixths * static_cast<float>(1.0 / 6.0) + 1.0f, 1.0f), range / largest, largest};
}

std::array<float, 3> rgb_of(const Hsv& color) {
  const float sixths = color.hue * 6.0f, whole = std::floor(sixths), rest = sixths - whole;
  const float v = color.value, sf = color.saturation * rest, pale = 1.0f - color.saturation;
  const float q = std::clamp((1.0f - sf) * v, 0.0f, 1.0f), t = std::clamp((sf + pale) * v, 0.0f, 1.0f), p = std::clamp(pale * v, 0.0f, 1.0f);
  switch (static_cast<int>(whole) % 6) {
    case 0: return {v, t, p};
    case 1: return {q, v, p};
    case 2: return {p, v, t};
    case 3: return {p, q, v};
    case 4: return {t, p, v};
    default: return {v, p, q};
  }
}

/// Of a row's inner pixels: `above`, `here` and `below` are the rows as they were.
void sharpen_row(const uint8_t* above, const uint8_t* here, const uint8_t* below, int64_t elements, float rest, uint8_t* to) {
  constexpr int64_t kStep = Image::kChannels;
  for (int64_t i = kStep; i < elements - kStep; ++i) {
    const int sum = above[i - kStep] + above[i] + above[i + kStep] + here[i - kStep] + 5 * here[i] + here[i + kStep] + below[i - kStep] + below[i] +
                    below[i + kStep];
    const auto blurred = static_cast<float>((2 * sum + 13) / 26), stored = static_cast<float>(here[i]);  // sum / 13, rounded
    to[i] = cut(stored + (blurred - stored) * rest);
  }
}

}  // namespace

void adjust_brightness(Image& image, double factor) {
  const auto scale = static_cast<float>(factor);
  look_up(image, byte_table([&](uint8_t value) { return cut(static_cast<float>(value) * scale); }));
}

void adjust_contrast(Image& image, double factor) {
  const uint8_t* const end = image.pixels() + image.size_bytes();
  int64_t sum = 0;
  for (const uint8_t* pixel = image.pixels(); pixel != end; pixel += Image::kChannels) sum += static_cast<int64_t>(grey_of(pixel));
  const auto mean = static_cast<float>(static_cast<double>(sum) / static_cast<double>(image.height() * image.width()));
  const auto scale = static_cast<float>(factor), rest = mean * static_cast<float>(1.0 - factor);
  look_up(image, byte_table([&](uint8_t value) { return cut(static_cast<float>(value) * scale + rest); }));
}

void adjust_saturation(Image& image, double factor) {
  const auto scale = static_cast<float>(factor), rest = static_cast<float>(1.0 - factor);
  uint8_t* const end = image.pixels() + image.size_bytes();
  for (uint8_t* pixel = image.pixels(); pixel != end; pixel += Image::kChannels) {
    const float grey = grey_of(pixel) * rest;
    for (int c = 0; c < 3; ++c) pixel[c] = cut(static_cast<float>(pixel[c]) * scale + grey);
  }
}

void adjust_hue(Image& image, double turn) {
  constexpr float kShare = 1.0f / 255.0f;
  constexpr float kBelow256 = 255.0f + 1.0f - 1e-3f;  // torchvision's way from 0..1 to 0..255
  const auto shift = static_cast<float>(turn);
  uint8_t* const end = image.pixels() + image.size_bytes();
  for (uint8_t* pixel = image.pixels(); pixel != end; pixel += Image::kChannels) {
    Hsv color = hsv_of(static_cast<float>(pixel[0]) * kShare, static_cast<float>(pixel[1]) * kShare, static_cast<float>(pixel[2]) * kShare);
    color.hue += shift;
    color.hue -= std::floor(color.hue);
    const std::array<float, 3> turned = rgb_of(color);
    for (size_t c = 0; c < turned.size(); ++c) pixel[c] = static_cast<uint8_t>(turned[c] * kBelow256);
  }
}

void adjust_sharpness(Image& image, double factor) {
  if (image.height() <= 2 || image.width() <= 2) return;
  const auto rest = static_cast<float>(1.0 - factor);
  const auto bytes = static_cast<size_t>(image.row_bytes());
  std::vector<uint8_t> above(image.row(0), image.row(0) + bytes), here(image.row(1), image.row(1) + bytes);
  for (int64_t y = 1; y + 1 < image.height(); ++y) {
    sharpen_row(above.data(), here.data(), image.row(y + 1), image.row_bytes(), rest, image.row(y));
    above.swap(here);
    here.assign(image.row(y + 1), image.row(y + 1) + bytes);
  }
}

void posterize(Image& image, int64_t bits) {
  if (bits >= 8) return;
  const auto mask = static_cast<uint8_t>(0xFF << (8 - bits));
  look_up(image, byte_table([&](uint8_t value) { return static_cast<uint8_t>(value & mask); }));
}

void solarize(Image& image, double threshold) {
  const auto limit = static_cast<float>(threshold);
  look_up(image, byte_table([&](uint8_t value) { return static_cast<float>(value) >= limit ? static_cast<uint8_t>(255 - value) : value; }));
}

void auto_contrast(Image& image) {
  const std::array<Histogram, 3> histograms = histograms_of(image);
  look_up(image, {stretched(histograms[0]), stretched(histograms[1]), stretched(histograms[2])});
}

void equalize(Image& image) {
  const std::array<Histogram, 3> histograms = histograms_of(image);
  look_up(image, {flattened(histograms[0]), flattened(histograms[1]), flattened(histograms[2])});
}

}  // namespace tessera::data
