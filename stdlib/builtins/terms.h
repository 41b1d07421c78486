// The terms of a text: its words or characters in lower case, and runs of several of them (n-grams). A word is two or more letters,
// digits or underscores of Unicode in a row; characters are code points. The same rules as scikit-learn's CountVectorizer
// (Pedregosa et al. 2011) with analyzer "word", "char" and "char_wb". Compiled into kernels (terms.cpp) and into fitting.
#pragma once
#include "stdlib/builtins/text_parts.h"

namespace mlp_terms {

enum By : int64_t { words, chars, chars_in_words };

// How a text becomes a bag; travels to the kernel as one number.
struct Recipe {
  int64_t by = words, shortest = 1, longest = 1;        // terms of `shortest` to `longest` words or characters, 63 at most
  int64_t binary = 0, sublinear = 0, norm = 0;          // 1 for each term · 1 + log(count) · divided by the length of the row
  int64_t buckets = 0;                                  // a term's column is its hash among so many; 0: its place in a vocabulary
};
constexpr int64_t pack(const Recipe& r) {
  return r.by | r.shortest << 2 | r.longest << 8 | r.binary << 14 | r.sublinear << 15 | r.norm << 16 | r.buckets << 20;
}
constexpr Recipe unpack(int64_t v) {
  return {v & 3, v >> 2 & 63, v >> 8 & 63, v >> 14 & 1, v >> 15 & 1, v >> 16 & 1, v >> 20 & 0xffffffff};
}

// Room for a text of `size` bytes made ready: bytes of text, and units (two bounds each).
constexpr int64_t text_room(int64_t size) { return size + size / 2 + 2; }
constexpr int64_t unit_room(int64_t size, int64_t by) { return by == words ? size / 2 + 1 : size + 2; }

// Writes the text in lower case, and where each unit begins and ends in it; returns how many units. Units: words, a blank between two;
// characters, two or more blanks as one; or the characters of words, a blank before and behind each word.
int64_t prepare(const char* data, int64_t size, int64_t by, char* text, int64_t* bounds);

// How many terms `units` have at most. Neighbouring words share the blank between them, so that it counts twice.
constexpr int64_t term_room(int64_t units, const Recipe& r) {
  return r.longest < r.shortest ? 0 : (r.by == chars_in_words ? 2 : 1) * units * (r.longest - r.shortest + 1);
}

// emit(data, size) for each term of a text made ready.
template <class Emit>
MLP_PLAIN inline void each_term(const char* text, const int64_t* bounds, int64_t units, const Recipe& r, Emit& emit) {
  const auto run = [&](int64_t from, int64_t n) __attribute__((always_inline)) {
    const int64_t begin = bounds[2 * from];
    emit(text + begin, bounds[2 * (from + n - 1) + 1] - begin);
  };
  if (r.by != chars_in_words) {
    for (int64_t n = r.shortest; n <= r.longest && n <= units; ++n)
      for (int64_t i = 0; i + n <= units; ++i) run(i, n);
    return;
  }
  for (int64_t first = 0; first + 1 < units;) {          // from the blank before a word to the one behind it
    int64_t last = first + 1;
    while (text[bounds[2 * last]] != ' ') ++last;
    const int64_t length = last - first + 1;
    for (int64_t n = r.shortest; n <= r.longest; ++n) {
      if (n >= length) {                                 // a short word is one term, whatever n
        run(first, length);
        break;
      }
      for (int64_t i = first; i + n <= last + 1; ++i) run(i, n);
    }
    first = last;
  }
}

}  // namespace mlp_terms
