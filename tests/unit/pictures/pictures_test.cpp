// Every kind of PNG and JPEG file becomes the pixels that it says; whatever else is a fault.
#include "runtime/pictures/pictures.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/pictures/canvas.h"
#include "tests/unit/pictures/files.h"

namespace mlp::pictures {
namespace {

namespace fs = std::filesystem;

std::string pixels(const std::string& file, const ImageShape& shape) {
  const values::Picture got = decode(file, shape);
  EXPECT_EQ(got.fault, "");
  return got.pixels;
}
std::string fault(const std::string& file, const ImageShape& shape = {2, 2, 1}) {
  const values::Picture got = decode(file, shape);
  EXPECT_EQ(got.pixels, "");
  return got.fault;
}

// What Canvas should give, by its definition, in floating point.
std::vector<double> mean_of_areas(const Samples& s, const ImageShape& to) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < to.height; ++i)
    for (std::int64_t j = 0; j < to.width; ++j)
      for (std::int64_t k = 0; k < to.channels; ++k) {
        const double top = static_cast<double>(i) * s.height / to.height, bottom = static_cast<double>(i + 1) * s.height / to.height;
        const double left = static_cast<double>(j) * s.width / to.width, right = static_cast<double>(j + 1) * s.width / to.width;
        double sum = 0;
        for (std::int64_t y = 0; y < s.height; ++y)
          for (std::int64_t x = 0; x < s.width; ++x) {
            const double area = std::max(0.0, std::min(bottom, y + 1.0) - std::max(top, y + 0.0)) * std::max(0.0, std::min(right, x + 1.0) - std::max(left, x + 0.0));
            sum += area * s.bytes[static_cast<std::size_t>((y * s.width + x) * s.channels + k)];
          }
        out.push_back(sum / ((bottom - top) * (right - left)));
      }
  return out;
}

TEST(Pictures, PngOfBytesIsThoseBytes) {
  for (const std::int64_t channels : {1, 3})
    for (const bool interlaced : {false, true}) {
      const Samples s = scene(13, 17, channels);
      EXPECT_EQ(pixels(png_of(s, interlaced), {13, 17, channels}), text(s)) << channels << interlaced;
    }
}

TEST(Pictures, TransparencyIsLeftOut) {
  for (const std::int64_t channels : {2, 4}) {
    const Samples s = scene(9, 5, channels);
    std::string wanted;
    for (std::size_t i = 0; i < s.bytes.size(); ++i)
      if (static_cast<std::int64_t>(i) % channels != channels - 1) wanted += static_cast<char>(s.bytes[i]);
    EXPECT_EQ(pixels(png_of(s), {9, 5, channels - 1}), wanted);
    EXPECT_EQ(pixels(png_of(s, true), {9, 5, channels - 1}), wanted);
  }
  const std::string chunk = png_of(1, 4, {.transparent = true}, {{0, 1, 0, 255}});
  EXPECT_EQ(pixels(chunk, {1, 4, 1}), std::string("\0\1\0\xff", 4));
}

TEST(Pictures, FewBitsAndSixteenBecomeEight) {
  EXPECT_EQ(pixels(png_of(1, 9, {.depth = 1}, {{0b10100000, 0b10000000}}), {1, 9, 1}), std::string("\xff\0\xff\0\0\0\0\0\xff", 9));
  EXPECT_EQ(pixels(png_of(1, 4, {.depth = 2}, {{0b00011011}}), {1, 4, 1}), std::string("\0\x55\xaa\xff", 4));
  EXPECT_EQ(pixels(png_of(1, 2, {.depth = 4}, {{0x3f}}), {1, 2, 1}), std::string("\x33\xff", 2));
  for (unsigned v = 0; v < 65536; v += 37) {
    const std::string got = pixels(png_of(1, 1, {.depth = 16}, {{static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)}}), {1, 1, 1});
    ASSERT_EQ(static_cast<unsigned char>(got.at(0)), static_cast<unsigned>(std::lround(v * 255.0 / 65535))) << v;
  }
}

TEST(Pictures, PalettesAreLookedUp) {
  for (const bool transparent : {false, true}) {
    const std::string file = png_of(1, 4, {.type = PNG_COLOR_TYPE_PALETTE, .depth = 8, .transparent = transparent}, {{0, 1, 2, 200}});
    std::string wanted;
    for (const unsigned i : {0u, 1u, 2u, 200u}) (wanted += static_cast<char>(i * 7)) += static_cast<char>(255 - i), wanted += static_cast<char>(i * i);
    EXPECT_EQ(pixels(file, {1, 4, 3}), wanted);
  }
  EXPECT_EQ(pixels(png_of(1, 2, {.type = PNG_COLOR_TYPE_PALETTE, .depth = 1}, {{0b01000000}}), {1, 2, 3}), std::string("\0\xff\0\7\xfe\1", 6));
}

