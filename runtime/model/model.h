// A trained model as data: what trainers make, packages store and scorers read.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "abi/abi.h"
#include "base/large_pages.h"
#include "base/settings.h"
#include "runtime/model/calibration.h"

namespace mlp::model {

// One tree in preorder-free array form. Node i: split when left[i] >= 0, else a leaf.
// Number feature: go left when value <= threshold; NaN goes left when default_left.
// Category feature (categories[i] >= 0 = index of a bit set in Forest::category_sets): go left when the bit of the
// code is set; NaN (missing or unseen) goes left when default_left.
// A term of a bag (feature[i] >= number of features: Forest::terms[feature - features]) is a number, 0 where it is absent.
struct Tree {
  std::vector<std::int32_t> feature;
  std::vector<double> threshold;
  std::vector<std::int32_t> left, right;      // -1 in leaves
  std::vector<std::uint8_t> default_left;
  std::vector<std::int32_t> category_set;     // -1 = number split
  std::vector<double> value;                  // nodes x Model::tree_outputs(): of a leaf, learning rate included; 0 in split nodes
  std::vector<double> cover;                  // sum of row weights seen in training (exact SHAP needs it)
  std::vector<double> gain;                   // 0 in leaves
  std::int32_t add_leaf(std::int32_t outputs); // with zeros; its index
};

struct BagTerm {
  std::int32_t feature = 0, term = 0;
  friend auto operator<=>(const BagTerm&, const BagTerm&) = default;
};

struct Forest {
  // gbdt: trees are laid out round by round, output by output: tree t gives output t % outputs. forest: each tree gives
  // every output, and link() divides by the number of trees.
  std::int32_t outputs = 1;
  std::vector<double> base;                   // start value of each output
  std::vector<Tree> trees;
  std::vector<std::vector<std::uint64_t>> category_sets;
  std::vector<BagTerm> terms;                 // those that splits name, ascending
};

// score[k] = intercept[k] + sum over number features w * x + sum over one-hot features w[code] (nothing for NaN)
//            + sum over the terms of bags w[term] * value
struct Linear {
  std::int32_t outputs = 1;
  std::vector<double> intercept;              // by output
  std::vector<std::int32_t> offset;           // of each feature in a row of `weights`; number features take 1, one-hot take `width`, bags `terms`
  std::vector<std::int32_t> width;            // 0 = number or bag
  std::vector<double> weights;                // outputs x total
};

// The nearest centre by squared distance: the sum over number features of (x - c)^2, over one-hot features of the square
// of what they would be as columns of 0 and 1: sum of c^2, and 1 - 2 c[code] more where there is a code.
struct Centres {
  std::int32_t clusters = 0;
  std::vector<std::int32_t> offset, width;    // of each feature in a row of `values`, as of Linear
  std::vector<double> values;                 // clusters x total
};

// What makes a score of path lengths (Liu, Ting, Zhou 2008): 2^(-mean over the trees / normal).
struct Isolation {
  double normal = 1;                          // mean path length of an unsuccessful search among as many rows as a tree was grown on
  double threshold = 0.5;                     // an anomaly has a score above it
};

// A network: what it computes is code, compiled from the spec; here is what it has learned.
// A weight as bytes: what stands in column j of the product is step[j] times the byte. The network multiplies by it, and reads it in no other way:
// as a k x n matrix, the weight row by row or, where `turned`, column by column. A float that is multiplied becomes the byte
// `zero` + float / input_step, rounded, from 0 to 255.
struct Int8Weight {
  std::int64_t k = 0, n = 0;
  bool turned = false;
  std::vector<std::int8_t> values;            // k x n, row by row
  std::vector<float> step;                    // by column
  float input_step = 1;
  std::int32_t zero = 0;                      // the byte of 0
  bool empty() const { return values.empty(); }
};
constexpr std::int64_t most_int8_rows = 65'000;  // sums of so many products of bytes fit into 32 bits
// A weight of `precision = bf16` that the network only multiplies by, as Int8Weight has it: its values are rounded.
struct RoundedWeight {
  std::int64_t k = 0, n = 0;
  bool turned = false;
  bool empty() const { return k == 0; }
};
struct NetworkTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  LargeVector<float> values;                  // empty where int8 is not
  Int8Weight int8{};
  RoundedWeight rounded{};
};
struct Network {
  std::int32_t outputs = 1;
  std::vector<std::int32_t> numbers;          // features that come in as numbers, in order
  std::vector<NetworkTensor> weights, states;
  Precision precision = Precision::float32;   // of products
  double centre = 0, unit = 1;                // a score is centre + unit * what the code gives: targets are learned in units of their deviation
  mlp_network code = nullptr;                 // who loads a model sets it: no package holds code
};

