// Products of matrices of floats, by instruction-set level; every level gives the same bits.
#pragma once
#include <cstdint>

#include "abi/abi.h"
#include "base/machine.h"
#include "base/settings.h"

namespace mlp::product {

mlp_product of(CpuLevel level, Precision precision = Precision::float32);   // must not be above best_cpu_level(); bf16: runtime/product/bf16.h
inline mlp_product best(Precision precision) { return of(best_cpu_level(), precision); }

// What a level multiplies at once: so many rows of a by so many columns of b. Those of the portable level are none.
struct Tile {
  std::int64_t rows = 0, columns = 0;
};
constexpr Tile avx2_tile{6, 16}, avx512_tile{6, 64};
Tile tile_of(CpuLevel level);
// Whether b is packed before `rows` rows of a are multiplied by it. Rows of b that lie far apart share few sets of the cache; packing them pays when
// several tiles read them.
constexpr bool packs(const Tile& tile, std::int64_t rows, std::int64_t b_row, std::int64_t b_col) { return b_col != 1 || (rows > 2 * tile.rows && b_row > 2 * tile.columns); }
// Whether the product is computed as that of the transposed sides: of a column, whose rows then fill the lanes. b stays in place, and a is what may be packed.
constexpr bool turns(const Tile& tile, std::int64_t m, std::int64_t n, std::int64_t c_row) { return n == 1 && c_row == 1 && m > 2 * tile.rows; }

// The block of a that stays in the second cache: of k and of rows, 768 KiB. Memory for one, of this thread: it is compiled once, for any processor; null where
// there is none. gap: behind each row of rounded floats, since rows at powers of two share few sets of the cache.
constexpr std::int64_t left_depth = 512, left_height = 384, left_gap = 16;
float* left_block();

// c of a product over no k.
inline void clear(std::int64_t m, std::int64_t n, float* c, std::int64_t c_row) {
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) c[i * c_row + j] = 0;
}

// What `of` chooses from. Strides as in abi/abi.h.
#define MLP_PRODUCT(name) \
  void name(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row, \
            std::int64_t b_col, float* c, std::int64_t c_row, std::int32_t add)
#define MLP_PACKED_PRODUCT(name) \
  void name(std::int64_t m, const float* a, std::int64_t a_row, std::int64_t a_col, const void* b, float* c, std::int64_t c_row, std::int32_t add)
MLP_PRODUCT(portable);
#if defined(__x86_64__)
MLP_PRODUCT(avx2);
MLP_PRODUCT(avx512);
#endif

}  // namespace mlp::product
