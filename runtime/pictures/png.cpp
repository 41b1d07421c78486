// libpng ends what goes wrong by longjmp: the functions that it may jump out of hold nothing that has a destructor.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/diagnostic.h"
#include "runtime/pictures/canvas.h"
#include "runtime/pictures/decoders.h"

namespace mlp::pictures {
namespace {

struct Reading {
  std::string_view rest;   // of the file
  char fault[200] = {};
  std::int64_t height = 0, width = 0, channels = 0, passes = 0;
};

void give(png_structp png, png_bytep to, png_size_t size) {
  auto& reading = *static_cast<Reading*>(png_get_io_ptr(png));
  if (size > reading.rest.size()) png_error(png, "the file ends too early");
  std::memcpy(to, reading.rest.data(), size);
  reading.rest.remove_prefix(size);
}
[[noreturn]] void fail(png_structp png, png_const_charp message) {
  std::snprintf(static_cast<Reading*>(png_get_error_ptr(png))->fault, sizeof Reading::fault, "%s", message);
  png_longjmp(png, 1);
}
void ignore(png_structp, png_const_charp) {}

bool read_header(png_structp png, png_infop info, Reading& reading) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_read_fn(png, &reading, give);
  png_read_info(png, info);
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_strip_alpha(png);
  reading.passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  reading.height = png_get_image_height(png, info);
  reading.width = png_get_image_width(png, info);
  reading.channels = png_get_channels(png, info);
  return true;
}

// `rows` has room for one row, or, where the picture comes in passes, for all.
bool read_rows(png_structp png, const Reading& reading, png_bytep rows, Canvas& canvas) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  const std::int64_t stride = reading.width * reading.channels;
  for (std::int64_t pass = 1; pass <= reading.passes; ++pass)
    for (std::int64_t y = 0; y < reading.height; ++y) {
      png_bytep const row = rows + (reading.passes == 1 ? 0 : y * stride);
      png_read_row(png, row, nullptr);
      if (pass == reading.passes) canvas.row(row);
    }
  png_read_end(png, nullptr);
  return true;
}

}  // namespace

values::Picture decode_png(std::string_view file, const ImageShape& shape) {
  values::Picture out;
  Reading reading{.rest = file};
  auto close = [](png_struct* png) { png_destroy_read_struct(&png, nullptr, nullptr); };
  const std::unique_ptr<png_struct, decltype(close)> png(png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, fail, ignore), close);
  if (!png) throw std::bad_alloc();
  auto close_info = [&](png_info* info) { png_destroy_info_struct(png.get(), &info); };
  const std::unique_ptr<png_info, decltype(close_info)> info(png_create_info_struct(png.get()), close_info);
  if (!info) throw std::bad_alloc();
  if (!read_header(png.get(), info.get(), reading)) {
    out.fault = std::string("the PNG file is damaged: ") + reading.fault;
    return out;
  }
  out.fault = too_large(reading.height, reading.width);
  if (!out.fault.empty()) return out;
  Canvas canvas(reading.height, reading.width, reading.channels, shape);
  const std::int64_t room = reading.width * reading.channels * (reading.passes == 1 ? 1 : reading.height);
  const auto rows = std::make_unique_for_overwrite<png_byte[]>(static_cast<std::size_t>(room));
  if (read_rows(png.get(), reading, rows.get(), canvas)) out.pixels = canvas.pixels();
  else out.fault = std::string("the PNG file is damaged: ") + reading.fault;
  return out;
}

std::string encode_png(std::string_view pixels, const ImageShape& shape) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(shape.width);
  image.height = static_cast<png_uint_32>(shape.height);
  image.format = shape.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  std::string out;
  const bool sized = png_image_write_get_memory_size(image, size, 0, pixels.data(), 0, nullptr) != 0;
  out.resize(size);
  if (!sized || png_image_write_to_memory(&image, out.data(), &size, 0, pixels.data(), 0, nullptr) == 0) MLP_BUG(std::string("a picture cannot be written: ") + image.message);
  out.resize(size);
  return out;
}

}  // namespace mlp::pictures