TEST(Pictures, ColourAndGreyBecomeEachOther) {
  const Samples colour = scene(6, 7, 3), grey = scene(6, 7, 1);
  std::string luma, three;
  for (std::size_t i = 0; i < colour.bytes.size(); i += 3) luma += static_cast<char>((19595u * colour.bytes[i] + 38470u * colour.bytes[i + 1] + 7471u * colour.bytes[i + 2] + 32768u) >> 16);
  for (const std::uint8_t v : grey.bytes) three.append(3, static_cast<char>(v));
  EXPECT_EQ(pixels(png_of(colour), {6, 7, 1}), luma);
  EXPECT_EQ(pixels(png_of(grey), {6, 7, 3}), three);
  const std::string white = png_of({1, 1, 3, {255, 255, 255}});
  EXPECT_EQ(pixels(white, {1, 1, 1}), "\xff");
}

TEST(Pictures, AnotherSizeIsTheMeanOfAreas) {
  for (const std::int64_t channels : {1, 3})
    for (const ImageShape to : {ImageShape{1, 1}, {3, 5}, {7, 4}, {10, 20}, {20, 3}, {40, 41}, {11, 13}}) {
      ImageShape shape = to;
      shape.channels = channels;
      const Samples s = scene(11, 13, channels, 3);
      const std::string got = pixels(png_of(s), shape);
      const std::vector<double> wanted = mean_of_areas(s, shape);
      ASSERT_EQ(got.size(), wanted.size());
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_LE(std::fabs(static_cast<unsigned char>(got[i]) - wanted[i]), 0.5 + 1e-9) << to.height << "x" << to.width << " " << i;
      if (shape.height == s.height && shape.width == s.width) {
        EXPECT_EQ(got, text(s));
      }
    }
  Canvas half(2, 2, 1, {1, 1, 1});  // a half is rounded up
  const std::uint8_t rows[2][2] = {{0, 1}, {1, 0}};
  half.row(rows[0]);
  half.row(rows[1]);
  EXPECT_EQ(half.pixels(), "\1");
}

TEST(Pictures, JpegIsNearWhatWasWritten) {
  for (const std::int64_t channels : {1, 3})
    for (const bool progressive : {false, true})
      for (const bool arithmetic : {false, true}) {
        const Samples s = scene(37, 50, channels, 5);
        const std::string got = pixels(jpeg_of(s, {.quality = 98, .sampling = 1, .progressive = progressive, .arithmetic = arithmetic}), {37, 50, channels});
        ASSERT_EQ(got.size(), s.bytes.size());
        double distance = 0;
        for (std::size_t i = 0; i < got.size(); ++i) distance += std::abs(static_cast<unsigned char>(got[i]) - s.bytes[i]);
        EXPECT_LT(distance / static_cast<double>(got.size()), 2.0) << channels << progressive << arithmetic;
      }
}

// libjpeg-turbo asks for its instructions once a thread.
TEST(Pictures, JpegHasTheSameBytesAtEveryLevel) {
  std::vector<std::string> files;
  for (const std::int64_t channels : {1, 3})
    for (const int sampling : {1, 2})
      for (const bool progressive : {false, true})
        for (const int quality : {20, 75, 100}) files.push_back(jpeg_of(scene(61, 83, channels, static_cast<unsigned>(quality)), {.quality = quality, .sampling = sampling, .progressive = progressive}));
  const auto all = [&](const char* level) {
    std::vector<std::string> out;
    std::thread([&] {
      if (level) ::setenv(level, "1", 1);
      for (const std::string& file : files)
        for (const ImageShape& shape : {ImageShape{61, 83, 1}, {61, 83, 3}, {20, 20, 3}}) out.push_back(pixels(file, shape));
      if (level) ::unsetenv(level);
    }).join();
    return out;
  };
  const std::vector<std::string> best = all(nullptr);
  EXPECT_EQ(best, all("JSIMD_FORCENONE"));
  EXPECT_EQ(best, all("JSIMD_FORCESSE2"));
}

