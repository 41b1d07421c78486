// How a built file proves that its bytes are whole: `mlp build` appends a trailer to what it has linked, and the file
// checks itself when it starts (runtime/base/self_check.cpp) or is first used (libraries).
//   8 bytes magic · 8 bytes size of the body · 16 bytes XXH3-128 of the body, high half first; little-endian
// Also runs before libc is set up: it calls nothing, not even memcpy.
#pragma once
#define XXH_INLINE_ALL
#define XXH_FORCE_MEMORY_ACCESS 2
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdint>

namespace mlp {

inline constexpr char trailer_magic[9] = "MLPWHOLE";
struct [[gnu::packed]] Trailer {
  char magic[8];
  std::uint64_t size, digest_high, digest_low;
};
enum class Whole { yes, damaged, unreadable };

inline long system_call(long number, long a, long b, long c, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

inline Trailer make_trailer(const void* body, std::uint64_t size) {
  const XXH128_hash_t digest = XXH3_128bits(body, size);
  Trailer trailer;
  for (int i = 0; i < 8; ++i) trailer.magic[i] = trailer_magic[i];
  trailer.size = size;
  trailer.digest_high = digest.high64;
  trailer.digest_low = digest.low64;
  return trailer;
}

inline Whole check_bytes(const void* bytes, std::uint64_t size) {
  if (size < sizeof(Trailer)) return Whole::damaged;
  const std::uint64_t body = size - sizeof(Trailer);
  const Trailer* const found = reinterpret_cast<const Trailer*>(static_cast<const char*>(bytes) + body);
  for (int i = 0; i < 8; ++i) {
    if (found->magic[i] != trailer_magic[i]) return Whole::damaged;
  }
  if (found->size != body) return Whole::damaged;
  const XXH128_hash_t digest = XXH3_128bits(bytes, body);
  return digest.high64 == found->digest_high && digest.low64 == found->digest_low ? Whole::yes : Whole::damaged;
}

inline Whole check_file(const char* path) {
  const long fd = system_call(SYS_open, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return Whole::unreadable;
  Whole result = Whole::unreadable;
  const long size = system_call(SYS_lseek, fd, 0, SEEK_END);
  if (size == 0) result = Whole::damaged;
  if (size > 0) {
    const long bytes = system_call(SYS_mmap, 0, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (bytes > 0 || bytes < -4095) {
      result = check_bytes(reinterpret_cast<const void*>(bytes), static_cast<std::uint64_t>(size));
      system_call(SYS_munmap, bytes, size, 0);
    }
  }
  system_call(SYS_close, fd, 0, 0);
  return result;
}

}  // namespace mlp
