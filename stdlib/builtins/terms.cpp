// Texts to bags of terms.
#include "stdlib/builtins/terms.h"

#include "stdlib/builtins/kernels.h"

namespace {

struct WordRange {
  uint32_t first, last;
};
struct LowerRun {
  uint32_t first, last, step;
  int32_t delta;
};
#include "stdlib/builtins/unicode.inc"

// The last entry that begins at or before c, or the first.
template <class Entry>
MLP_PLAIN inline const Entry& entry_of(const Entry* table, int64_t size, uint32_t c) {
  int64_t low = 0;
  while (size > 1) {
    const int64_t half = size / 2;
    if (table[low + half].first <= c) low += half;
    size -= half;
  }
  return table[low];
}
MLP_PLAIN inline bool in_word(uint32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c >= 'A' && c <= 'Z');
  const WordRange& r = entry_of(word_ranges, static_cast<int64_t>(sizeof word_ranges / sizeof *word_ranges), c);
  return c >= r.first && c <= r.last;
}
MLP_PLAIN inline uint32_t lower_of(uint32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  const LowerRun& r = entry_of(lower_runs, static_cast<int64_t>(sizeof lower_runs / sizeof *lower_runs), c);
  if (c < r.first || c > r.last || (r.step == 2 && (c - r.first) % 2)) return c;
  return c + static_cast<uint32_t>(r.delta);
}
inline bool is_space(uint32_t c) {  // as Python's str.isspace
  return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f) || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

constexpr uint32_t no_point = 0xffffffff;  // a byte that begins no code point: it stays as it is

