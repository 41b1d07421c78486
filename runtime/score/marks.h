// Where the cells of a CSV text end: 64 bytes of it to a word of bits, bit i for byte i.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/machine.h"

namespace mlp::score {

struct Marks {
  std::uint64_t quotes = 0, delimiters = 0, line_ends = 0;  // line ends: LF, CR
};
// Of 64 * words bytes.
using Marker = void (*)(const char* bytes, std::size_t words, char delimiter, Marks* marks);
Marker marker(CpuLevel level);  // all give the same

// The places of the bits of `count` words, ascending, from `base` on; gives the end of what it wrote. `out` has room for 64 a word.
using Placer = std::uint32_t* (*)(const std::uint64_t* words, std::size_t count, std::uint32_t base, std::uint32_t* out);
Placer placer(CpuLevel level);  // all give the same

// Follows quotes from word to word, as if each were one that opens or closes a quoted cell (as simdjson does: Langdale and
// Lemire 2019). Where that is so, `ends` are the ends of cells. Elsewhere a bit of `odd` says so first: at a quote inside
// of a cell, or behind one that closed no cell. Two quotes inside of a quoted cell are odd, too, and `ends` holds.
class Quotes {
 public:
  struct Word {
    std::uint64_t ends, odd;
  };
  // The first word; cells begin with its `first` byte.
  explicit Quotes(unsigned first = 0) : begins_(std::uint64_t{1} << first), live_(~std::uint64_t{0} << first) {}
  // Where reading stopped between two words: `inside` of a quoted cell, behind a cell, or behind a quote that closed one.
  Quotes(bool inside, bool behind_cell, bool behind_quote) : inside_(inside ? ~std::uint64_t{0} : 0), begins_(behind_cell), closed_(behind_quote) {}
  // `size`: how many of the bytes there are.
  Word next(const Marks& marks, unsigned size = 64) {
    const std::uint64_t live = live_ & ~std::uint64_t{0} >> (64 - size), quotes = marks.quotes & live;
    std::uint64_t inside = quotes;
    if (quotes != 0)  // elsewhere all bytes are as the one before
      for (int shift = 1; shift < 64; shift *= 2) inside ^= inside << shift;
    inside ^= inside_;
    const std::uint64_t ends = (marks.delimiters | marks.line_ends) & live & ~inside;
    const std::uint64_t closing = quotes & ~inside;
    const std::uint64_t odd = (quotes & inside & ~(ends << 1 | begins_)) | ((closing << 1 | closed_) & ~ends);
    inside_ = 0 - (inside >> 63);
    begins_ = ends >> (size - 1);
    closed_ = closing >> (size - 1);
    live_ = ~std::uint64_t{0};
    return {ends, odd};
  }
  bool inside() const { return inside_ != 0; }
  bool behind_quote() const { return closed_ != 0; }

 private:
  std::uint64_t inside_ = 0, begins_ = 0, closed_ = 0, live_ = ~std::uint64_t{0};
};

}  // namespace mlp::score
