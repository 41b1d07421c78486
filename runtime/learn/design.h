// The rows of a linear model, ready for sums: numbers centred and scaled, one-hot features and bags as sparse entries.
// Numbers stay in the columns that they came in: each pass centres and scales a tile of rows inside the cache, which costs
// less than reading a copy again.
#pragma once
#include <cstdint>
#include <functional>
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
  // Throws Failure for a number that is missing or infinite. `data` and `rows` outlive the design.
  Design(const Dataset& data, const std::vector<model::FeatureInfo>& features, const std::vector<std::int64_t>& rows,
         const Labels& labels, Pool& pool);
  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }            // without the intercept
  const std::vector<double>& scale() const { return scale_; }  // by column: weight of the raw feature = weight / scale
  const std::vector<double>& mass() const { return mass_; }    // by column: weighted sum of squares
  // Passes go over tiles of this many rows, and may take only every nth tile: a sample that is spread over all rows.
  std::int64_t tile() const { return tile_; }
  std::int64_t tiles() const { return (rows_ + tile_ - 1) / tile_; }
  // For each output k, of `outputs` sets of columns + 1 weights (intercept last): out[k * rows + i] = row i times set k.
  void multiply(const double* weights, std::int32_t outputs, double* out) const;
  // What a pass multiplies its rows with: gets an output, the first row and the number of rows of a tile, and their scores, if
  // the pass has weights. Called from several threads.
  using Factor = std::function<void(std::int32_t k, std::int64_t begin, std::int64_t count, const double* scores, double* factor)>;
  // For each output: out[k * (columns + 1) + j] = sum over rows of factor[k][i] * x[i][j]; `weights` as of one output, or none.
  void multiply_transposed(const double* weights, const Factor& factor, std::int32_t outputs, std::int64_t every, double* out) const;
  // Sum over rows of factor[i] * x[i] x[i]^T, (columns + 1) squared, both triangles.
  std::vector<double> gram(const double* weights, const Factor& factor, std::int64_t every) const;
  // Weights in the units of the raw features, laid out as model::Linear has them; returns the intercept.
  double to_raw(const double* weights, double* raw) const;

 private:
  // A tile's numbers: column by column, `tile` rows each, with zeros where rows or columns (to a multiple of four) end.
  struct Tile;
  // Sums run over fixed stripes of tiles and are added in stripe order: the same at any number of threads.
  std::int64_t stripes(std::int64_t most, std::int64_t every) const;
  void each_tile(std::int64_t stripe, std::int64_t stripes, std::int64_t every, Tile& tile, const std::function<void()>& visit) const;
  const double* raw(std::int64_t column, std::int64_t begin, std::int64_t count, double* buffer) const;
  void fill(Tile& tile) const;
  void score(Tile& tile, const double* weights) const;
  // A column of a row that is not 0: of a one-hot feature with value 1, of a bag with the term's.
  struct Entry {
    std::int32_t column;
    double value;
  };
  std::int64_t rows_ = 0, columns_ = 0, numbers_ = 0, padded_ = 0, tile_ = 0;
  std::vector<const double*> values_;       // by number feature, over all rows of the data
  const std::int64_t* chosen_ = nullptr;    // the rows in use, or all
  std::vector<Entry> entries_;              // row by row, by rising column
  std::vector<std::int64_t> begin_;         // by row: its first entry; one more at the end; empty without sparse features
  std::vector<double> mean_, scale_, mass_;
  std::vector<double> inverse_;             // by number: 1 / scale, 0 where a column is constant
  std::vector<std::int64_t> raw_position_;  // by column: place in a row of model::Linear::weights
  Pool& pool_;
};

}  // namespace mlp::learn
