#pragma once
// The blocked product over one type of vector (Goto, van de Geijn 2008): panels of `Vector::columns` columns of b and `depth` of k, packed where b's rows
// are not contiguous or far apart, and tiles of `Vector::rows` rows of a against them, `height` rows at a time, packed where a's columns are contiguous and
// b has many. Partial sums go through c between the blocks of k, which changes no bit. Each level includes this once, inside of its own anonymous namespace
// and after its target pragma.
//   Vector: lanes, rows, vectors; Type, Mask; zero() load(p) load(p, mask) store(p, v) store(p, v, mask) broadcast(x) fma(a, b, c) mask(count)
//     transpose(from, from_row, to, to_row): lanes x lanes floats

template <class V>
struct Blocked {
  using Type = typename V::Type;
  using Mask = typename V::Mask;
  static constexpr std::int64_t columns = V::lanes * V::vectors;
  static constexpr std::int64_t depth = left_depth, height = left_height / V::rows * V::rows;

  // c of `rows` rows and `vectors` vectors of columns, the last of which is masked where `ragged`.
  template <int rows, int vectors, bool ragged>
  static void tile(std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row, float* c, std::int64_t c_row, bool add,
                   Mask mask) {
    Type sum[rows][vectors];
    const auto at = [&](const float* p, int v) { return ragged && v == vectors - 1 ? V::load(p + v * V::lanes, mask) : V::load(p + v * V::lanes); };
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[i][v] = add ? at(c + i * c_row, v) : V::zero();
#pragma GCC unroll 4  // half of the slots of a core that two threads share must do
    for (std::int64_t p = 0; p < k; ++p) {
      Type right[vectors];
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) right[v] = at(b + p * b_row, v);
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) {
        const Type left = V::broadcast(a[i * a_row + p * a_col]);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sum[i][v] = V::fma(left, right[v], sum[i][v]);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        float* const to = c + i * c_row + v * V::lanes;
        if (ragged && v == vectors - 1) V::store(to, sum[i][v], mask);
        else V::store(to, sum[i][v]);
      }
  }

  using Tile = void (*)(std::int64_t, const float*, std::int64_t, std::int64_t, const float*, std::int64_t, float*, std::int64_t, bool, Mask);
  struct Tiles {
    Tile of[V::rows + 1][V::vectors + 1][2] = {};
    template <int rows, int vectors>
    constexpr void fill() {
      of[rows][vectors][0] = tile<rows, vectors, false>;
      of[rows][vectors][1] = tile<rows, vectors, true>;
      if constexpr (vectors > 1) fill<rows, vectors - 1>();
      else if constexpr (rows > 1) fill<rows - 1, V::vectors>();
    }
    constexpr Tiles() { fill<V::rows, V::vectors>(); }
  };
  static constexpr Tiles tiles{};

  static void pack(const float* b, std::int64_t b_row, std::int64_t b_col, std::int64_t k, std::int64_t n, float* to) {
    const std::int64_t whole = n / V::lanes * V::lanes, deep = b_row == 1 ? k / V::lanes * V::lanes : 0;
    if (b_col == 1) {
      for (std::int64_t p = 0; p < k; ++p) {
        for (std::int64_t j = 0; j < whole; j += V::lanes) {
          V::store(to + p * columns + j, V::load(b + p * b_row + j));
          __builtin_prefetch(b + p * b_row + columns + j, 0, 2);  // the next panel: rows in pages of their own are not foreseen by the processor
        }
        for (std::int64_t j = whole; j < n; ++j) to[p * columns + j] = b[p * b_row + j];
      }
      return;
    }
    for (std::int64_t p = 0; p < deep; p += V::lanes) {  // columns of b are contiguous
      for (std::int64_t j = 0; j < whole; j += V::lanes) V::transpose(b + p + j * b_col, b_col, to + p * columns + j, columns);
      for (std::int64_t j = whole; j < n; ++j)
        for (std::int64_t i = p; i < p + V::lanes; ++i) to[i * columns + j] = b[i + j * b_col];
    }
    for (std::int64_t p = deep; p < k; ++p)
      for (std::int64_t j = 0; j < n; ++j) to[p * columns + j] = b[p * b_row + j * b_col];
  }

  // Tile after tile, in each k after k: so many tiles at once as lie in a few lines of each row of k.
  static void pack_left(const float* a, std::int64_t a_col, std::int64_t rows, std::int64_t k, float* to) {
    constexpr std::int64_t together = 8 * V::rows;
    for (std::int64_t i = 0; i < rows; i += together) {
      const std::int64_t high = rows - i < together ? rows - i : together, whole = high / V::rows * V::rows;
      for (std::int64_t p = 0; p < k; ++p) {
        const float* const from = a + i + p * a_col;
        for (std::int64_t r = 0; r < whole; r += V::rows) __builtin_memcpy(to + (i + r) * k + p * V::rows, from + r, V::rows * sizeof(float));
        for (std::int64_t r = whole; r < high; ++r) to[(i + whole) * k + p * (high - whole) + r - whole] = from[r];
      }
    }
  }

  static void run(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row,
                  std::int64_t b_col, float* c, std::int64_t c_row, bool add) {
    if (k == 0 && !add) return clear(m, n, c, c_row);
    if (turns({V::rows, columns}, m, n, c_row)) return run(1, m, k, b, b_col, b_row, a, a_col, a_row, c, m, add);
    for (std::int64_t i0 = 0; i0 < m; i0 += height) block(i0, m - i0 < height ? m : i0 + height, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add);
  }

 private:
  // Rows `first` to `last` of c.
  static void block(std::int64_t first, std::int64_t last, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b,
                    std::int64_t b_row, std::int64_t b_col, float* c, std::int64_t c_row, bool add) {
    alignas(64) float panel[depth * columns];
    const bool packed = packs({V::rows, columns}, last - first, b_row, b_col);
    float* const packed_left = a_row == 1 && a_col != 1 && n >= 8 * columns ? left_block() : nullptr;
    for (std::int64_t p0 = 0; p0 < k; p0 += depth) {
      const std::int64_t deep = k - p0 < depth ? k - p0 : depth;
      if (packed_left) pack_left(a + first + p0 * a_col, a_col, last - first, deep, packed_left);
      for (std::int64_t j0 = 0; j0 < n; j0 += columns) {
        const std::int64_t wide = n - j0 < columns ? n - j0 : columns;
        const float* right = b + p0 * b_row + j0 * b_col;
        std::int64_t right_row = b_row;
        if (packed) {
          pack(right, b_row, b_col, deep, wide, panel);
          right = panel;
          right_row = columns;
        }
        const std::int64_t vectors = (wide + V::lanes - 1) / V::lanes;
        const bool ragged = wide % V::lanes != 0;
        const Mask mask = V::mask(ragged ? wide % V::lanes : V::lanes);
        for (std::int64_t i = first; i < last; i += V::rows) {
          const std::int64_t high = last - i < V::rows ? last - i : V::rows;
          const Tile of = tiles.of[high][vectors][ragged];
          float* const to = c + i * c_row + j0;
          if (packed_left) of(deep, packed_left + (i - first) * deep, 1, high, right, right_row, to, c_row, add || p0 > 0, mask);
          else of(deep, a + i * a_row + p0 * a_col, a_row, a_col, right, right_row, to, c_row, add || p0 > 0, mask);
        }
      }
    }
  }
};
