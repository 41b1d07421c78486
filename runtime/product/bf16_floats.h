#pragma once
// The product of bf16.h where no instruction multiplies pairs fast: both sides are packed as rounded floats, neighbours along k in the order in which they are multiplied (the
// second first), for the tiles of blocked.h. Each level includes this once, behind blocked.h, inside of its own anonymous namespace.
//   V: as in blocked.h. Rounded:
//     Mode: while one lives, denormal numbers are 0
//     round(v): each number to bfloat16; swap(v): neighbours change places

template <class V, class Rounded>
struct Floats {
  static constexpr std::int64_t columns = Blocked<V>::columns, depth = Blocked<V>::depth, height = Blocked<V>::height;
  static constexpr std::int64_t line = depth + left_gap;  // of a packed row
  static_assert(depth % 2 == 0);

  static float round(float v) { return from_bf16(to_bf16(v)); }

  // `even`: k, or one more, for which there is 0.
  static void pack_right(const float* b, std::int64_t b_row, std::int64_t b_col, std::int64_t k, std::int64_t even, std::int64_t n, float* to) {
    const std::int64_t whole = n / V::lanes * V::lanes;
    const auto one = [&](std::int64_t p, std::int64_t j) { to[(p ^ 1) * columns + j] = p < k ? round(b[p * b_row + j * b_col]) : 0; };
    std::int64_t p = 0;
    if (b_col == 1) {
      for (; p < k; ++p) {
        for (std::int64_t j = 0; j < whole; j += V::lanes) {
          V::store(to + (p ^ 1) * columns + j, Rounded::round(V::load(b + p * b_row + j)));
          __builtin_prefetch(b + p * b_row + columns + j, 0, 2);  // the next panel, as in blocked.h
        }
        for (std::int64_t j = whole; j < n; ++j) one(p, j);
      }
    } else if (b_row == 1) {                              // columns of b lie together: squares, turned
      for (; p + V::lanes <= k; p += V::lanes) {
        for (std::int64_t j = 0; j < whole; j += V::lanes) {
          alignas(64) float square[V::lanes * V::lanes];
          for (std::int64_t l = 0; l < V::lanes; ++l) V::store(square + l * V::lanes, Rounded::swap(Rounded::round(V::load(b + p + (j + l) * b_col))));
          V::transpose(square, V::lanes, to + p * columns + j, columns);
        }
        for (std::int64_t j = whole; j < n; ++j)
          for (std::int64_t q = p; q < p + V::lanes; ++q) one(q, j);
      }
    }
    for (; p < even; ++p)
      for (std::int64_t j = 0; j < n; ++j) one(p, j);
  }

  // Where number p along k of row r of the tile that begins at row i lies: i * tile + r * row + p * step; step 0: as many as the tile has rows.
  struct Left {
    std::int64_t tile = 0, row = 0, step = 0;
  };
  static Left pack_left(const float* a, std::int64_t a_row, std::int64_t a_col, std::int64_t rows, std::int64_t k, std::int64_t even, float* to) {
    if (a_row == 1 && a_col != 1) {
      constexpr std::int64_t together = 8 * V::rows;
      static_assert(together % V::lanes == 0);
      for (std::int64_t i = 0; i < rows; i += together) {
        const std::int64_t high = rows - i < together ? rows - i : together, whole = high / V::rows * V::rows;
        for (std::int64_t p = 0; p < even; ++p) {
          alignas(64) float some[together];
          const float* const from = a + i + p * a_col;
          std::int64_t r = 0;
          for (; p < k && r + V::lanes <= high; r += V::lanes) V::store(some + r, Rounded::round(V::load(from + r)));
          for (; r < high; ++r) some[r] = p < k ? round(from[r]) : 0;
          const std::int64_t q = p ^ 1;
          for (r = 0; r < whole; r += V::rows) __builtin_memcpy(to + (i + r) * even + q * V::rows, some + r, V::rows * sizeof(float));
          for (r = whole; r < high; ++r) to[(i + whole) * even + q * (high - whole) + r - whole] = some[r];
        }
      }
      return {even, 1, 0};
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      const float* const from = a + i * a_row;
      std::int64_t p = 0;
      for (; a_col == 1 && p + V::lanes <= k; p += V::lanes) V::store(to + i * line + p, Rounded::swap(Rounded::round(V::load(from + p))));
      for (; p < even; ++p) to[i * line + (p ^ 1)] = p < k ? round(from[p * a_col]) : 0;
    }
    return {line, line, 1};
  }

  static void run(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row,
                  std::int64_t b_col, float* c, std::int64_t c_row, bool add) {
    if (k == 0 && !add) return clear(m, n, c, c_row);
    [[maybe_unused]] const typename Rounded::Mode mode;
    alignas(64) float panel[depth * columns], of_a_tile[V::rows * line];
    float *const own = left_block(), *const block = own ? own : of_a_tile;
    const std::int64_t together = own ? height : V::rows;
    for (std::int64_t i0 = 0; i0 < m; i0 += together) {
      const std::int64_t rows = m - i0 < together ? m - i0 : together;
      for (std::int64_t p0 = 0; p0 < k; p0 += depth) {
        const std::int64_t deep = k - p0 < depth ? k - p0 : depth, even = deep + deep % 2;
        const Left left = pack_left(a + i0 * a_row + p0 * a_col, a_row, a_col, rows, deep, even, block);
        for (std::int64_t j0 = 0; j0 < n; j0 += columns) {
          const std::int64_t wide = n - j0 < columns ? n - j0 : columns, vectors = (wide + V::lanes - 1) / V::lanes;
          const bool ragged = wide % V::lanes != 0;
          const auto mask = V::mask(ragged ? wide % V::lanes : V::lanes);
          pack_right(b + p0 * b_row + j0 * b_col, b_row, b_col, deep, even, wide, panel);
          for (std::int64_t i = 0; i < rows; i += V::rows) {
            const std::int64_t high = rows - i < V::rows ? rows - i : V::rows;
            Blocked<V>::tiles.of[high][vectors][ragged](even, block + i * left.tile, left.row, left.step ? left.step : high, panel, columns, c + (i0 + i) * c_row + j0, c_row,
                                                        add || p0 > 0, mask);
          }
        }
      }
    }
  }
};
