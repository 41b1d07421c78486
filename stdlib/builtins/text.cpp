// Texts, hashes and dictionaries. The hash is XXH64 (Yann Collet, xxHash specification 0.1.1).
#include "stdlib/builtins/kernels.h"
#include "stdlib/builtins/text_parts.h"

using mlp_text::allocate;
using mlp_text::bucket;
using mlp_text::step;

namespace {

MLP_PLAIN inline void copy(char* to, const char* from, int64_t size) {
  for (int64_t i = 0; i < size; ++i) to[i] = from[i];
}
inline uint64_t read64(const char* data) {
  uint64_t v;
  __builtin_memcpy(&v, data, 8);
  return v;
}
MLP_PLAIN inline bool same(const char* a, const char* b, int64_t size) {
  int64_t i = 0;
  for (; i + 8 <= size; i += 8)
    if (read64(a + i) != read64(b + i)) return false;
  for (; i < size; ++i)
    if (a[i] != b[i]) return false;
  return true;
}
MLP_PLAIN int compare(const char* a, int64_t a_size, const char* b, int64_t b_size) {
  const int64_t common = a_size < b_size ? a_size : b_size;
  for (int64_t i = 0; i < common; ++i) {
    const unsigned char x = static_cast<unsigned char>(a[i]), y = static_cast<unsigned char>(b[i]);
    if (x != y) return x < y ? -1 : 1;
  }
  return a_size < b_size ? -1 : a_size > b_size;
}

inline bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Case of the code points below U+0800 whose partner is there too.
inline unsigned lower_of(unsigned c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (c >= 0xc0 && c <= 0xde) return c == 0xd7 ? c : c + 32;
  if (c >= 0x100 && c <= 0x17f) {
    if (c == 0x178) return 0xff;
    if (c == 0x130) return c;  // i with dot: one byte
    const bool even_pairs = c <= 0x137 || (c >= 0x14a && c <= 0x177), odd_pairs = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
    return (even_pairs && c % 2 == 0) || (odd_pairs && c % 2 == 1) ? c + 1 : c;
  }
  if (c == 0x386) return 0x3ac;
  if (c >= 0x388 && c <= 0x38a) return c + 37;
  if (c == 0x38c) return 0x3cc;
  if (c == 0x38e || c == 0x38f) return c + 63;
  if (c >= 0x391 && c <= 0x3ab) return c == 0x3a2 ? c : c + 32;
  if (c >= 0x400 && c <= 0x40f) return c + 80;
  if (c >= 0x410 && c <= 0x42f) return c + 32;
  return c;
}
inline unsigned upper_of(unsigned c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  if (c >= 0xe0 && c <= 0xfe) return c == 0xf7 ? c : c - 32;
  if (c == 0xff) return 0x178;
  if (c >= 0x100 && c <= 0x17f) {
    if (c == 0x131) return c;  // dotless i: one byte
    const bool even_pairs = c <= 0x137 || (c >= 0x14a && c <= 0x177), odd_pairs = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
    return (even_pairs && c % 2 == 1) || (odd_pairs && c % 2 == 0) ? c - 1 : c;
  }
  if (c == 0x3ac) return 0x386;
  if (c >= 0x3ad && c <= 0x3af) return c - 37;
  if (c == 0x3c2) return 0x3a3;  // final sigma
  if (c >= 0x3b1 && c <= 0x3cb) return c - 32;
  if (c == 0x3cc) return 0x38c;
  if (c == 0x3cd || c == 0x3ce) return c - 63;
  if (c >= 0x430 && c <= 0x44f) return c - 32;
  if (c >= 0x450 && c <= 0x45f) return c - 80;
  return c;
}
template <class Map>
MLP_PLAIN inline void map_letters(const char* data, int64_t size, mlp_arena* arena, mlp_string* result, Map map) {
  char* out = allocate(arena, size);
  for (int64_t i = 0; i < size;) {
    const int64_t bytes = step(data + i, size - i);
    const unsigned a = static_cast<unsigned char>(data[i]);
    if (bytes == 1) out[i] = a < 0x80 ? static_cast<char>(map(a)) : data[i];
    else if (bytes == 2) {
      const unsigned c = map((a & 0x1f) << 6 | (static_cast<unsigned char>(data[i + 1]) & 0x3f));
      out[i] = static_cast<char>(0xc0 | c >> 6);
      out[i + 1] = static_cast<char>(0x80 | (c & 0x3f));
    } else {
      copy(out + i, data + i, bytes);
    }
    i += bytes;
  }
  *result = {out, size};
}

// ---- XXH64
constexpr uint64_t prime1 = 0x9E3779B185EBCA87, prime2 = 0xC2B2AE3D27D4EB4F, prime3 = 0x165667B19E3779F9, prime4 = 0x85EBCA77C2B2AE63,
                   prime5 = 0x27D4EB2F165667C5;
inline uint64_t rotate(uint64_t v, int by) { return v << by | v >> (64 - by); }
inline uint64_t read32(const char* data) {
  uint32_t v;
  __builtin_memcpy(&v, data, 4);
  return v;
}
inline uint64_t round64(uint64_t lane, uint64_t input) { return rotate(lane + input * prime2, 31) * prime1; }
inline uint64_t finish(uint64_t h) {
  h = (h ^ h >> 33) * prime2;
  h = (h ^ h >> 29) * prime3;
  return h ^ h >> 32;
}

// ---- decimal numbers
// A whole number of 64 words; the number 10^342 * 10^780 needs fewer.
struct Big {
  static constexpr int capacity = 64;
  uint64_t words[capacity];
  int size;  // words in use, the highest one not 0
};
MLP_PLAIN void set(Big& v, uint64_t low) {  // 0 or a small number
  v.words[0] = low;
  v.size = low != 0;
}
MLP_PLAIN void multiply_add(Big& v, uint64_t factor, uint64_t summand) {
  uint64_t carry = summand;
  for (int i = 0; i < v.size; ++i) {
    const unsigned __int128 p = static_cast<unsigned __int128>(v.words[i]) * factor + carry;
    v.words[i] = static_cast<uint64_t>(p);
    carry = static_cast<uint64_t>(p >> 64);
  }
  if (carry) v.words[v.size++] = carry;
}
MLP_PLAIN void times_power_of_ten(Big& v, int64_t exponent) {
  for (; exponent >= 19; exponent -= 19) multiply_add(v, 10000000000000000000u, 0);
  for (; exponent > 0; --exponent) multiply_add(v, 10, 0);
}
MLP_PLAIN int64_t bit_length(const Big& v) { return v.size ? v.size * int64_t{64} - __builtin_clzll(v.words[v.size - 1]) : 0; }
MLP_PLAIN void shift_left(Big& v, int64_t by) {
  const int words = static_cast<int>(by / 64), bits = static_cast<int>(by % 64);
  if (!v.size) return;
  for (int i = v.size + words; i >= 0; --i) {
    const uint64_t upper = i - words >= 0 && i - words < v.size ? v.words[i - words] : 0;
    const uint64_t under = i - words - 1 >= 0 && i - words - 1 < v.size ? v.words[i - words - 1] : 0;
    v.words[i] = bits ? upper << bits | under >> (64 - bits) : upper;
  }
  v.size += words + 1;
  while (v.size && !v.words[v.size - 1]) --v.size;
}
MLP_PLAIN bool less(const Big& a, const Big& b) {
  if (a.size != b.size) return a.size < b.size;
  for (int i = a.size - 1; i >= 0; --i)
    if (a.words[i] != b.words[i]) return a.words[i] < b.words[i];
  return false;
}
MLP_PLAIN void subtract(Big& a, const Big& b) {  // a >= b
  uint64_t borrow = 0;
  for (int i = 0; i < a.size; ++i) {
    const uint64_t from = a.words[i], take = i < b.size ? b.words[i] : 0, d = from - take - borrow;
    borrow = borrow ? from <= take : from < take;
    a.words[i] = d;
  }
  while (a.size && !a.words[a.size - 1]) --a.size;
}
// digits * 10^exponent, correctly rounded: the quotient of two whole numbers, bit by bit.
MLP_PLAIN double exact_decimal(const char* digits, int64_t count, int64_t point_after, int64_t exponent) {
  constexpr int64_t most = 780;  // no halfway point between doubles has more digits; what follows only breaks ties
  Big top, bottom, piece;
  set(top, 0);
  set(bottom, 1);
  int64_t used = 0, power = exponent;
  bool rest = false;
  for (int64_t i = 0; i < count; ++i) {
    if (digits[i] == '.') continue;
    const bool fraction = i > point_after;
    const uint64_t digit = static_cast<uint64_t>(digits[i] - '0');
    if (used < most) {
      if (used || digit) ++used;
      multiply_add(top, 10, digit);
      power -= fraction;
    } else {
      rest = rest || digit;
      power += !fraction;
    }
  }
  if (rest) {
    multiply_add(top, 10, 1);
    --power;
    ++used;
  }
  if (!top.size) return 0;
  if (power + used > 310) return __builtin_inf();
  if (power + used < -330) return 0;
  if (power >= 0) times_power_of_ten(top, power);
  else times_power_of_ten(bottom, -power);
  // Scale so that the quotient lies in [2^63, 2^65), then divide: 65 or 64 bits and a remainder.
  int64_t shift = 64 - (bit_length(top) - bit_length(bottom));
  if (shift >= 0) shift_left(top, shift);
  else shift_left(bottom, -shift);
  piece.words[0] = 0;  // bottom * 2^64
  piece.size = bottom.size + 1;
  for (int i = 0; i < bottom.size; ++i) piece.words[i + 1] = bottom.words[i];
  unsigned __int128 quotient = 0;
  for (int i = 0; i <= 64; ++i) {  // top shifts left instead of piece right
    quotient <<= 1;
    if (!less(top, piece)) {
      subtract(top, piece);
      quotient |= 1;
    }
    shift_left(top, 1);
  }
  // value = (quotient + remainder) * 2^-shift; keep 53 bits, or fewer below the normal numbers
  const uint64_t high = static_cast<uint64_t>(quotient >> 64);
  int64_t bits = high ? 65 : 64 - __builtin_clzll(static_cast<uint64_t>(quotient));
  int64_t drop = bits - 53;
  if (drop - shift < -1074) drop = -1074 + shift;
  if (drop > bits + 1) return 0;
  uint64_t mantissa = static_cast<uint64_t>(quotient >> drop);
  const unsigned __int128 lost = quotient - (static_cast<unsigned __int128>(mantissa) << drop), half = static_cast<unsigned __int128>(1) << (drop - 1);
  if (lost > half || (lost == half && (top.size || (mantissa & 1)))) ++mantissa;
  const int64_t scale = drop - shift;  // value = mantissa * 2^scale, mantissa <= 2^53
  if (mantissa >= 0x0020000000000000) {
    mantissa >>= 1;
    return scale + 1 > 971 ? __builtin_inf() : __builtin_bit_cast(double, (static_cast<uint64_t>(scale + 1 + 1075) << 52) | (mantissa & 0x000fffffffffffff));
  }
  if (mantissa < 0x0010000000000000) return __builtin_bit_cast(double, mantissa);  // scale is -1074
  if (scale > 971) return __builtin_inf();
  return __builtin_bit_cast(double, (static_cast<uint64_t>(scale + 1075) << 52) | (mantissa & 0x000fffffffffffff));
}

MLP_PLAIN bool is_word(const char* data, int64_t size, const char* word, int64_t word_size) {  // ASCII letters, any case
  if (size != word_size) return false;
  for (int64_t i = 0; i < size; ++i)
    if ((data[i] | 0x20) != word[i]) return false;
  return true;
}

}  // namespace

