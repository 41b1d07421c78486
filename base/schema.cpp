#include "base/schema.h"

namespace mlp {

std::string spell(const Type& type) {
  static constexpr const char* words[] = {"bool", "int", "float", "float32", "string", "category", "text", "id", "timestamp", "date", "duration", "image"};
  return std::string(words[static_cast<int>(type.scalar)]) + (type.nullable ? "?" : "");
}

std::string spell(const Column& column) {
  if (column.type.scalar != Scalar::image) return spell(column.type);
  const ImageShape& s = column.image;
  return "image[" + std::to_string(s.height) + ", " + std::to_string(s.width) + (s.channels == 1 ? "" : ", " + std::to_string(s.channels)) + "]" + (column.type.nullable ? "?" : "");
}

}  // namespace mlp