TEST(Pictures, EveryPrefixIsAFault) {
  const Samples grey = scene(9, 11, 1), colour = scene(9, 11, 3);
  for (const std::string& file : {png_of(grey), png_of(colour, true), jpeg_of(grey), jpeg_of(colour), jpeg_of(colour, {.progressive = true}), jpeg_of(grey, {.arithmetic = true})}) {
    EXPECT_EQ(decode(file, {4, 4, 1}).fault, "");
    for (std::size_t n = 0; n < file.size(); ++n) ASSERT_NE(fault(file.substr(0, n)), "") << "the first " << n << " of " << file.size() << " bytes";
  }
}

// Any bytes are safe; what is decoded has the size that was asked for.
TEST(Pictures, ChangedBytes) {
  std::mt19937 random(11);
  const Samples grey = scene(19, 23, 1), colour = scene(19, 23, 3);
  const std::vector<std::string> files = {png_of(grey), png_of(colour, true), png_of(scene(9, 9, 4)), jpeg_of(grey), jpeg_of(colour), jpeg_of(colour, {.progressive = true})};
  const char* const asked = std::getenv("MLP_FUZZ");
  const int rounds = 300 * (asked ? std::max(1, std::atoi(asked)) : 1);
  int damaged = 0;
  for (int round = 0; round < rounds; ++round)
    for (const std::string& file : files) {
      std::string bytes = file;
      for (int n = static_cast<int>(random() % 4); n >= 0; --n) {
        const std::size_t at = random() % bytes.size();
        if (random() % 4 == 0) bytes.erase(at, random() % 8);
        else bytes[at] = static_cast<char>(random());
        if (bytes.empty()) bytes = "x";
      }
      const values::Picture got = decode(bytes, {5, 6, 3});
      damaged += !got.fault.empty();
      ASSERT_EQ(got.pixels.size(), got.fault.empty() ? 90u : 0u);
    }
  EXPECT_GT(damaged, rounds);
}

TEST(Pictures, FaultsSayWhatIsWrong) {
  EXPECT_EQ(fault(""), "it is empty");
  EXPECT_EQ(fault("hello, world"), "it is neither a PNG nor a JPEG file");
  EXPECT_EQ(fault("GIF89a......"), "it is a GIF file, not a PNG or JPEG");
  EXPECT_EQ(fault("RIFF\1\1\1\1WEBPVP8 "), "it is a WebP file, not a PNG or JPEG");
  const std::string png = png_of(scene(4, 4, 1));
  EXPECT_EQ(fault(png.substr(0, 60)), "the PNG file is damaged: the file ends too early");
  std::string checksum = png;
  checksum[checksum.size() - 15] = static_cast<char>(checksum[checksum.size() - 15] ^ 1);
  EXPECT_NE(fault(checksum).find("CRC error"), std::string::npos) << fault(checksum);
  const std::string jpeg = jpeg_of(scene(40, 40, 3));
  EXPECT_NE(fault(jpeg.substr(0, jpeg.size() - 200)).find("the JPEG file is damaged: "), std::string::npos);
  EXPECT_EQ(fault(jpeg_of(scene(8, 8, 4))), "the JPEG file is in CMYK, the colours of print, not in RGB or grey");
}

