// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/color.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace tessera::data {
namespace {

using ByteTable = std::array<uint8_t, 256>;
using Histogram = std::array<int64_t, 256>;

uint8_t cut(float value) { return static_cast<uint8_t>(static_cast<int>(std::min(std::max(value, 0.0f), 255.0f))); }

/// value_of(stored) for every number there is.
template <typename ValueOf>
ByteTable byte_table(ValueOf value_of) {
  ByteTable table;
  for (size_t value = 0; value < table.size(); ++value) table[value] = value_of(static_cast<uint8_t>(value));
  return table;
}

void look_up(Image& image, const ByteTable& table) {
  uint8_t* const end = image.pixels() + image.size_bytes();
  for (uint8_t* number = image.pixels(); number != end; ++number) *number = table[*number];
}

/// A table for each channel.
void look_up(Image& image, const std::array<ByteTable, 3>& tables) {
  uint8_t* const end = image.pixels() + image.size_bytes();
  for (uint8_t* pixel = image.pixels(); pixel != end; pixel += Image::kChannels) {
    for (size_t c = 0; c < tables.size(); ++c) pixel[c] = tables[c][pixel[c]];
  }
}

/// Some pixels with a channel's numbers side by side, for the compiler to vectorise.
struct Planes {
  static constexpr int64_t kPixels = 64;
  std::array<std::array<float, kPixels>, 3> channels;

  void load(const uint8_t* from) {
    for (size_t i = 0; i < kPixels; ++i) {
      for (size_t c = 0; c < 3; ++c) channels[c][i] = static_cast<float>(from[3 * i + c]);
    }
  }
  /// Cut to 0..255, fractions dropped.
  void store(uint8_t* to) const {
    std::array<std::array<int32_t, kPixels>, 3> whole;
    for (size_t c = 0; c < 3; ++c) {
      for (size_t i = 0; i < kPixels; ++i) whole[c][i] = static_cast<int32_t>(std::min(std::max(channels[c][i], 0.0f), 255.0f));
    }
    for (size_t i = 0; i < kPixels; ++i) {
      for (size_t c = 0; c < 3; ++c) to[3 * i + c] = static_cast<uint8_t>(whole[c][i]);
    }
  }
  void grey(std::array<float, kPixels>& out) const {
    for (size_t i = 0; i < kPixels; ++i) {
      out[i] = static_cast<float>(static_cast<int32_t>(channels[0][i] * 0.2989f + channels[1][i] * 0.587f + channels[2][i] * 0.114f));
    }
  }
};

/// use(planes, index of the first pixel, pixels) for all pixels, kPixels at a time; those that the last planes lack are black.
template <typename Use>
void for_planes(const Image& image, Use use) {
  const int64_t pixels = image.height() * image.width();
  Planes planes;
  int64_t at = 0;
  for (; at + Planes::kPixels <= pixels; at += Planes::kPixels) {
    planes.load(image.pixels() + at * 3);
    use(planes, at, Planes::kPixels);
  }
  std::array<uint8_t, Planes::kPixels * 3> rest{};
  std::memcpy(rest.data(), image.pixels() + at * 3, static_cast<size_t>((pixels - at) * 3));
  planes.load(rest.data());
  use(planes, at, pixels - at);
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
  const float circles = sixths * static_cast<float>(1.0 / 6.0) + 1.0f;  // 5/6 to 11/6
  return {circles < 1.0f ? circles : circles - 1.0f, range / largest, largest};
}

std::array<float, 3> rgb_of(const Hsv& color) {
  const float sixths = color.hue * 6.0f;
  const auto whole = static_cast<int>(sixths);
  const float rest = sixths - static_cast<float>(whole);
  const float v = color.value, sf = color.saturation * rest, pale = 1.0f - color.saturation;
  const float q = std::clamp((1.0f - sf) * v, 0.0f, 1.0f), t = std::clamp((sf + pale) * v, 0.0f, 1.0f),
              p = std::clamp(pale * v, 0.0f, 1.0f);
  switch (whole % 6) {
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
#pragma GCC ivdep
  for (int64_t i = kStep; i < elements - kStep; ++i) {
    const int sum = above[i - kStep] + above[i] + above[i + kStep] + here[i - kStep] + 5 * here[i] + here[i + kStep] + below[i - kStep] +
                    below[i] + below[i + kStep];
    const auto blurred = static_cast<float>(static_cast<int>(static_cast<float>(sum) * (1.0f / 13.0f) + 0.5f));  // never near a half
    const auto stored = static_cast<float>(here[i]);
    to[i] = cut(stored + (blurred - stored) * rest);
  }
}

}  // namespace

void adjust_brightness(Image& image, double factor) {
  const auto scale = static_cast<float>(factor);
  look_up(image, byte_table([&](uint8_t value) { return cut(static_cast<float>(value) * scale); }));
}

void adjust_contrast(Image& image, double factor) {
  int64_t sum = 0;
  for_planes(image, [&](const Planes& planes, int64_t, int64_t) {
    std::array<float, Planes::kPixels> grey;
    planes.grey(grey);
    int32_t part = 0;
    for (const float value : grey) part += static_cast<int32_t>(value);
    sum += part;
  });
  const auto mean = static_cast<float>(static_cast<double>(sum) / static_cast<double>(image.height() * image.width()));
  const auto scale = static_cast<float>(factor), rest = mean * static_cast<float>(1.0 - factor);
  look_up(image, byte_table([&](uint8_t value) { return cut(static_cast<float>(value) * scale + rest); }));
}

void adjust_saturation(Image& image, double factor) {
  const auto scale = static_cast<float>(factor), rest = static_cast<float>(1.0 - factor);
  for_planes(image, [&](Planes& planes, int64_t at, int64_t pixels) {
    std::array<float, Planes::kPixels> grey;
    planes.grey(grey);
    for (std::array<float, Planes::kPixels>& channel : planes.channels) {
      for (size_t i = 0; i < channel.size(); ++i) channel[i] = channel[i] * scale + grey[i] * rest;
    }
    std::array<uint8_t, Planes::kPixels * 3> bytes;
    planes.store(bytes.data());
    std::memcpy(image.pixels() + at * 3, bytes.data(), static_cast<size_t>(pixels * 3));
  });
}

void adjust_hue(Image& image, double turn) {
  constexpr float kShare = 1.0f / 255.0f;
  constexpr float kBelow256 = 255.0f + 1.0f - 1e-3f;  // torchvision's way from 0..1 to 0..255
  const auto shift = static_cast<float>(turn);
  uint8_t* const end = image.pixels() + image.size_bytes();
  for (uint8_t* pixel = image.pixels(); pixel != end; pixel += Image::kChannels) {
    Hsv color = hsv_of(static_cast<float>(pixel[0]) * kShare, static_cast<float>(pixel[1]) * kShare, static_cast<float>(pixel[2]) * kShare);
    color.hue += shift;
    color.hue += color.hue < 0.0f ? 1.0f : color.hue >= 1.0f ? -1.0f : 0.0f;
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
