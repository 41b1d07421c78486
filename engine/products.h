// The products of matrices of a network, for those who look at a plan: how large each is, and what computes it.
#pragma once
#include <string>
#include <vector>

#include "compiler/ir/loop/network.h"

namespace mlp::engine {

struct ProductLine {
  std::string layer;                // the step of the chain; empty: none of them
  bool backward = false;            // of gradients
  std::int64_t times = 1, m = 0, n = 0, k = 0;
  std::int64_t packs_from = 0;      // the CPU packs the right side from so many rows of the left one on; 1: always, 0: never
  bool turns = false;               // the CPU computes the product of the transposed sides
  std::string device;               // what computes it on a GPU
};

// Of a function over so many rows, in the order that they run in; the CPU is this one. What chooses between ways is the code that does
// (runtime/product/product.h, runtime/device/cublaslt.h, cuda.h, by_vector).
std::vector<ProductLine> products_of(const loop::Function& function, std::int64_t rows);

}  // namespace mlp::engine
