// Bytes → a relocatable ELF object for x86-64 that holds them, read-only.
#pragma once
#include <string>
#include <string_view>

namespace mlp::emit {

// The object defines `symbol`_begin and `symbol`_end, aligned to 64 bytes.
std::string data_object(std::string_view bytes, const std::string& symbol);

}  // namespace mlp::emit
