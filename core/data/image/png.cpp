// SPDX-License-Identifier: Apache-2.0
// PNG through libpng. Its errors come back by longjmp: whatever runs under guarded() holds no C++ object with a destructor.
#include <png.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "core/data/image/codecs.h"

namespace tessera::data {
namespace {

constexpr size_t kHeaderBytes = 8 + 8 + 13;  // signature; length and name of the first chunk, which is IHDR; its content

class PngReader {
 public:
  PngReader(Bytes bytes, std::string_view where) : bytes_(bytes), where_(where) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {});
    if (png_ == nullptr) refuse_image("PNG", "libpng cannot be initialised", where_);
    info_ = png_create_info_struct(png_);
  }
  ~PngReader() { png_destroy_read_struct(&png_, info_ == nullptr ? nullptr : &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  void read(Image& out) {
    guarded([this] { read_info(); });
    out.resize(int64_t{png_get_image_height(png_, info_)}, int64_t{png_get_image_width(png_, info_)});
    if (png_get_rowbytes(png_, info_) != static_cast<size_t>(out.row_bytes())) refuse_image("PNG", "an unknown layout of pixels", where_);
    guarded([&] { read_pixels(out); });
  }

 private:
  template <typename Call>
  void guarded(const Call& call) {
    if (setjmp(back_) == 0) {
      call();
      return;
    }
    refuse_image("PNG", message_.data(), where_);
  }

  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(self->message_.data(), self->message_.size(), "%s", message);
    std::longjmp(self->back_, 1);
  }

  static void on_read(png_structp png, png_bytep to, size_t size) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (size > self->bytes_.size() - self->offset_) png_error(png, "it is cut off");
    std::memcpy(to, self->bytes_.data() + self->offset_, size);
    self->offset_ += size;
  }

  /// What Pillow makes of grey of 16 bits: numbers above 255 become 255.
  static void limit_to_8_bits(png_structp, png_row_infop row, png_bytep data) {
    for (size_t i = 0; i < row->rowbytes / 2; ++i) data[i] = data[2 * i] == 0 ? data[2 * i + 1] : 255;
  }

  /// Asks for 8 bits of red, green and blue, whatever the file holds.
  void read_info() {
    png_set_read_fn(png_, this, on_read);
    png_read_info(png_, info_);
    const int color = png_get_color_type(png_, info_), depth = png_get_bit_depth(png_, info_);
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png_);
    if (depth == 16 && color == PNG_COLOR_TYPE_GRAY) {
      png_set_read_user_transform_fn(png_, limit_to_8_bits);
      png_set_user_transform_info(png_, nullptr, 8, 3);
    } else if (depth == 16) {
      png_set_strip_16(png_);
    }
    png_set_strip_alpha(png_);
    if (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }

  void read_pixels(Image& out) {
    for (int pass = 0; pass < passes_; ++pass) {
      for (int64_t y = 0; y < out.height(); ++y) png_read_row(png_, out.row(y), nullptr);
    }
    png_read_end(png_, nullptr);
  }

  Bytes bytes_;
  std::string_view where_;
  size_t offset_ = 0;
  int passes_ = 1;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf back_{};
  std::array<char, 160> message_{};
};

}  // namespace

FileHeader read_png_header(Bytes bytes, std::string_view where) {
  if (bytes.size() < kHeaderBytes) refuse_image("PNG", "it ends within its header", where);
  if (std::memcmp(bytes.data() + 12, "IHDR", 4) != 0) refuse_image("PNG", "its first chunk is not IHDR", where);
  const auto u32 = [&](size_t offset) { return int64_t{png_get_uint_32(reinterpret_cast<png_const_bytep>(bytes.data() + offset))}; };
  const FileHeader header{u32(20), u32(16), 1};
  if (header.height == 0 || header.width == 0) refuse_image("PNG", "a side of no pixels", where);
  return header;
}

void decode_png(Bytes bytes, std::string_view where, Image& out) { PngReader(bytes, where).read(out); }

}  // namespace tessera::data