inline uint32_t byte(const char* p) { return static_cast<unsigned char>(*p); }
MLP_PLAIN inline uint32_t point_at(const char* p, int64_t bytes) {
  if (bytes == 1) return byte(p) < 0x80 ? byte(p) : no_point;
  if (bytes == 2) return (byte(p) & 0x1f) << 6 | (byte(p + 1) & 0x3f);
  if (bytes == 3) return (byte(p) & 0xf) << 12 | (byte(p + 1) & 0x3f) << 6 | (byte(p + 2) & 0x3f);
  return (byte(p) & 7) << 18 | (byte(p + 1) & 0x3f) << 12 | (byte(p + 2) & 0x3f) << 6 | (byte(p + 3) & 0x3f);
}
MLP_PLAIN inline int64_t write_point(char* to, uint32_t c) {
  if (c < 0x80) {
    to[0] = static_cast<char>(c);
    return 1;
  }
  if (c < 0x800) {
    to[0] = static_cast<char>(0xc0 | c >> 6);
    to[1] = static_cast<char>(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    to[0] = static_cast<char>(0xe0 | c >> 12);
    to[1] = static_cast<char>(0x80 | (c >> 6 & 0x3f));
    to[2] = static_cast<char>(0x80 | (c & 0x3f));
    return 3;
  }
  to[0] = static_cast<char>(0xf0 | c >> 18);
  to[1] = static_cast<char>(0x80 | (c >> 12 & 0x3f));
  to[2] = static_cast<char>(0x80 | (c >> 6 & 0x3f));
  to[3] = static_cast<char>(0x80 | (c & 0x3f));
  return 4;
}

// The code points of a text in lower case, one by one.
struct Reader {
  const char* data;
  int64_t size, at = 0;
  uint32_t pending = 0;     // the second half of a letter whose lower case is two
  bool within = false;      // the code point before is part of a word

  MLP_PLAIN inline bool word_goes_on() const {
    if (at >= size) return false;
    const uint32_t c = point_at(data + at, mlp_text::step(data + at, size - at));
    return c != no_point && in_word(c);
  }

  // Appends the next one to `to`; its bytes, or 0 at the end. `c`: what it is.
  MLP_PLAIN inline int64_t next(char* to, uint32_t& c) {
    if (pending) {
      c = pending;
      pending = 0;
      return write_point(to, c);
    }
    if (at >= size) return 0;
    const int64_t bytes = mlp_text::step(data + at, size - at);
    c = point_at(data + at, bytes);
    if (c == no_point) {
      *to = data[at++];
      within = false;
      return 1;
    }
    at += bytes;
    if (c == 0x130) {  // I with a dot: i, and the dot
      c = 'i';
      pending = 0x307;
    } else if (c == 0x3a3 && within && !word_goes_on()) {  // sigma at the end of a word
      c = 0x3c2;
    } else {
      c = lower_of(c);
    }
    within = in_word(c) && !pending;
    return write_point(to, c);
  }
};

MLP_PLAIN int64_t prepare_words(Reader reader, char* text, int64_t* bounds) {
  int64_t units = 0, end = 0, begin = 0, points = 0;
  for (;;) {
    uint32_t c = 0;
    const int64_t bytes = reader.next(text + end, c);
    if (bytes && c != no_point && in_word(c)) {
      end += bytes;
      ++points;
      continue;
    }
    if (points >= 2) {
      bounds[2 * units] = begin;
      bounds[2 * units + 1] = end;
      ++units;
      text[end++] = ' ';
      begin = end;
    }
    end = begin;
    points = 0;
    if (!bytes) return units;
  }
}

MLP_PLAIN int64_t prepare_chars(Reader reader, char* text, int64_t* bounds) {
  int64_t units = 0, end = 0;
  bool blank = false;  // the unit before is one
  for (;;) {
    uint32_t c = 0;
    const int64_t bytes = reader.next(text + end, c);
    if (!bytes) return units;
    const bool blank_before = blank;
    blank = c != no_point && is_space(c);
    if (blank && blank_before) {
      end = bounds[2 * units - 2];
      text[end++] = ' ';
      bounds[2 * units - 1] = end;
      continue;
    }
    bounds[2 * units] = end;
    end += bytes;
    bounds[2 * units + 1] = end;
    ++units;
  }
}

MLP_PLAIN int64_t prepare_padded(Reader reader, char* text, int64_t* bounds) {
  int64_t units = 0, end = 0;
  bool inside = false;
  for (;;) {
    uint32_t c = 0;
    char point[4];
    const int64_t bytes = reader.next(point, c);
    const bool blank = !bytes || (c != no_point && is_space(c));
    if (inside == blank) {  // the blank before a word, unless it is the one behind another, and the one behind it
      if (blank || units == 0) {
        bounds[2 * units] = end;
        text[end++] = ' ';
        bounds[2 * units + 1] = end;
        ++units;
      }
      inside = !blank;
    }
    if (!bytes) return units;
    if (blank) continue;
    bounds[2 * units] = end;
    for (int64_t i = 0; i < bytes; ++i) text[end++] = point[i];
    bounds[2 * units + 1] = end;
    ++units;
  }
}

// Codes in rising order, by bytes from the lowest.
MLP_PLAIN int32_t* sort(int32_t* codes, int32_t* spare, int64_t count, int64_t width) {
  if (count <= 32) {
    for (int64_t i = 1; i < count; ++i) {
      const int32_t c = codes[i];
      int64_t j = i;
      for (; j > 0 && codes[j - 1] > c; --j) codes[j] = codes[j - 1];
      codes[j] = c;
    }
    return codes;
  }
  for (int shift = 0; shift < 32 && width >> shift; shift += 8) {
    int64_t places[256];
    for (int64_t i = 0; i < 256; ++i) places[i] = 0;
    for (int64_t i = 0; i < count; ++i) ++places[codes[i] >> shift & 255];
    int64_t sum = 0;
    for (int64_t i = 0; i < 256; ++i) {
      const int64_t here = places[i];
      places[i] = sum;
      sum += here;
    }
    for (int64_t i = 0; i < count; ++i) spare[places[codes[i] >> shift & 255]++] = codes[i];
    int32_t* const swapped = codes;
    codes = spare;
    spare = swapped;
  }
  return codes;
}

struct Codes {
  const mlp_dictionary* dictionary;  // null: by hash
  int64_t buckets;
  int32_t* out;
  int64_t count = 0;
  MLP_PLAIN inline void operator()(const char* data, int64_t size) {
    const int64_t code = dictionary ? mlp_dictionary_find(dictionary, data, size) : mlp_text::bucket(mlp_hash(data, size, 0), buckets);
    if (dictionary && code == dictionary->size) return;
    out[count++] = static_cast<int32_t>(code);
  }
};

}  // namespace

