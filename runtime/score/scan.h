// Where runs of plain characters of JSON end, found 16 bytes at a time.
#pragma once
#include <cstddef>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace mlp::score {

// The first quote, backslash or control character from `at` on, or the end.
inline std::size_t end_of_plain(std::string_view text, std::size_t at) {
#if defined(__SSE2__)
  for (; at + 16 <= text.size(); at += 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
    const int found = _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')))));
    if (found != 0) return at + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(found)));
  }
#endif
  while (at < text.size() && text[at] != '"' && text[at] != '\\' && static_cast<unsigned char>(text[at]) >= 0x20) ++at;
  return at;
}

// The first that is no digit from `at` on, or the end.
inline std::size_t end_of_digits(std::string_view text, std::size_t at) {
#if defined(__SSE2__)
  for (; at + 16 <= text.size(); at += 16) {
    const __m128i v = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at)), _mm_set1_epi8('0'));
    const int digits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v));
    if (digits != 0xFFFF) return at + static_cast<std::size_t>(__builtin_ctz(~static_cast<unsigned>(digits)));
  }
#endif
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

// The end of the number of JSON that begins at `at`; 0 where none does. NaN and the infinities are none here.
inline std::size_t end_of_number(std::string_view text, std::size_t at) {
  const auto is = [&](char c) { return at < text.size() && text[at] == c; };
  const auto digits = [&] {
    const std::size_t end = end_of_digits(text, at);
    return end > at ? (at = end, true) : false;
  };
  at += is('-');
  if (is('0')) ++at;
  else if (!digits()) return 0;
  if (is('.') && (++at, !digits())) return 0;
  if (is('e') || is('E')) {
    ++at;
    at += is('+') || is('-');
    if (!digits()) return 0;
  }
  return at;
}

}  // namespace mlp::score
