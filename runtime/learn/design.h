// The rows of a linear model, ready for sums: numbers centred and scaled, one-hot features and bags as sparse entries.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/learn/learn.h"
#include "runtime/learn/objective.h"
#include "runtime/learn/pool.h"

namespace mlp::learn {

// Columns: numbers first, then the codes of every one-hot feature, then the terms of every bag, then the intercept. Centring
// moves only the free intercept and scaling only the unit of a weight, so the objective stays as stated; `scale` says by how
// much. Sparse columns are neither centred, which would fill them, nor scaled.
class Design {
 public:
  // Throws Failure for a number that is missing or infinite.
  Design(const Dataset& data, const std::vector<model::FeatureInfo>& features, const std::vector<std::int64_t>& rows,
         const Labels& labels, Pool& pool);
  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }            // without the intercept
  const std::vector<double>& scale() const { return scale_; }  // by column: weight of the raw feature = weight / scale
  const std::vector<double>& mass() const { return mass_; }    // by column: weighted sum of squares
  // For each output k, of `outputs` sets of columns + 1 weights (intercept last): out[k * rows + i] = row i times set k.
  void multiply(const double* weights, std::int32_t outputs, double* out) const;
  // For each output: out[k * (columns + 1) + j] = sum over rows of factor[k * rows + i] * x[i][j].
  void multiply_transposed(const double* factor, std::int32_t outputs, double* out) const;
  // Sum over rows of factor[i] * x[i] x[i]^T, (columns + 1) squared, both triangles.
  std::vector<double> gram(const double* factor) const;
  // Weights in the units of the raw features, laid out as model::Linear has them; returns the intercept.
  double to_raw(const double* weights, double* raw) const;

 private:
  // Sums run over fixed stripes of rows and are added in stripe order: the same at any number of threads.
  std::int64_t stripes(std::int64_t most) const;
  std::int64_t tile() const;
  // A column of a row that is not 0: of a one-hot feature with value 1, of a bag with the term's.
  struct Entry {
    std::int32_t column;
    double value;
  };
  std::int64_t rows_ = 0, columns_ = 0, numbers_ = 0, padded_ = 0;
  std::vector<double> values_;              // rows x padded_
  std::vector<Entry> entries_;              // row by row, by rising column
  std::vector<std::int64_t> begin_;         // by row: its first entry; one more at the end
  std::vector<double> mean_, scale_, mass_;
  std::vector<std::int64_t> raw_position_;  // by column: place in a row of model::Linear::weights
  Pool& pool_;
};

}  // namespace mlp::learn
