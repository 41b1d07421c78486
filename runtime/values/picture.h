// What a cell of an `image` column says. The decoders stand apart (runtime/pictures): an artifact whose pipeline has no such column
// is linked without them, so these symbols are weak, and null there.
#pragma once
#include <string>
#include <string_view>

#include "base/schema.h"

namespace mlp::values {

struct Picture {
  std::string pixels;  // ImageShape::size() bytes
  std::string fault;   // why there are none: "there is no such file"; "" when all is well
};

}  // namespace mlp::values

extern "C" {
// As pictures::read and pictures::write.
__attribute__((weak)) void mlp_read_picture(std::string_view cell, const mlp::ImageShape& shape, const std::string* folder, mlp::values::Picture& out);
__attribute__((weak)) void mlp_write_picture(std::string_view pixels, const mlp::ImageShape& shape, std::string& out);
}
