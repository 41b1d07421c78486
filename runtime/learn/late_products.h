// Products that add a few rows at a time to a large gradient, computed once there are more rows: each passes over all of the gradient, which lies far away by then. A product is a
// chain of multiply-adds in rising rows (abi/abi.h), so when it is computed changes no bit; rounded factors go by pairs of rows, which parts of a batch alone decide.
#pragma once
#include <cstdint>
#include <vector>

#include "abi/abi.h"

namespace mlp::learn {

class LateProducts {
 public:
  // Of a gradient that one product alone adds to, m x n numbers.
  void add(float* gradient, std::int64_t numbers);
  // The product to hand to compiled code that this thread runs: some of what it is asked for is done by finish(), which the same thread must call.
  mlp_product begin(mlp_product product);
  void finish();                   // throws std::bad_alloc where there was no memory to wait in

 private:
  struct Waiting {
    float* c = nullptr;
    std::int64_t m = 0, n = 0, c_row = 0, rows = 0;
    std::int32_t add = 0;
    std::vector<float> a, b;       // rows x m, rows x n
    bool room(std::int64_t m, std::int64_t n);  // false: there is no memory
  };
  static void wait_or_multiply(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_col, const float* b, std::int64_t b_row,
                               std::int64_t b_col, float* c, std::int64_t c_row, std::int32_t add);
  void multiply(Waiting& waiting);
  std::vector<Waiting> waiting_;   // by gradient
  mlp_product product_ = nullptr;
  bool refused_ = false;           // memory; compiled code is on the way out, which nothing may be thrown through
};

}  // namespace mlp::learn
