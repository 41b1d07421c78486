// Scores networks by code that was compiled from their spec.
#pragma once
#include <deque>

#include "base/large_pages.h"
#include "base/machine.h"
#include "runtime/model/model.h"
#include "runtime/product/bf16.h"
#include "runtime/product/int8.h"

namespace mlp::model {

// The rows of a batch as the code takes them. What comes in is what a model sees of rows; kept and used again from block to block.
class NetworkInput {
 public:
  NetworkInput(const std::vector<FeatureInfo>& features, const std::vector<std::int32_t>& numbers);
  void resize(std::int64_t rows);
  // Row `from` of the matrix as row `to`. Codes that a table does not have become -1; terms that it does not have are left out.
  void put(const Matrix& matrix, std::int64_t from, std::int64_t to);
  // The same of a row of floats: feature f is row[places[f]]. Of features that are numbers, all of them.
  void put(const float* row, const std::vector<std::int32_t>& places, std::int64_t to);
  void copy(const NetworkInput& other, std::int64_t from, std::int64_t to);   // a row of another input of the same features
  void point(mlp_network_call& call) const;
  std::size_t features() const { return codes_.size(); }
 private:
  const std::vector<FeatureInfo>& features_;
  const std::vector<std::int32_t>& numbers_;
  std::vector<std::size_t> categories_, texts_;    // of the features
  LargeVector<float> values_;                      // rows x numbers
  std::vector<std::vector<std::int32_t>> codes_;   // by feature; empty but for categories
  std::vector<std::vector<mlp_bag>> bags_;         // the same, of bags
  std::vector<const std::int32_t*> code_of_;
  std::vector<const mlp_bag*> bags_of_;
};

// Floats at an address that vectors of 64 bytes may load.
class Aligned {
 public:
  Aligned() = default;
  ~Aligned() { free(); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  float* reserve(std::int64_t floats);             // at least so many; what they hold is lost
 private:
  void free();
  float* start_ = nullptr;
  std::int64_t size_ = 0;
};

// A weight that the code only multiplies by, as Int8Weight has it.
struct Int8Site {
  std::size_t weight = 0;
  std::int64_t k = 0, n = 0;
  bool turned = false;
};
// The least and the greatest number that such a weight is multiplied with; 0 is among them.
struct InputRange {
  float low = 0, high = 0;
};
class NetworkScorer {
 public:
  // places: of features in rows of floats, for score_rows; else none.
  explicit NetworkScorer(const Model& model, const std::vector<std::int32_t>& places = {});
  void score(const Matrix& matrix, std::int64_t rows, double* scores, CpuLevel level) const;
  // Of rows of floats, as Scorer::score_rows.
  void score_rows(const float* values, std::int64_t stride, std::int64_t rows, double* scores, CpuLevel level) const;
  // By site, in these rows; all weights are floats.
  std::vector<InputRange> observe(const Matrix& matrix, std::int64_t rows, const std::vector<Int8Site>& sites) const;
 private:
  // `fill(first, rows, input)` gives what the network sees of rows, or null where it has put them into `input`.
  template <class Fill>
  void blocks(std::int64_t rows, double* scores, CpuLevel level, const Fill& fill, mlp_packed_product packed_product, const void* const* packed) const;
  template <class Fill>
  void blocks(std::int64_t rows, double* scores, CpuLevel level, const Fill& fill) const;
  struct Bytes {                                   // what Int8Weights points to
    std::vector<std::int8_t> values;
    std::vector<float> scales;
    std::vector<std::int32_t> offsets;
    product::Int8Weights weights{};
  };
  const Model& model_;
  std::vector<std::int32_t> places_;               // of the network's numbers in a row of floats
  bool as_they_lie_ = false;                       // they are 0, 1, and so on
  std::int64_t together_;                          // rows of a block
  const std::uint64_t number_;                     // no other scorer of this process has it: what a thread keeps belongs to one
  std::vector<const float*> weights_, states_;
  std::deque<Bytes> bytes_;
  std::deque<product::PairWeights> pairs_;         // of rounded weights; none where there are bytes
  std::vector<const void*> packed_;                // by weight, as the code reads it: bytes or pairs, null where it is floats; empty where all are
};

}  // namespace mlp::model
