#include "engine/products.h"

#include "runtime/device/cublaslt.h"
#include "runtime/device/cuda.h"
#include "runtime/product/product.h"

namespace mlp::engine {
namespace {

std::int64_t of(const loop::Extent& e, std::int64_t rows) { return e.rows ? e.count * rows : e.count; }

std::int64_t packs_from(const product::Tile& tile, std::int64_t b_row, std::int64_t b_col) {
  if (tile.rows == 0) return 0;
  for (std::int64_t rows = 1; rows <= 4 * tile.rows; ++rows)
    if (product::packs(tile, rows, b_row, b_col)) return rows;
  return 0;
}

std::string on_device(const loop::Step& step, const ProductLine& line) {
  if (loop::by_vector(step)) return "generated kernel";
  const std::size_t loops = step.loops.size();
  const device::Product product{.m = line.m, .n = line.n, .k = line.k, .a = nullptr, .a_m = step.a.strides[loops], .a_k = step.a.strides[loops + 1], .b = nullptr,
                                .b_k = step.b.strides[loops], .b_n = step.b.strides[loops + 1], .c = nullptr, .c_m = step.c.strides[loops]};
  if (!device::by_columns(product)) return "kernel of its own";
  if (step.rounds) return "cuBLASLt, of copies in bfloat16";
  return device::splits(line.m, line.n, line.k, device::CudaOptions{}.split_from) ? "cuBLASLt, three of TF32" : "cuBLASLt";
}

}  // namespace

std::vector<ProductLine> products_of(const loop::Function& function, std::int64_t rows) {
  const product::Tile tile = product::tile_of(best_cpu_level());
  std::vector<ProductLine> out;
  for (const loop::Step& step : function.steps) {
    if (step.kind != loop::StepKind::product) continue;
    ProductLine& line = out.emplace_back(ProductLine{.layer = step.layer, .backward = step.backward, .m = of(step.m, rows), .n = of(step.n, rows), .k = of(step.k, rows), .device = {}});
    for (const loop::Loop& l : step.loops) line.times *= of(l.extent, rows);
    const std::size_t loops = step.loops.size();
    line.turns = !step.rounds && tile.rows > 0 && product::turns(tile, line.m, line.n, step.c.strides[loops]);
    line.packs_from = step.rounds ? 1 : line.turns ? 0 : packs_from(tile, step.b.strides[loops], step.b.strides[loops + 1]);
    line.device = on_device(step, line);
  }
  return out;
}

}  // namespace mlp::engine
