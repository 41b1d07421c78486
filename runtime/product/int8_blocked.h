#pragma once
// The product over bytes for one kind of vector: rows become bytes `height` at a time, and are multiplied tile by tile with blocks of columns. Each level
// includes this once, inside of its own anonymous namespace and after its target pragma.
//   Vector: Activation (what holds a byte of a row), rows, blocks; quantize(from, count, inverse, zero, to): floats that follow each other;
//     tile<rows, blocks>(groups, a, a_row, b, block, sums): sums of `rows` x `blocks` * 16 columns, of 4 * groups of k

// The byte of a float: its place on the grid of steps, from `zero`; 0 and 255 for what lies outside, 0 for what is no number.
inline std::int32_t byte_of(float v, float inverse, std::int32_t zero) {
  float t = v * inverse;
  t = t > -512.0f ? t : -512.0f;
  t = t < 512.0f ? t : 512.0f;
  const std::int32_t at = static_cast<std::int32_t>((t + 0x1.8p23f) - 0x1.8p23f) + zero;  // to the nearest, halves to the even
  return at < 0 ? 0 : at > 255 ? 255 : at;
}

template <class V>
struct Bytes {
  using Activation = typename V::Activation;
  static constexpr std::int64_t height = 256, columns = int8_columns * V::blocks;

  template <int rows, int blocks>
  static void tile(std::int64_t groups, const Activation* a, std::int64_t a_row, const Int8Weights* w, std::int64_t j, float* c, std::int64_t c_row, bool add) {
    alignas(64) std::int32_t sums[rows][blocks * int8_columns];
    V::template tile<rows, blocks>(groups, a, a_row, w->values + j * groups * int8_depth, groups * int8_depth * int8_columns, sums);
    const std::int64_t wide = w->n - j < blocks * int8_columns ? w->n - j : blocks * int8_columns;
    for (int i = 0; i < rows; ++i) {
      float* const to = c + i * c_row + j;
      if (add)
        for (std::int64_t n = 0; n < wide; ++n) to[n] += static_cast<float>(sums[i][n] - w->offsets[j + n]) * w->scales[j + n];
      else
        for (std::int64_t n = 0; n < wide; ++n) to[n] = static_cast<float>(sums[i][n] - w->offsets[j + n]) * w->scales[j + n];
    }
  }
  using Tile = void (*)(std::int64_t, const Activation*, std::int64_t, const Int8Weights*, std::int64_t, float*, std::int64_t, bool);
  struct Tiles {
    Tile of[V::rows + 1][V::blocks + 1] = {};
    template <int rows, int blocks>
    constexpr void fill() {
      of[rows][blocks] = tile<rows, blocks>;
      if constexpr (blocks > 1) fill<rows, blocks - 1>();
      else if constexpr (rows > 1) fill<rows - 1, V::blocks>();
    }
    constexpr Tiles() { fill<V::rows, V::blocks>(); }
  };
  static constexpr Tiles tiles{};

  static void run(std::int64_t m, const float* a, std::int64_t a_row, std::int64_t a_col, const Int8Weights* w, float* c, std::int64_t c_row, bool add) {
    const std::int64_t groups = (w->k + int8_depth - 1) / int8_depth, stride = groups * int8_depth;
    const float inverse = w->inverse;
    const std::int32_t zero = w->zero;
    thread_local std::vector<Activation> bytes;
    bytes.resize(static_cast<std::size_t>((m < height ? m : height) * stride));
    for (std::int64_t i0 = 0; i0 < m; i0 += height) {
      const std::int64_t high = m - i0 < height ? m - i0 : height;
      for (std::int64_t i = 0; i < high; ++i) {
        const float* const from = a + (i0 + i) * a_row;
        Activation* const to = bytes.data() + i * stride;
        std::int64_t p = a_col == 1 ? V::quantize(from, w->k, inverse, zero, to) : 0;
        for (; p < w->k; ++p) to[p] = static_cast<Activation>(byte_of(from[p * a_col], inverse, zero));
        for (; p < stride; ++p) to[p] = 0;
      }
      for (std::int64_t j = 0; j < w->n; j += columns) {
        const std::int64_t left = w->n - j < columns ? w->n - j : columns, blocks = (left + int8_columns - 1) / int8_columns;
        for (std::int64_t i = 0; i < high; i += V::rows)
          tiles.of[high - i < V::rows ? high - i : V::rows][blocks](groups, bytes.data() + i * stride, stride, w, j, c + (i0 + i) * c_row, c_row, add);
      }
    }
  }
};
