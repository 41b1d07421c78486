#include "runtime/learn/gradients.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/codes/training.h"
#include "base/diagnostic.h"

namespace mlp::learn {
namespace {

constexpr std::int64_t word_from = 1 << 16;          // rows from which words are used
constexpr double word_spread = 1024;                 // largest value against the mean up to which words are used
constexpr double word_most = (1 << (25 - word_count_bits)) - 1;

}  // namespace

Grid grid_of(double gradient_sum, double hessian_sum, std::int64_t rows) {
  if (!std::isfinite(gradient_sum) || !std::isfinite(hessian_sum))
    throw Failure(code::training_diverged, "the gradients are no longer finite", "use a smaller `learning_rate`, or scale the label");
  Grid grid;
  grid.count_bits = std::bit_width(static_cast<std::uint64_t>(rows));
  const auto unit = [&](double sum, int bits) {
    // Rounding adds at most half a unit a row: `rows` units of head room are more than enough.
    if (!(sum > 0)) return 1.0;
    const int exponent = std::clamp(std::ilogb(sum) + 1 - bits, -1000, 1000);
    return std::ldexp(1.0, exponent);
  };
  grid.gradient = unit(gradient_sum, 49);
  grid.hessian = unit(hessian_sum, std::min(49, 60 - grid.count_bits));
  return grid;
}

__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void quantise_chunk(
    const double* g, const double* h, double g_scale, double h_scale, int count_bits, std::int64_t* out, std::int64_t n) {
  constexpr double magic = 0x1.8p52;  // adding it rounds to a whole number, to even on ties
  const std::int64_t magic_bits = std::bit_cast<std::int64_t>(magic);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t gq = std::bit_cast<std::int64_t>(g[i] * g_scale + magic) - magic_bits;
    const std::int64_t hq = std::bit_cast<std::int64_t>(h[i] * h_scale + magic) - magic_bits;
    out[2 * i] = gq;
    out[2 * i + 1] = (hq << count_bits) + 1;
  }
}

void quantise(const std::vector<double>& gradient, const std::vector<double>& hessian, const Grid& grid, std::vector<Cell>& out,
              Pool& pool) {
  const std::int64_t n = static_cast<std::int64_t>(gradient.size());
  out.resize(n);
  pool.run(chunks_of(n), [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * chunk_rows;
    quantise_chunk(gradient.data() + begin, hessian.data() + begin, 1 / grid.gradient, 1 / grid.hessian, grid.count_bits,
                   reinterpret_cast<std::int64_t*>(out.data() + begin), std::min(chunk_rows, n - begin));
  });
}

// Rounded up where the noise is above what is left, so right on average.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) static void pack_chunk(
    const double* g, const double* h, double g_scale, double h_scale, const std::uint32_t* noise, std::uint32_t round, Word* out, std::int64_t n) {
  constexpr double magic = 0x1.8p52;
  const std::int64_t magic_bits = std::bit_cast<std::int64_t>(magic);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t bits = noise[i] + round;
    const double up = static_cast<double>(static_cast<std::int32_t>(bits)) * 0x1p-32, other = static_cast<double>(static_cast<std::int32_t>(bits * 0x9e3779b9u)) * 0x1p-32;
    const std::int64_t gq = std::bit_cast<std::int64_t>(g[i] * g_scale + up + magic) - magic_bits;
    const std::int64_t hq = std::bit_cast<std::int64_t>(h[i] * h_scale + other + magic) - magic_bits;
    out[i] = (static_cast<Word>(gq) << (word_count_bits + word_hessian_bits)) + (static_cast<Word>(hq > 0 ? hq : 0) << word_count_bits) + 1;
  }
}

void quantise(const std::vector<double>& gradient, const std::vector<double>& hessian, const Sizes& sizes, const std::vector<std::uint32_t>& noise,
              std::uint32_t round, Gradients& out, Pool& pool) {
  const std::int64_t n = static_cast<std::int64_t>(gradient.size());
  out.grid = grid_of(sizes.gradient_sum, sizes.hessian_sum, n);
  const auto even = [&](double most, double sum) { return most > 0 && most * static_cast<double>(n) <= word_spread * sum; };
  if (n < word_from || !even(sizes.gradient_most, sizes.gradient_sum) || !even(sizes.hessian_most, sizes.hessian_sum)) {
    out.words.clear();
    quantise(gradient, hessian, out.grid, out.cells, pool);
    return;
  }
  out.grid.gradient = sizes.gradient_most / (word_most - 1);
  out.grid.hessian = sizes.hessian_most / (word_most - 1);
  out.words.resize(n);
  pool.run(chunks_of(n), [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * chunk_rows;
    pack_chunk(gradient.data() + begin, hessian.data() + begin, 1 / out.grid.gradient, 1 / out.grid.hessian, noise.data() + begin, round, out.words.data() + begin,
               std::min(chunk_rows, n - begin));
  });
}

}  // namespace mlp::learn
