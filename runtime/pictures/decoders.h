// The formats, by their libraries: rows of samples into a Canvas, or a fault.
#pragma once
#include "runtime/pictures/pictures.h"

namespace mlp::pictures {

values::Picture decode_png(std::string_view file, const ImageShape& shape);
values::Picture decode_jpeg(std::string_view file, const ImageShape& shape);
std::string encode_png(std::string_view pixels, const ImageShape& shape);

// What is wrong with the size that a file says it has, before any room is made for it; "" when nothing is.
std::string too_large(std::int64_t height, std::int64_t width);

}  // namespace mlp::pictures
