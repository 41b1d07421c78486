#pragma once
// The product of bf16.h over one type of vector, blocked as in blocked.h. Both sides are packed as pairs: of b blocks of 16 columns, in each pair
// after pair, zeros for columns that are missing; of a whichever of its axes lies together. Each level includes this once, inside of its own
// anonymous namespace and after its target pragma.
//   Vector: as in blocked.h, with 16 columns or a multiple, and
//     Mode: while one lives, denormal numbers are 0
//     Word: lanes pairs; words(p) broadcast(pair) store_word(p, w); pairs(p): the pairs of 2 * lanes floats; pair(v, w): of v first, of w second
//     steps: 1 where an instruction multiplies both numbers of a pair, else 2; half<step>(word): what multiply(left, right, sum) takes then, the
//     second numbers in step 0

template <class V>
struct Pairs {
  using Type = typename V::Type;
  using Mask = typename V::Mask;
  static constexpr std::int64_t columns = V::lanes * V::vectors;
  static_assert(columns % bf16_columns == 0 && bf16_depth % 2 == 0);

  template <int step, int rows, int vectors>
  [[gnu::always_inline]] static inline void multiply(const Pair* a, std::int64_t a_row, const Pair* b, std::int64_t b_block, Type (*sum)[vectors]) {
    decltype(V::template half<step>(V::words(b))) right[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) right[v] = V::template half<step>(V::words(b + v * V::lanes / bf16_columns * b_block + v * V::lanes % bf16_columns));
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const auto left = V::template half<step>(V::broadcast(a[i * a_row]));
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[i][v] = V::multiply(left, right[v], sum[i][v]);
    }
  }

  // c of `rows` rows and `vectors` vectors of columns, the last of which is masked where `ragged`.
  template <int rows, int vectors>
  static void tile(std::int64_t pairs, const Pair* a, std::int64_t a_row, std::int64_t a_pair, const Pair* b, std::int64_t b_block, float* c, std::int64_t c_row, bool add,
                   bool ragged, Mask mask) {
    Type sum[rows][vectors];
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) {
        const float* const from = c + i * c_row + v * V::lanes;
        sum[i][v] = !add ? V::zero() : ragged && v == vectors - 1 ? V::load(from, mask) : V::load(from);
      }
    for (std::int64_t p = 0; p < pairs; ++p) {
      multiply<0, rows, vectors>(a + p * a_pair, a_row, b + p * bf16_columns, b_block, sum);
      if constexpr (V::steps == 2) multiply<1, rows, vectors>(a + p * a_pair, a_row, b + p * bf16_columns, b_block, sum);
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) {
        float* const to = c + i * c_row + v * V::lanes;
        if (ragged && v == vectors - 1) V::store(to, sum[i][v], mask);
        else V::store(to, sum[i][v]);
      }
  }
  using Tile = void (*)(std::int64_t, const Pair*, std::int64_t, std::int64_t, const Pair*, std::int64_t, float*, std::int64_t, bool, bool, Mask);
  struct Tiles {
    Tile of[V::rows + 1][V::vectors + 1] = {};
    template <int rows, int vectors>
    constexpr void fill() {
      of[rows][vectors] = tile<rows, vectors>;
      if constexpr (vectors > 1) fill<rows, vectors - 1>();
      else if constexpr (rows > 1) fill<rows - 1, V::vectors>();
    }
    constexpr Tiles() { fill<V::rows, V::vectors>(); }
  };
  static constexpr Tiles tiles{};

  // Floats that lie together along k become pairs that do.
  static void pack_line(const float* from, std::int64_t k, Pair* to) {
    std::int64_t p = 0;
    for (; p + 2 * V::lanes <= k; p += 2 * V::lanes) V::store_word(to + p / 2, V::pairs(from + p));
    for (; p + 2 <= k; p += 2) to[p / 2] = pair_of(from[p], from[p + 1]);
    if (p < k) to[p / 2] = pair_of(from[p], 0);
  }
  // `count` floats that lie together across k, and those of the next of k, or null.
  static void pack_across(const float* first, const float* second, std::int64_t count, Pair* to) {
    std::int64_t i = 0;
    for (; i + V::lanes <= count; i += V::lanes) V::store_word(to + i, V::pair(V::load(first + i), second ? V::load(second + i) : V::zero()));
    for (; i < count; ++i) to[i] = pair_of(first[i], second ? second[i] : 0);
  }

  // Where pair p of row i lies: i * row + p * pair.
  struct Left {
    std::int64_t row = 0, pair = 0;
  };
  static Left pack_left(const float* a, std::int64_t a_row, std::int64_t a_col, std::int64_t rows, std::int64_t k, Pair* to) {
    const std::int64_t pairs = (k + 1) / 2;
    if (a_col != 1 && a_row == 1) {
      const Left out{1, rows + bf16_columns};
      for (std::int64_t p = 0; p < pairs; ++p) pack_across(a + 2 * p * a_col, 2 * p + 1 < k ? a + (2 * p + 1) * a_col : nullptr, rows, to + p * out.pair);
      return out;
    }
    const Left out{pairs + bf16_columns, 1};          // rows at powers of two would share few sets of the cache
    for (std::int64_t i = 0; i < rows; ++i) {
      const float* const from = a + i * a_row;
      Pair* const line = to + i * out.row;
      if (a_col == 1) pack_line(from, k, line);
      else
        for (std::int64_t p = 0; p < pairs; ++p) line[p] = pair_of(from[2 * p * a_col], 2 * p + 1 < k ? from[(2 * p + 1) * a_col] : 0);
    }
    return out;
  }

  static void pack_right(const float* b, std::int64_t b_row, std::int64_t b_col, std::int64_t k, std::int64_t n, Pair* to) {
    const std::int64_t pairs = (k + 1) / 2, block = pairs * bf16_columns;
    for (std::int64_t j = 0; j < n; j += bf16_columns, to += block) {
      const std::int64_t wide = n - j < bf16_columns ? n - j : bf16_columns;
      const float* const from = b + j * b_col;
      if (wide < bf16_columns)
        for (std::int64_t i = 0; i < block; ++i) to[i] = 0;
      if (b_col == 1) {
        for (std::int64_t p = 0; p < pairs; ++p) pack_across(from + 2 * p * b_row, 2 * p + 1 < k ? from + (2 * p + 1) * b_row : nullptr, wide, to + p * bf16_columns);
        continue;
      }
      std::int64_t p = 0;
      if constexpr (V::lanes > 1)                      // columns of b lie together: squares of pairs, turned
        for (; b_row == 1 && wide == bf16_columns && 2 * (p + V::lanes) <= k; p += V::lanes)
          for (std::int64_t i = 0; i < bf16_columns; i += V::lanes) {
            alignas(64) Pair square[V::lanes * V::lanes];
            for (std::int64_t l = 0; l < V::lanes; ++l) V::store_word(square + l * V::lanes, V::pairs(from + 2 * p + (i + l) * b_col));
            V::transpose(reinterpret_cast<const float*>(square), V::lanes, reinterpret_cast<float*>(to + p * bf16_columns + i), bf16_columns);
          }
      for (; p < pairs; ++p)
        for (std::int64_t i = 0; i < wide; ++i)
          to[p * bf16_columns + i] = pair_of(from[2 * p * b_row + i * b_col], 2 * p + 1 < k ? from[(2 * p + 1) * b_row + i * b_col] : 0);
    }
  }

  // Blocks of 16 columns, so far apart.
  struct Right {
    const Pair* blocks = nullptr;
    std::int64_t apart = 0;
  };

  static void run(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row,
                  std::int64_t b_col, float* c, std::int64_t c_row, bool add) {
    alignas(64) Pair panel[bf16_depth / 2 * columns];
    over(m, n, k, a, a_row, a_col, c, c_row, add, [&](std::int64_t p0, std::int64_t deep, std::int64_t j0, std::int64_t wide) {
      pack_right(b + p0 * b_row + j0 * b_col, b_row, b_col, deep, wide, panel);
      return Right{panel, (deep + 1) / 2 * bf16_columns};
    });
  }
  static void run(std::int64_t m, const float* a, std::int64_t a_row, std::int64_t a_col, const PairWeights& b, float* c, std::int64_t c_row, bool add) {
    const std::int64_t apart = (b.k + 1) / 2 * bf16_columns;
    over(m, b.n, b.k, a, a_row, a_col, c, c_row, add, [&](std::int64_t p0, std::int64_t, std::int64_t j0, std::int64_t) {
      return Right{b.values.data() + j0 / bf16_columns * apart + p0 / 2 * bf16_columns, apart};
    });
  }

 private:
  // right(p0, deep, j0, wide): the pairs of b from p0, j0 on.
  template <class F>
  static void over(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, float* c, std::int64_t c_row, bool add, const F& right) {
    if (k == 0 && !add) return clear(m, n, c, c_row);
    [[maybe_unused]] const typename V::Mode mode;
    Pair* const packed = bf16_left();
    for (std::int64_t i0 = 0; i0 < m; i0 += bf16_height) {
      const std::int64_t rows = m - i0 < bf16_height ? m - i0 : bf16_height;
      for (std::int64_t p0 = 0; p0 < k; p0 += bf16_depth) {
        const std::int64_t deep = k - p0 < bf16_depth ? k - p0 : bf16_depth;
        const Left left = pack_left(a + i0 * a_row + p0 * a_col, a_row, a_col, rows, deep, packed);
        for (std::int64_t j0 = 0; j0 < n; j0 += columns) {
          const std::int64_t wide = n - j0 < columns ? n - j0 : columns, vectors = (wide + V::lanes - 1) / V::lanes;
          const bool ragged = wide % V::lanes != 0;
          const Mask mask = V::mask(ragged ? wide % V::lanes : V::lanes);
          const Right b = right(p0, deep, j0, wide);
          for (std::int64_t i = 0; i < rows; i += V::rows) {
            const std::int64_t high = rows - i < V::rows ? rows - i : V::rows;
            tiles.of[high][vectors]((deep + 1) / 2, packed + i * left.row, left.row, left.pair, b.blocks, b.apart, c + (i0 + i) * c_row + j0, c_row, add || p0 > 0, ragged, mask);
          }
        }
      }
    }
  }
};