extern "C" {

MLP_PLAIN uint64_t mlp_hash(const char* data, int64_t size, uint64_t seed) {
  const char* p = data;
  const char* const end = data + size;
  uint64_t h;
  if (size >= 32) {
    uint64_t a = seed + prime1 + prime2, b = seed + prime2, c = seed, d = seed - prime1;
    for (; end - p >= 32; p += 32) {
      a = round64(a, read64(p));
      b = round64(b, read64(p + 8));
      c = round64(c, read64(p + 16));
      d = round64(d, read64(p + 24));
    }
    h = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    h = (h ^ round64(0, a)) * prime1 + prime4;
    h = (h ^ round64(0, b)) * prime1 + prime4;
    h = (h ^ round64(0, c)) * prime1 + prime4;
    h = (h ^ round64(0, d)) * prime1 + prime4;
  } else {
    h = seed + prime5;
  }
  h += static_cast<uint64_t>(size);
  for (; end - p >= 8; p += 8) h = rotate(h ^ round64(0, read64(p)), 27) * prime1 + prime4;
  if (end - p >= 4) {
    h = rotate(h ^ read32(p) * prime1, 23) * prime2 + prime3;
    p += 4;
  }
  for (; p < end; ++p) h = rotate(h ^ static_cast<unsigned char>(*p) * prime5, 11) * prime1;
  return finish(h);
}

int64_t mlp_hash_int(int64_t v) {  // as of its 8 bytes
  uint64_t h = prime5 + 8;
  h = rotate(h ^ round64(0, static_cast<uint64_t>(v)), 27) * prime1 + prime4;
  return static_cast<int64_t>(finish(h));
}
int64_t mlp_hash_bucket_int(int64_t v, int64_t n) { return bucket(static_cast<uint64_t>(mlp_hash_int(v)), n); }
MLP_PLAIN int64_t mlp_text_hash(const char* data, int64_t size) { return static_cast<int64_t>(mlp_hash(data, size, 0)); }
MLP_PLAIN int64_t mlp_text_hash_bucket(const char* data, int64_t size, int64_t n) { return bucket(mlp_hash(data, size, 0), n); }
MLP_PLAIN void mlp_text_hash_id(const char* data, int64_t size, mlp_arena* arena, mlp_string* result) {
  const uint64_t h = mlp_hash(data, size, 0);
  char* out = allocate(arena, 16);
  for (int i = 0; i < 16; ++i) {
    const unsigned digit = h >> (60 - 4 * i) & 15;
    out[i] = static_cast<char>(digit < 10 ? '0' + digit : 'a' + digit - 10);
  }
  *result = {out, 16};
}

MLP_PLAIN void mlp_dictionary_index(const mlp_string* keys, int64_t size, int32_t* slots, int64_t mask) {
  for (int64_t i = 0; i <= mask; ++i) slots[2 * i] = -1;
  for (int64_t code = 0; code < size; ++code) {
    const uint64_t hash = mlp_hash(keys[code].data, keys[code].size, 0);
    uint64_t at = hash & static_cast<uint64_t>(mask);
    while (slots[2 * at] >= 0) at = (at + 1) & static_cast<uint64_t>(mask);
    slots[2 * at] = static_cast<int32_t>(code);
    slots[2 * at + 1] = static_cast<int32_t>(hash >> 32);
  }
}
MLP_PLAIN int64_t mlp_dictionary_find(const mlp_dictionary* dictionary, const char* data, int64_t size) {
  const uint64_t mask = static_cast<uint64_t>(dictionary->mask);
  const uint64_t hash = mlp_hash(data, size, 0);
  for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
    const int32_t code = dictionary->slots[2 * at];
    if (code < 0) return dictionary->size;
    if (dictionary->slots[2 * at + 1] != static_cast<int32_t>(hash >> 32)) continue;
    const mlp_string& key = dictionary->keys[code];
    if (key.size == size && same(key.data, data, size)) return code;
  }
}
double mlp_table_value(const mlp_table* table, int64_t code, int32_t fold) {
  const int64_t row = fold >= 0 && fold < table->folds ? fold + int64_t{1} : 0;
  return table->values[row * (table->dictionary->size + 1) + code];
}

