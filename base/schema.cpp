#include "base/schema.h"

namespace mlp {

std::string spell(const Type& type) {
  static constexpr const char* words[] = {"bool", "int", "float", "float32", "string", "category", "text", "id", "timestamp", "date", "duration"};
  return std::string(words[static_cast<int>(type.scalar)]) + (type.nullable ? "?" : "");
}

}  // namespace mlp
