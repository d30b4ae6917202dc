// SPDX-License-Identifier: Apache-2.0
// WebP through libwebp: still images, with losses or without.
#include <webp/decode.h>

#include "core/data/image/codecs.h"

namespace tessera::data {
namespace {

const uint8_t* webp_bytes(Bytes bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }

std::string_view webp_problem(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA: return "it is cut off";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "a feature that is not supported";
    case VP8_STATUS_OUT_OF_MEMORY: return "out of memory";
    default: return "damaged data";
  }
}

}  // namespace

FileHeader read_webp_header(Bytes bytes, std::string_view where) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(webp_bytes(bytes), bytes.size(), &features);
  if (status != VP8_STATUS_OK) refuse_image("WebP", webp_problem(status), where);
  if (features.has_animation != 0) refuse_image("WebP", "an animation", where);
  if (features.height <= 0 || features.width <= 0) refuse_image("WebP", "a side of no pixels", where);
  return {features.height, features.width, 1};
}

void decode_webp(Bytes bytes, std::string_view where, Image& out) {
  const FileHeader header = read_webp_header(bytes, where);
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) refuse_image("WebP", "libwebp is of another version than its header", where);
  out.resize(header.height, header.width);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {out.pixels(), static_cast<int>(out.row_bytes()), out.size_bytes()};
  const VP8StatusCode status = WebPDecode(webp_bytes(bytes), bytes.size(), &config);
  if (status != VP8_STATUS_OK) refuse_image("WebP", webp_problem(status), where);
}

}  // namespace tessera::data
