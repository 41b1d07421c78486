#include <algorithm>

#include "runtime/model/kernels.h"
#include "runtime/model/walk.h"

namespace mlp::model {

Finder::Finder(Centres centres) : centres_(std::move(centres)) {
  const std::size_t features = centres_.offset.size(), total = centres_.values.size() / centres_.clusters;
  squares_.assign(centres_.clusters * features, 0.0);
  for (std::int32_t k = 0; k < centres_.clusters; ++k)
    for (std::size_t f = 0; f < features; ++f) {
      const double* c = &centres_.values[k * total + centres_.offset[f]];
      for (std::int32_t j = 0; j < centres_.width[f]; ++j) squares_[k * features + f] += c[j] * c[j];
    }
}

void Finder::find(const Kernels& kernels, const Matrix& matrix, std::int64_t first, std::int64_t rows, std::int32_t* cluster, double* squared) const {
  const std::size_t features = centres_.offset.size(), total = centres_.values.size() / centres_.clusters;
  double sums[block_rows];
  for (std::int32_t k = 0; k < centres_.clusters; ++k) {
    std::fill_n(sums, rows, 0.0);
    for (std::size_t f = 0; f < features; ++f) {
      const double* c = &centres_.values[k * total + centres_.offset[f]];
      const double* values = matrix[f].numbers + first;
      if (centres_.width[f] == 0) {
        kernels.add_squares(values, c[0], rows, sums);
        continue;
      }
      for (std::int64_t i = 0; i < rows; ++i) {
        sums[i] += squares_[k * features + f];
        if (const std::int32_t code = code_of(values[i], centres_.width[f]); code >= 0) sums[i] += 1 - 2 * c[code];
      }
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      const double sum = sums[i] < 0 ? 0 : sums[i];
      if (k > 0 && !(sum < squared[i])) continue;
      cluster[i] = k;
      squared[i] = sum;
    }
  }
}

}  // namespace mlp::model
