// Cells of `image` columns: PNG and JPEG files become pixels.
//
// A picture is decoded to 8 bits a sample: palettes are looked up, 16 bits are rounded to 8, what says how transparent a pixel is is left out, as are
// colour profiles, gamma and Exif. Grey of a colour is (19595 r + 38470 g + 7471 b + 32768) / 65536, rounded down (ITU-R 601); a grey pixel in colour
// is three times the same. Another size than the declared one is brought to it: each pixel is the mean over the area that it covers. All of it is
// arithmetic on integers, the same at every instruction level.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/values/picture.h"

namespace mlp::pictures {

constexpr std::int64_t most_pixels = std::int64_t{1} << 26;  // of a file, whatever it is brought to
constexpr std::int64_t most_bytes = std::int64_t{1} << 28;   // of a file

// The picture of a cell. `data:image/png;base64,…` is the file itself. Else, with a folder, the cell is the path of a file, absolute or from there; without
// one, base64 of the file's bytes: no file is opened. `file`, when given, gets the bytes of the file that a path names. Does not throw for what a cell says.
values::Picture read(std::string_view cell, const ImageShape& shape, const std::string* folder, std::string* file = nullptr);

// The bytes of the file that a cell names; "" where it names none or the file cannot be read.
std::string file_of(std::string_view cell, const std::string& folder);

// The pixels of a file's bytes.
values::Picture decode(std::string_view file, const ImageShape& shape);

// Pixels as a cell that reads back to them: a PNG file as `data:image/png;base64,…`.
std::string write(std::string_view pixels, const ImageShape& shape);

}  // namespace mlp::pictures
