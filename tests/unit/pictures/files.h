// PNG and JPEG files of every kind that there is, made by the libraries that read them.
#pragma once
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

namespace mlp::pictures {

struct Samples {
  std::int64_t height = 0, width = 0, channels = 0;  // of a pixel
  std::vector<std::uint8_t> bytes;                   // row by row
};

// Smooth with some noise, so that a JPEG of it is like a photograph.
inline Samples scene(std::int64_t height, std::int64_t width, std::int64_t channels, unsigned seed = 1) {
  Samples s{height, width, channels, {}};
  std::mt19937 random(seed);
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (std::int64_t c = 0; c < channels; ++c) s.bytes.push_back(static_cast<std::uint8_t>((y * 200 / height + x * (c + 1) * 40 / width + random() % 16) & 255));
  return s;
}

struct PngKind {
  int type = PNG_COLOR_TYPE_GRAY, depth = 8;
  bool interlaced = false, transparent = false;  // transparent: a tRNS chunk
};

// `rows` as PNG has them: packed to `depth` bits a sample, high byte first.
inline std::string png_of(std::int64_t height, std::int64_t width, const PngKind& kind, std::vector<std::vector<std::uint8_t>> rows) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  if (setjmp(png_jmpbuf(png)) != 0) std::abort();
  png_set_write_fn(png, &out, [](png_structp to, png_bytep bytes, png_size_t size) { static_cast<std::string*>(png_get_io_ptr(to))->append(reinterpret_cast<char*>(bytes), size); }, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), kind.depth, kind.type, kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (kind.type == PNG_COLOR_TYPE_PALETTE) {
    std::vector<png_color> palette(std::size_t{1} << kind.depth);
    for (std::size_t i = 0; i < palette.size(); ++i) palette[i] = {static_cast<png_byte>(i * 7), static_cast<png_byte>(255 - i), static_cast<png_byte>(i * i)};
    png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
    if (kind.transparent) {
      png_byte none[2] = {0, 128};
      png_set_tRNS(png, info, none, 2, nullptr);
    }
  } else if (kind.transparent) {
    png_color_16 none{};
    png_set_tRNS(png, info, nullptr, 0, &none);
  }
  png_set_gAMA(png, info, 0.6);  // changes nothing
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_info(png, info);
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

inline std::string png_of(const Samples& s, bool interlaced = false) {
  std::vector<std::vector<std::uint8_t>> rows;
  const std::int64_t stride = s.width * s.channels;
  for (std::int64_t y = 0; y < s.height; ++y) rows.emplace_back(s.bytes.begin() + y * stride, s.bytes.begin() + (y + 1) * stride);
  const int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  return png_of(s.height, s.width, {.type = types[s.channels - 1], .interlaced = interlaced}, std::move(rows));
}

struct JpegKind {
  int quality = 90, sampling = 2;  // sampling 2: a colour for four pixels; 1: for each
  bool progressive = false, arithmetic = false;
  std::vector<jpeg_scan_info> scans = {};  // in place of the usual ones
};

inline std::string jpeg_of(const Samples& s, const JpegKind& kind = {}) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  errors.error_exit = [](j_common_ptr) { std::abort(); };
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = static_cast<JDIMENSION>(s.width);
  jpeg.image_height = static_cast<JDIMENSION>(s.height);
  jpeg.input_components = static_cast<int>(s.channels);
  jpeg.in_color_space = s.channels == 1 ? JCS_GRAYSCALE : s.channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, kind.quality, TRUE);
  jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = s.channels == 3 ? kind.sampling : 1;
  if (kind.progressive) jpeg_simple_progression(&jpeg);
  jpeg.arith_code = kind.arithmetic;
  if (!kind.scans.empty()) {
    jpeg.scan_info = kind.scans.data();
    jpeg.num_scans = static_cast<int>(kind.scans.size());
  }
  jpeg_start_compress(&jpeg, TRUE);
  for (std::int64_t y = 0; y < s.height; ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(s.bytes.data() + y * s.width * s.channels);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string out(reinterpret_cast<char*>(bytes), size);
  jpeg_destroy_compress(&jpeg);
  std::free(bytes);
  return out;
}

inline std::string text(const Samples& s) { return {s.bytes.begin(), s.bytes.end()}; }

}  // namespace mlp::pictures