MLP_PLAIN uint8_t mlp_text_eq(const char* a, int64_t a_size, const char* b, int64_t b_size) { return a_size == b_size && same(a, b, a_size); }
MLP_PLAIN uint8_t mlp_text_ne(const char* a, int64_t a_size, const char* b, int64_t b_size) { return !(a_size == b_size && same(a, b, a_size)); }
MLP_PLAIN uint8_t mlp_text_lt(const char* a, int64_t a_size, const char* b, int64_t b_size) { return compare(a, a_size, b, b_size) < 0; }
MLP_PLAIN uint8_t mlp_text_le(const char* a, int64_t a_size, const char* b, int64_t b_size) { return compare(a, a_size, b, b_size) <= 0; }
MLP_PLAIN uint8_t mlp_text_gt(const char* a, int64_t a_size, const char* b, int64_t b_size) { return compare(a, a_size, b, b_size) > 0; }
MLP_PLAIN uint8_t mlp_text_ge(const char* a, int64_t a_size, const char* b, int64_t b_size) { return compare(a, a_size, b, b_size) >= 0; }

MLP_PLAIN static int64_t find(const char* data, int64_t size, const char* part, int64_t part_size, int64_t from) {
  for (int64_t i = from; i <= size - part_size; ++i)
    if (same(data + i, part, part_size)) return i;
  return -1;
}
MLP_PLAIN uint8_t mlp_text_contains(const char* data, int64_t size, const char* part, int64_t part_size) {
  return find(data, size, part, part_size, 0) >= 0;
}
MLP_PLAIN uint8_t mlp_text_starts_with(const char* data, int64_t size, const char* part, int64_t part_size) {
  return part_size <= size && same(data, part, part_size);
}
MLP_PLAIN uint8_t mlp_text_ends_with(const char* data, int64_t size, const char* part, int64_t part_size) {
  return part_size <= size && same(data + (size - part_size), part, part_size);
}
MLP_PLAIN int64_t mlp_text_byte(const char* data, int64_t size, int64_t n) { return n >= 0 && n < size ? static_cast<unsigned char>(data[n]) : 0; }
MLP_PLAIN int64_t mlp_text_length(const char* data, int64_t size) {
  int64_t count = 0;
  for (int64_t i = 0; i < size; i += step(data + i, size - i)) ++count;
  return count;
}
MLP_PLAIN int64_t mlp_text_word_count(const char* data, int64_t size) {
  int64_t count = 0;
  bool inside = false;
  for (int64_t i = 0; i < size; ++i) {
    const bool blank = is_blank(data[i]);
    count += !blank && !inside;
    inside = !blank;
  }
  return count;
}

