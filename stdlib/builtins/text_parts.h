// What the builtins on texts share. Freestanding, as kernels.h says.
#pragma once
#include "abi/abi.h"

// Keeps the compiler from turning loops into calls of the C library.
#ifdef __clang__
#define MLP_PLAIN __attribute__((no_builtin))
#else
#define MLP_PLAIN
#endif

namespace mlp_text {

MLP_PLAIN inline char* allocate(mlp_arena* arena, int64_t size) {
  if (arena->limit - arena->cursor < size) arena->grow(arena, size);
  char* memory = arena->cursor;
  arena->cursor += size;
  return memory;
}

// Bytes of the code point at data (size > 0); 1 for a byte that begins none.
MLP_PLAIN inline int64_t step(const char* data, int64_t size) {
  const auto byte = [&](int64_t i) -> unsigned { return i < size ? static_cast<unsigned char>(data[i]) : 0; };
  const auto more = [&](int64_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned a = byte(0), b = byte(1);
  if (a >= 0xc2 && a <= 0xdf) return more(1) ? 2 : 1;
  if (a >= 0xe0 && a <= 0xef)  // no overlong forms, no surrogates
    return more(1) && more(2) && !(a == 0xe0 && b < 0xa0) && !(a == 0xed && b > 0x9f) ? 3 : 1;
  if (a >= 0xf0 && a <= 0xf4)
    return more(1) && more(2) && more(3) && !(a == 0xf0 && b < 0x90) && !(a == 0xf4 && b > 0x8f) ? 4 : 1;
  return 1;
}

inline int64_t bucket(uint64_t hash, int64_t n) {  // the high part of hash * n: even, and no division
  return n < 1 ? 0 : static_cast<int64_t>(static_cast<unsigned __int128>(hash) * static_cast<uint64_t>(n) >> 64);
}

}  // namespace mlp_text
