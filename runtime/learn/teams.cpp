#include "runtime/learn/teams.h"

#include <algorithm>

#include "runtime/product/product.h"

namespace mlp::learn {
namespace {

constexpr double least_work = 1 << 20;  // multiply-adds of a piece, some 10 microseconds: for fewer no thread is worth waking

struct Here {
  Pool* team = nullptr;
  mlp_product product = nullptr;
};
thread_local Here here;                 // compiled code has no place to hand it through

std::int64_t up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Pieces have whole tiles of the widest level. Columns are cut first: then what is packed of b is packed once.
void cut_up(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row, std::int64_t b_col,
            float* c, std::int64_t c_row, std::int32_t add) {
  constexpr product::Tile tile = product::avx512_tile;
  const Here at = here;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) / least_work;
  const auto pieces = static_cast<std::int64_t>(std::min<double>(work, at.team->threads()));
  if (pieces <= 1) return at.product(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add);
  const std::int64_t blocks = up(n, tile.columns), columns = up(blocks, std::min(pieces, blocks)) * tile.columns, across = up(n, columns);
  const std::int64_t rows = up(up(m, up(pieces, across)), tile.rows) * tile.rows, down = up(m, rows);
  at.team->run(across * down, [&](std::int64_t piece) {
    const std::int64_t i = piece / across * rows, j = piece % across * columns;
    at.product(std::min(rows, m - i), std::min(columns, n - j), k, a + i * a_row, a_row, a_col, b + j * b_col, b_row, b_col, c + i * c_row + j, c_row, add);
  });
}

}  // namespace

void Teams::run(std::int64_t count, mlp_product product, const std::function<void(std::int64_t, mlp_product)>& task) {
  const std::int64_t threads = pool_.threads() / std::max<std::int64_t>(count, 1);
  if (threads <= 1) return pool_.run(count, [&](std::int64_t i) { task(i, product); });
  while (count > 1 && static_cast<std::int64_t>(teams_.size()) < count) teams_.emplace_back(static_cast<int>(threads));
  pool_.run(count, [&](std::int64_t i) {
    here = {count == 1 ? &pool_ : &teams_[static_cast<std::size_t>(i)], product};
    task(i, cut_up);
  });
}

}  // namespace mlp::learn