// A file of a few bytes may say that it has more pixels than there is memory for.
TEST(Pictures, NoRoomIsMadeForWhatIsTooLarge) {
  std::string png = png_of(scene(4, 4, 1));
  const auto big_endian = [](std::string& bytes, std::size_t at, std::uint32_t v, std::size_t size) { for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(v >> (8 * (size - 1 - i))); };
  big_endian(png, 16, 100'000, 4);
  big_endian(png, 20, 100'000, 4);
  big_endian(png, 29, static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(png.data()) + 12, 17)), 4);
  EXPECT_EQ(fault(png), "it has 100000 x 100000 pixels, and 67108864 are the most that are decoded");
  std::string jpeg = jpeg_of(scene(8, 8, 1));
  const std::size_t frame = jpeg.find(std::string("\xff\xc0", 2));
  ASSERT_NE(frame, std::string::npos);
  big_endian(jpeg, frame + 5, 60'000, 2);
  big_endian(jpeg, frame + 7, 60'000, 2);
  EXPECT_EQ(fault(jpeg), "it has 60000 x 60000 pixels, and 67108864 are the most that are decoded");
}

// A scan for each bit of each coefficient: a valid file of many scans.
TEST(Pictures, ScansAreCounted) {
  const auto scans = [](int bits) {
    std::vector<jpeg_scan_info> out;
    for (int k = 0; k < 64; ++k)
      for (int low = bits; low >= 0; --low) out.push_back({1, {0, 0, 0, 0}, k, k, low == bits ? 0 : low + 1, low});
    return out;
  };
  const Samples s = scene(16, 16, 1);
  EXPECT_EQ(fault(jpeg_of(s, {.scans = scans(3)})), "the JPEG file is damaged: more than 200 scans");
  EXPECT_EQ(pixels(jpeg_of(s, {.scans = scans(1)}), {16, 16, 1}), pixels(jpeg_of(s), {16, 16, 1}));
}

class Cells : public ::testing::Test {
 protected:
  Cells() : folder_((fs::temp_directory_path() / ("mlp-pictures-" + std::to_string(::getpid()))).string()) { fs::create_directories(folder_ + "/in"); }
  ~Cells() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& bytes) { std::ofstream(folder_ + "/" + name, std::ios::binary) << bytes; }
  std::string folder_;
  const Samples seen_ = scene(2, 3, 1);
  const ImageShape shape_{2, 3, 1};
};

TEST_F(Cells, PathsAreFromTheFolder) {
  put("in/a.png", png_of(seen_));
  std::string file;
  EXPECT_EQ(read("in/a.png", shape_, &folder_, &file).pixels, text(seen_));
  EXPECT_EQ(file, png_of(seen_));
  EXPECT_EQ(file_of("in/a.png", folder_), file);
  const std::string elsewhere = "/";
  EXPECT_EQ(read(folder_ + "/in/a.png", shape_, &elsewhere).pixels, text(seen_));
  EXPECT_EQ(read("in/b.png", shape_, &folder_).fault, "there is no such file");
  EXPECT_EQ(read("in", shape_, &folder_).fault, "it is a folder");
  ASSERT_EQ(::mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(read("pipe", shape_, &folder_).fault, "it is no file");
  if (::geteuid() != 0) {
    put("shut.png", png_of(seen_));
    ::chmod((folder_ + "/shut.png").c_str(), 0);
    EXPECT_EQ(read("shut.png", shape_, &folder_).fault, "it may not be read: permission is missing");
  }
}

TEST_F(Cells, WithoutAFolderNoFileIsOpened) {
  put("in/a.png", png_of(seen_));
  EXPECT_EQ(read(folder_ + "/in/a.png", shape_, nullptr).fault, "it is no base64: a request holds the bytes of the file itself, since no file is opened for it");
  EXPECT_EQ(read("/etc/passwd", shape_, nullptr).pixels, "");
}

TEST_F(Cells, Base64) {
  const std::string cell = write(text(seen_), shape_);
  ASSERT_TRUE(cell.starts_with("data:image/png;base64,"));
  const std::string bare = cell.substr(22);
  EXPECT_EQ(read(cell, shape_, nullptr).pixels, text(seen_));
  EXPECT_EQ(read(cell, shape_, &folder_).pixels, text(seen_));
  EXPECT_EQ(read(bare, shape_, nullptr).pixels, text(seen_));
  EXPECT_EQ(file_of(cell, folder_), "");
  std::string broken = bare, url = bare;
  for (std::size_t i = 64; i < broken.size(); i += 65) broken.insert(i, "\r\n");
  EXPECT_EQ(read(broken, shape_, nullptr).pixels, text(seen_));
  std::replace(url.begin(), url.end(), '+', '-');
  std::replace(url.begin(), url.end(), '/', '_');
  while (url.ends_with('=')) url.pop_back();
  EXPECT_EQ(read(url, shape_, nullptr).pixels, text(seen_));
  EXPECT_EQ(read("data:image/png;base64,%%%", shape_, nullptr).fault, "what follows `;base64,` is no base64");
  EXPECT_NE(read("data:image/png,abc", shape_, nullptr).fault, "");
  for (const char* bad : {"A", "AB=", "ABC==", "AB==C", "A===", "=", "AB CD"}) EXPECT_NE(read(bad, shape_, nullptr).fault.find("no base64"), std::string::npos) << bad;
}

TEST_F(Cells, WhatIsWrittenReadsBack) {
  std::mt19937 random(2);
  for (const ImageShape& shape : {ImageShape{1, 1, 1}, {5, 4, 3}, {28, 28, 1}, {3, 50, 3}}) {
    std::string bytes(static_cast<std::size_t>(shape.size()), '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_EQ(read(write(bytes, shape), shape, nullptr).pixels, bytes);
  }
}

}  // namespace
}  // namespace mlp::pictures
