// Where the cells of a CSV text end: 64 bytes of it to a word of bits.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/machine.h"

namespace mlp::score {

// marks[w] gets bit i where byte 64 w + i is the delimiter, a quote, LF or CR.
using Marker = void (*)(const char* bytes, std::size_t words, char delimiter, std::uint64_t* marks);
Marker marker(CpuLevel level);  // all give the same

}  // namespace mlp::score