struct FeatureInfo {
  std::string name;
  bool category = false;                      // Encoding::category: values are codes
  std::int32_t width = 0;                     // categories or one-hot: number of codes; 0 = number
  bool one_hot = false;
  bool bag = false;                           // Encoding::bag: of each row a set of terms; its number is how many the row has
  std::int32_t terms = 0;                     // of a bag: numbers of terms are below it
  std::int32_t table = -1;                    // of a bag: the fitted table that spells its terms; -1: they are hashes
};

// Weights that a linear model has for a feature.
inline std::int32_t columns_of(const FeatureInfo& f) { return f.bag ? f.terms : f.width == 0 ? 1 : f.width; }

struct Model {
  ModelKind kind = ModelKind::gbdt;
  Loss loss = Loss::squared;
  double quantile = 0.5;
  std::string loss_name;                      // of a loss of the language
  Link link = Link::identity;                 // of a loss of the language
  std::vector<std::string> classes;           // empty for regression; two for logistic (negative first)
  std::vector<FeatureInfo> features;
  Forest forest;                              // kind gbdt, forest, isolation_forest: leaf values are path lengths
  Linear linear;                              // kind linear
  Calibration calibration;                    // none, or of classes
  Centres centres;                            // kind kmeans
  Isolation isolation;                        // kind isolation_forest
  Network network;                            // kind network
  // Of kmeans: the number of the cluster and the squared distance to its centre.
  std::int32_t outputs() const { return has_trees(kind) ? forest.outputs : kind == ModelKind::kmeans ? 2 : kind == ModelKind::network ? network.outputs : linear.outputs; }
  std::int32_t tree_outputs() const { return kind == ModelKind::forest ? forest.outputs : 1; }
};

// Broken invariants (indices in range, acyclic, each node reached once, finite thresholds, …); empty when whole.
// A loader calls this before a model is used.
std::vector<std::string> validate(const Model& model);

// A feature of a block of rows: its numbers by row, and of a bag the bags.
struct FeatureColumn {
  const double* numbers = nullptr;
  const mlp_bag* bags = nullptr;
  FeatureColumn(const double* of_numbers = nullptr, const mlp_bag* of_bags = nullptr) : numbers(of_numbers), bags(of_bags) {}
  operator const double*() const { return numbers; }
};
// Feature columns of a block of rows: columns[f][row].
using Matrix = std::vector<FeatureColumn>;

// Raw scores before the link, rows x outputs, computed by walking the trees one row at a time. Defines the values. Not of
// networks, which their code defines.
void score_reference(const Model& model, const Matrix& matrix, std::int64_t rows, double* scores);

// A model made ready to score fast: tables for trees (runtime/model/forest_tables.h), weights for linear. Bit-identical to
// score_reference at every instruction-set level.
class Scorer {
 public:
  // places: where a row of floats holds each feature, -1 for one that no place holds; for score_rows.
  explicit Scorer(const Model& model, std::vector<std::int32_t> places = {});
  ~Scorer();
  Scorer(Scorer&&) noexcept;
  void score(const Matrix& matrix, std::int64_t rows, double* scores) const;  // rows x outputs, raw; thread-safe
  // The same of rows of single precision: feature f of row i is values[i * stride + places[f]]. Where scores_rows(): a network or
  // a model with trees whose features are all numbers, with a place for each.
  void score_rows(const float* values, std::int64_t stride, std::int64_t rows, double* scores) const;
  bool scores_rows() const;
  enum class Level { portable, avx2, avx512 };
  static Level best_level();
  void set_level(Level level);                // for tests; must not be above best_level()
 private:
  struct Impl;
  Impl* impl_;
};

// The link: scores → what a user sees. Classification: probabilities by class (rows x classes; logistic gives both);
// and calibrated, where the model is; regression: one value (a forest: means over its trees); kmeans: the cluster and the distance to its centre; isolation forest: 1 or 0 for an anomaly or none, and
// the score. In place would not fit: `out` has width(model) values a row.
enum class Answer { value, classes, cluster, anomaly };
Answer answer(const Model& model);
std::int32_t width(const Model& model);       // classes, 1, or 2 of a cluster or an anomaly
void link(const Model& model, const double* scores, std::int64_t rows, double* out);

}  // namespace mlp::model