MLP_PLAIN int64_t mlp_terms::prepare(const char* data, int64_t size, int64_t by, char* text, int64_t* bounds) {
  const Reader reader{data, size};
  if (by == words) return prepare_words(reader, text, bounds);
  return by == chars ? prepare_chars(reader, text, bounds) : prepare_padded(reader, text, bounds);
}

extern "C" {

MLP_PLAIN void mlp_text_bag(const char* data, int64_t size, const mlp_table* table, int64_t recipe, mlp_arena* arena, mlp_bag* result) {
  const mlp_terms::Recipe r = mlp_terms::unpack(recipe);
  const mlp_dictionary* const dictionary = table ? table->dictionary : nullptr;
  const int64_t width = dictionary ? dictionary->size : r.buckets;
  const int64_t unit_room = mlp_terms::unit_room(size, r.by), room = mlp_terms::term_room(unit_room, r);
  const int64_t most = room < width ? room : width;  // different terms
  // One piece of the arena: first what stays, then what is only needed here.
  const int64_t bytes = 8 + most * static_cast<int64_t>(sizeof(mlp_term)) + 16 * unit_room + 8 * room + mlp_terms::text_room(size);
  char* const piece = mlp_text::allocate(arena, bytes);
  char* const memory = piece + (8 - reinterpret_cast<uintptr_t>(piece) % 8) % 8;
  auto* const terms = reinterpret_cast<mlp_term*>(memory);
  auto* const bounds = reinterpret_cast<int64_t*>(terms + most);
  auto* const codes = reinterpret_cast<int32_t*>(bounds + 2 * unit_room);
  char* const text = reinterpret_cast<char*>(codes + 2 * room);

  const int64_t units = mlp_terms::prepare(data, size, r.by, text, bounds);
  Codes found{dictionary, r.buckets, codes};
  mlp_terms::each_term(text, bounds, units, r, found);
  const int32_t* const sorted = sort(codes, codes + room, found.count, width);
  int64_t count = 0;
  double squares = 0;
  for (int64_t i = 0; i < found.count;) {
    int64_t j = i + 1;
    while (j < found.count && sorted[j] == sorted[i]) ++j;
    const auto times = static_cast<double>(j - i);
    double value = r.binary ? 1 : r.sublinear ? 1 + mlp_log(times) : times;
    if (table) value *= table->values[sorted[i]];
    terms[count].term = sorted[i];
    terms[count].value = value;
    ++count;
    squares += value * value;
    i = j;
  }
  if (r.norm && squares > 0) {
    const double length = mlp_sqrt(squares);
    for (int64_t i = 0; i < count; ++i) terms[i].value /= length;
  }
  arena->cursor = reinterpret_cast<char*>(terms + count);
  result->terms = terms;
  result->size = count;
}

MLP_PLAIN int64_t mlp_text_word_code(const char* data, int64_t size, int64_t n, int64_t buckets) {
  if (n < 0 || buckets < 1) return 0;
  constexpr int64_t most = 256;
  Reader reader{data, size};
  char word[most + 8];
  for (int64_t end = 0, points = 0;;) {
    uint32_t c = 0;
    const int64_t bytes = reader.next(word + end, c);
    if (bytes && c != no_point && in_word(c)) {
      if (end < most) end += bytes;
      ++points;
      continue;
    }
    if (points >= 2 && n-- == 0) return 1 + mlp_text::bucket(mlp_hash(word, end < most ? end : most, 0), buckets);
    end = points = 0;
    if (!bytes) return 0;
  }
}

}  // extern "C"
