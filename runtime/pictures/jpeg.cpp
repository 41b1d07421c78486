// libjpeg ends what goes wrong by a handler that must not return, here by longjmp: the functions that it may jump out of hold nothing that has a destructor.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <memory>

#include <jpeglib.h>

#include <jerror.h>

#include "runtime/pictures/canvas.h"
#include "runtime/pictures/decoders.h"

namespace mlp::pictures {
namespace {

constexpr int most_scans = 200;  // a progressive file of a few bytes a scan would otherwise be decoded for hours

struct Reading {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back{};
  char fault[JMSG_LENGTH_MAX] = {};
};

[[noreturn]] void fail(j_common_ptr jpeg) {
  auto& reading = *static_cast<Reading*>(jpeg->client_data);
  if (reading.fault[0] == '\0') jpeg->err->format_message(jpeg, reading.fault);
  std::longjmp(reading.back, 1);
}
// Warnings (level -1) are of data that is damaged or cut off, which libjpeg would make up, but for those that lose nothing.
void message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR && code != JWRN_BOGUS_ICC) fail(jpeg);
}
void print(j_common_ptr) {}
void watch(j_common_ptr jpeg) {
  auto& reading = *static_cast<Reading*>(jpeg->client_data);
  if (reading.jpeg.input_scan_number <= most_scans) return;
  std::snprintf(reading.fault, sizeof reading.fault, "more than %d scans", most_scans);
  fail(jpeg);
}

bool read_header(Reading& reading, std::string_view file) {
  if (setjmp(reading.back) != 0) return false;
  jpeg_create_decompress(&reading.jpeg);
  reading.jpeg.progress = &reading.progress;
  jpeg_mem_src(&reading.jpeg, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  jpeg_read_header(&reading.jpeg, TRUE);
  return true;
}

bool read_rows(Reading& reading, JSAMPROW row, Canvas& canvas) {
  if (setjmp(reading.back) != 0) return false;
  jpeg_decompress_struct& jpeg = reading.jpeg;
  jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    jpeg_read_scanlines(&jpeg, &row, 1);
    canvas.row(row);
  }
  jpeg_finish_decompress(&jpeg);  // to the end of the file's picture, which must be there
  return true;
}

}  // namespace

values::Picture decode_jpeg(std::string_view file, const ImageShape& shape) {
  values::Picture out;
  const auto reading = std::make_unique<Reading>();
  jpeg_decompress_struct& jpeg = reading->jpeg;
  jpeg.err = jpeg_std_error(&reading->errors);
  reading->errors.error_exit = fail;
  reading->errors.emit_message = message;
  reading->errors.output_message = print;
  reading->progress.progress_monitor = watch;
  jpeg.client_data = reading.get();
  auto close = [](jpeg_decompress_struct* it) { jpeg_destroy_decompress(it); };
  const std::unique_ptr<jpeg_decompress_struct, decltype(close)> closes(&jpeg, close);
  const auto damaged = [&] { out.fault = std::string("the JPEG file is damaged: ") + reading->fault; };
  if (!read_header(*reading, file)) {
    damaged();
    return out;
  }
  out.fault = too_large(jpeg.image_height, jpeg.image_width);
  if (jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK) out.fault = "the JPEG file is in CMYK, the colours of print, not in RGB or grey";
  if (!out.fault.empty()) return out;
  jpeg.out_color_space = jpeg.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
  jpeg.dct_method = JDCT_ISLOW;  // of integers, the same bits at every instruction level
  const std::int64_t channels = jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3;
  Canvas canvas(jpeg.image_height, jpeg.image_width, channels, shape);
  const auto row = std::make_unique_for_overwrite<JSAMPLE[]>(static_cast<std::size_t>(jpeg.image_width) * static_cast<std::size_t>(channels));
  if (read_rows(*reading, row.get(), canvas)) out.pixels = canvas.pixels();
  else damaged();
  return out;
}

}  // namespace mlp::pictures