MLP_PLAIN double mlp_text_parse_float(const char* data, int64_t size) {
  const double none = __builtin_nan("");
  const char* p = data;
  const char* end = data + size;
  while (p < end && is_blank(*p)) ++p;
  while (p < end && is_blank(end[-1])) --end;
  if (p == end) return none;
  const bool negative = *p == '-';
  if (*p == '-' || *p == '+') ++p;
  if (is_word(p, end - p, "inf", 3) || is_word(p, end - p, "infinity", 8)) return negative ? -__builtin_inf() : __builtin_inf();
  const char* const digits = p;
  int64_t point = -1, seen = 0, significant = 0, whole = 0, fraction = 0;
  for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && point < 0)); ++p) {
    if (*p == '.') {
      point = p - digits;
      continue;
    }
    ++seen;
    significant += significant || *p != '0';
    if (significant <= 18) whole = whole * 10 + (*p - '0');
    fraction += point >= 0;
  }
  if (!seen) return none;
  const int64_t count = p - digits;
  int64_t exponent = 0;
  if (p < end && (*p == 'e' || *p == 'E')) {
    ++p;
    const bool down = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) ++p;
    if (p == end) return none;
    for (; p < end && *p >= '0' && *p <= '9'; ++p)
      if (exponent < 1000000000000000) exponent = exponent * 10 + (*p - '0');
    if (down) exponent = -exponent;
  }
  if (p != end) return none;
  double value;
  const int64_t power = exponent - fraction;
  if (significant == 0) value = 0;
  else if (significant <= 15 && power >= -22 && power <= 22) {  // both exact as doubles: one rounding (W. D. Clinger, 1990)
    double ten = 1;
    for (int64_t i = power < 0 ? -power : power; i > 0; --i) ten *= 10;
    value = power < 0 ? static_cast<double>(whole) / ten : static_cast<double>(whole) * ten;
  } else {
    value = exact_decimal(digits, count, point < 0 ? count : point, exponent);
  }
  return negative ? -value : value;
}

