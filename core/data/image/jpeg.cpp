// SPDX-License-Identifier: Apache-2.0
// JPEG through libjpeg-turbo. Its errors come back by longjmp: whatever runs under guarded() holds no C++ object with a destructor.
#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <utility>

// In this order, after <cstdio>.
#include <jpeglib.h>
#include <jerror.h>

#include "core/base/error.h"
#include "core/data/image/codecs.h"

namespace tessera::data {
namespace {

struct JpegErrors {
  jpeg_error_mgr base;  // first: libjpeg knows it by this address
  std::jmp_buf back;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void jump_back(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message.data());
  std::longjmp(errors->back, 1);
}

/// libjpeg goes on after a warning, with grey or wrong pixels in those of damaged data.
void judge_warning(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  for (const int damage : {JWRN_JPEG_EOF, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE, JWRN_ARITH_BAD_CODE, JWRN_MUST_RESYNC}) {
    if (code == damage) jump_back(info);
  }
}

void stay_silent(j_common_ptr) {}

/// Pillow's conversion of Adobe's inverted CMYK.
void cmyk_to_rgb(const uint8_t* from, int64_t pixels, uint8_t* to) {
  const auto scaled = [](int value, int by) {
    const int product = value * by + 128;
    return ((product >> 8) + product) >> 8;
  };
  for (int64_t i = 0; i < pixels; ++i, from += 4, to += 3) {
    const int light = from[3];
    for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(std::max(0, light - scaled(255 - from[c], light)));
  }
}

class JpegReader {
 public:
  JpegReader(Bytes bytes, std::string_view where) : bytes_(bytes), where_(where) {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = jump_back;
    errors_.base.emit_message = judge_warning;
    errors_.base.output_message = stay_silent;
    guarded([this] { jpeg_create_decompress(&info_); });
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  ImagePart read(const Region& needed, int64_t eighths, Image& out) {
    guarded([this] {
      jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
      jpeg_read_header(&info_, TRUE);
    });
    require_end();
    guarded([this, eighths] { start(eighths); });
    const Region region = with_context(scaled(needed, eighths));
    ImagePart part{eighths, region.top, region.left, int64_t{info_.output_height}, int64_t{info_.output_width}};
    if (region.width < part.whole_width) guarded([&] { part.left = crop(region); });
    out.resize(region.height, int64_t{info_.output_width});
    guarded([&] { read_rows(region.top, out); });
    return part;
  }

 private:
  /// Reports an error of libjpeg that `call` runs into.
  template <typename Call>
  void guarded(const Call& call) {
    if (setjmp(errors_.back) == 0) {
      call();
      return;
    }
    refuse_image("JPEG", errors_.message.data(), where_);
  }

  /// What is left out of a partial decode may be missing without libjpeg's notice. FF D9 cannot occur within coded data.
  void require_end() const {
    const JOCTET* const begin = info_.src->next_input_byte;
    for (const JOCTET* at = begin + info_.src->bytes_in_buffer - 1; at > begin; --at) {
      if (at[0] == JPEG_EOI && at[-1] == 0xFF) return;
    }
    refuse_image("JPEG", "it is cut off: there is no end marker", where_);
  }

  void start(int64_t eighths) {
    const bool four = info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
    info_.out_color_space = four ? JCS_CMYK : JCS_RGB;
    info_.scale_num = static_cast<unsigned>(eighths);
    info_.scale_denom = 8;
    info_.dct_method = JDCT_ISLOW;
    info_.do_fancy_upsampling = TRUE;
    jpeg_start_decompress(&info_);
  }

  /// In pixels of the scaled image.
  Region scaled(const Region& needed, int64_t eighths) const {
    const int64_t top = needed.top * eighths / 8, left = needed.left * eighths / 8;
    const auto end = [eighths](int64_t at, int64_t limit) { return std::min((at * eighths + 7) / 8, limit); };
    return {top, left, end(needed.top + needed.height, info_.output_height) - top,
            end(needed.left + needed.width, info_.output_width) - left};
  }

  /// The filter that enlarges chroma looks beyond the part's edges: to the neighbours, not to a border, where there are some.
  Region with_context(const Region& region) const {
    const int64_t block = int64_t{info_.max_h_samp_factor} * info_.min_DCT_scaled_size;
    const int64_t left = std::max<int64_t>(region.left - block, 0);
    const int64_t right = std::min<int64_t>(region.left + region.width + block, info_.output_width);
    return {region.top, left, region.height, right - left};
  }

  /// Makes libjpeg leave out columns; returns the first it keeps.
  int64_t crop(const Region& region) {
    auto left = static_cast<JDIMENSION>(region.left), width = static_cast<JDIMENSION>(region.width);
    jpeg_crop_scanline(&info_, &left, &width);
    return int64_t{left};
  }

  void read_rows(int64_t top, Image& out) {
    if (top > 0) jpeg_skip_scanlines(&info_, static_cast<JDIMENSION>(top));
    if (info_.out_color_space == JCS_CMYK) return read_cmyk(out);
    constexpr int64_t kRows = 16;
    std::array<JSAMPROW, kRows> rows{};
    for (int64_t y = 0; y < out.height();) {
      const int64_t count = std::min(kRows, out.height() - y);
      for (int64_t i = 0; i < count; ++i) rows[static_cast<size_t>(i)] = out.row(y + i);
      y += int64_t{jpeg_read_scanlines(&info_, rows.data(), static_cast<JDIMENSION>(count))};
    }
  }

  void read_cmyk(Image& out) {
    JSAMPARRAY row = info_.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&info_), JPOOL_IMAGE, info_.output_width * 4, 1);
    for (int64_t y = 0; y < out.height(); ++y) {
      jpeg_read_scanlines(&info_, row, 1);
      cmyk_to_rgb(row[0], out.width(), out.row(y));
    }
  }

  Bytes bytes_;
  std::string_view where_;
  JpegErrors errors_{};
  jpeg_decompress_struct info_{};
};

}  // namespace

ImagePart decode_jpeg(Bytes bytes, std::string_view where, const Region& needed, int64_t eighths, Image& out) {
  return JpegReader(bytes, where).read(needed, eighths, out);
}

}  // namespace tessera::data
