// Arrays that vectors of 64 bytes read, none of them from two lines of the cache; large ones, read in no order or by rows that lie far apart, on large pages, so that a row
// costs no walk through page tables.
#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace mlp {

template <class T>
struct LargePages {
  using value_type = T;
  static constexpr std::size_t page = 2u << 20;
  static constexpr std::align_val_t line{64};
  LargePages() = default;
  template <class U>
  LargePages(const LargePages<U>&) {}
  T* allocate(std::size_t n) {
    if (n * sizeof(T) < 2 * page) return static_cast<T*>(::operator new(n * sizeof(T), line));
    const std::size_t size = (n * sizeof(T) + page - 1) / page * page;
    void* const at = std::aligned_alloc(page, size);
    if (at == nullptr) throw std::bad_alloc();
    ::madvise(at, size, MADV_HUGEPAGE);  // a wish: without it the pages are small
    return static_cast<T*>(at);
  }
  void deallocate(T* at, std::size_t n) {
    if (n * sizeof(T) < 2 * page) ::operator delete(at, line);
    else std::free(at);
  }
  bool operator==(const LargePages&) const { return true; }
};

template <class T>
using LargeVector = std::vector<T, LargePages<T>>;

}  // namespace mlp