MLP_PLAIN void mlp_text_from_int(int64_t v, mlp_arena* arena, mlp_string* result) {
  uint64_t left = v < 0 ? -static_cast<uint64_t>(v) : static_cast<uint64_t>(v);
  int64_t size = v < 0 ? 2 : 1;
  for (uint64_t i = left; i >= 10; i /= 10) ++size;
  char* out = allocate(arena, size);
  out[0] = '-';
  int64_t at = size;
  do {
    out[--at] = static_cast<char>('0' + left % 10);
    left /= 10;
  } while (left);
  *result = {out, size};
}
void mlp_text_from_bool(uint8_t v, mlp_arena*, mlp_string* result) {
  result->data = v ? "true" : "false";
  result->size = v ? 4 : 5;
}

MLP_PLAIN void mlp_text_lower(const char* data, int64_t size, mlp_arena* arena, mlp_string* result) {
  map_letters(data, size, arena, result, [](unsigned c) { return lower_of(c); });
}
MLP_PLAIN void mlp_text_upper(const char* data, int64_t size, mlp_arena* arena, mlp_string* result) {
  map_letters(data, size, arena, result, [](unsigned c) { return upper_of(c); });
}
MLP_PLAIN void mlp_text_trim(const char* data, int64_t size, mlp_arena*, mlp_string* result) {
  int64_t begin = 0, end = size;
  while (begin < end && is_blank(data[begin])) ++begin;
  while (begin < end && is_blank(data[end - 1])) --end;
  *result = {data + begin, end - begin};
}
MLP_PLAIN void mlp_text_redact(const char* data, int64_t size, mlp_arena* arena, mlp_string* result) {
  char* out = allocate(arena, size);
  int64_t used = 0;
  for (int64_t i = 0; i < size;) {
    const char c = data[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
    out[used++] = letter ? 'x' : c >= '0' && c <= '9' ? '0' : c;
    i += step(data + i, size - i);
  }
  *result = {out, used};
}
MLP_PLAIN void mlp_text_concat(const char* a, int64_t a_size, const char* b, int64_t b_size, mlp_arena* arena, mlp_string* result) {
  char* out = allocate(arena, a_size + b_size);
  copy(out, a, a_size);
  copy(out + a_size, b, b_size);
  *result = {out, a_size + b_size};
}
MLP_PLAIN void mlp_text_substring(const char* data, int64_t size, int64_t start, int64_t length, mlp_arena*, mlp_string* result) {
  int64_t skip = start, take = length < 0 ? 0 : length;
  if (skip < 0) {  // what lies before the text is left out
    take = take + skip < 0 ? 0 : take + skip;
    skip = 0;
  }
  int64_t begin = 0;
  for (; begin < size && skip > 0; --skip) begin += step(data + begin, size - begin);
  int64_t end = begin;
  for (; end < size && take > 0; --take) end += step(data + end, size - end);
  *result = {data + begin, end - begin};
}
MLP_PLAIN void mlp_text_replace(const char* data, int64_t size, const char* part, int64_t part_size, const char* by, int64_t by_size,
                                mlp_arena* arena, mlp_string* result) {
  int64_t count = 0;
  if (part_size > 0)
    for (int64_t at = find(data, size, part, part_size, 0); at >= 0; at = find(data, size, part, part_size, at + part_size))
      ++count;
  if (!count) {
    *result = {data, size};
    return;
  }
  const int64_t out_size = size + count * (by_size - part_size);
  char* out = allocate(arena, out_size);
  int64_t used = 0, from = 0;
  for (int64_t at = find(data, size, part, part_size, 0); at >= 0; at = find(data, size, part, part_size, from)) {
    copy(out + used, data + from, at - from);
    used += at - from;
    copy(out + used, by, by_size);
    used += by_size;
    from = at + part_size;
  }
  copy(out + used, data + from, size - from);
  *result = {out, out_size};
}

}  // extern "C"
