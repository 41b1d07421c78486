#include "runtime/learn/late_products.h"

#include <algorithm>
#include <new>

#include "base/diagnostic.h"

namespace mlp::learn {
namespace {

constexpr std::int64_t large = 1 << 16;    // numbers of a gradient that does not stay near
constexpr std::int64_t few = 16, together = 64;  // rows; of a gradient that is narrower than these, what waits would be more than what is spared
thread_local LateProducts* here = nullptr;       // compiled code has no place to hand it through

}  // namespace

void LateProducts::add(float* gradient, std::int64_t numbers) {
  if (numbers >= large) waiting_.emplace_back().c = gradient;
}

mlp_product LateProducts::begin(mlp_product product) {
  if (waiting_.empty()) return product;
  here = this;
  product_ = product;
  refused_ = false;
  for (Waiting& w : waiting_) w.rows = 0;  // of a batch that was given up
  return wait_or_multiply;
}

void LateProducts::finish() {
  if (refused_) throw std::bad_alloc();
  for (Waiting& w : waiting_) multiply(w);
}

bool LateProducts::Waiting::room(std::int64_t height, std::int64_t width) {
  try {
    a.resize(static_cast<std::size_t>(together * height));
    b.resize(static_cast<std::size_t>(together * width));
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

void LateProducts::multiply(Waiting& w) {
  if (w.rows == 0) return;
  product_(w.m, w.n, w.rows, w.a.data(), 1, w.m, w.b.data(), w.n, 1, w.c, w.c_row, w.add);
  w.rows = 0;
}

void LateProducts::wait_or_multiply(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row,
                                    std::int64_t b_col, float* c, std::int64_t c_row, std::int32_t add) {
  LateProducts& late = *here;
  const auto own = [&](const Waiting& w) { return w.c == c; };
  const auto found = std::find_if(late.waiting_.begin(), late.waiting_.end(), own);
  if (found == late.waiting_.end()) return late.product_(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add);
  Waiting& w = *found;
  MLP_CHECK(add || w.rows == 0);
  const bool waits = k <= few && a_row == 1 && b_col == 1 && m >= together && n >= together;
  if (!waits || w.rows + k > together) late.multiply(w);
  if (!waits) return late.product_(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, add);
  if (!w.room(m, n)) {
    late.refused_ = true;
    return;
  }
  if (w.rows == 0) w.m = m, w.n = n, w.c_row = c_row, w.add = add;
  for (std::int64_t p = 0; p < k; ++p, ++w.rows) {
    std::copy_n(a + p * a_col, m, w.a.data() + w.rows * m);
    std::copy_n(b + p * b_row, n, w.b.data() + w.rows * n);
  }
}

}  // namespace mlp::learn
