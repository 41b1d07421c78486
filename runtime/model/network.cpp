#include "runtime/model/network.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>

#include "base/diagnostic.h"
#include "runtime/model/walk.h"
#include "runtime/product/product.h"

namespace mlp::model {
namespace {

// Rows of a block: few, so that their tensors stay in the cache, and very few where those are large (images); two blocks of a product
// (product::left_height) where a block would spend its time on packing a large weight, unless its tensors took too many floats.
constexpr std::int64_t very_few_together = 16, few_together = 64, many_together = 2 * product::left_height, large_weight = 1 << 15, few_floats = 1 << 20, most_floats = 1 << 22;
std::atomic<std::uint64_t> scorers{0};

}  // namespace

NetworkInput::NetworkInput(const std::vector<FeatureInfo>& features, const std::vector<std::int32_t>& numbers)
    : features_(features), numbers_(numbers), codes_(features.size()), bags_(features.size()), code_of_(features.size()), bags_of_(features.size()) {
  for (std::size_t f = 0; f < features_.size(); ++f) {
    if (features_[f].width > 0) categories_.push_back(f);
    if (features_[f].bag) texts_.push_back(f);
  }
}

void NetworkInput::resize(std::int64_t rows) {
  values_.resize(static_cast<std::size_t>(rows) * numbers_.size());
  for (const std::size_t f : categories_) {
    codes_[f].resize(static_cast<std::size_t>(rows));
    code_of_[f] = codes_[f].data();
  }
  for (const std::size_t f : texts_) {
    bags_[f].resize(static_cast<std::size_t>(rows));
    bags_of_[f] = bags_[f].data();
  }
}

void NetworkInput::put(const Matrix& matrix, std::int64_t from, std::int64_t to) {
  float* const row = values_.data() + to * static_cast<std::int64_t>(numbers_.size());
  for (std::size_t i = 0; i < numbers_.size(); ++i) row[i] = static_cast<float>(matrix[numbers_[i]][from]);
  for (const std::size_t f : categories_) codes_[f][to] = code_of(matrix[f][from], features_[f].width);
  for (const std::size_t f : texts_) {
    mlp_bag bag = matrix[f].bags[from];
    while (bag.size > 0 && bag.terms[bag.size - 1].term >= features_[f].terms) --bag.size;  // terms rise
    bags_[f][to] = bag;
  }
}

void NetworkInput::put(const float* row, const std::vector<std::int32_t>& places, std::int64_t to) {
  float* const out = values_.data() + to * static_cast<std::int64_t>(numbers_.size());
  for (std::size_t i = 0; i < numbers_.size(); ++i) out[i] = row[places[i]];
}

void NetworkInput::copy(const NetworkInput& other, std::int64_t from, std::int64_t to) {
  const auto count = static_cast<std::int64_t>(numbers_.size());
  std::copy_n(other.values_.data() + from * count, count, values_.data() + to * count);
  for (const std::size_t f : categories_) codes_[f][to] = other.codes_[f][from];
  for (const std::size_t f : texts_) bags_[f][to] = other.bags_[f][from];
}

void NetworkInput::point(mlp_network_call& call) const {
  call.numbers = values_.data();
  call.codes = code_of_.data();
  call.bags = bags_of_.data();
}

void Aligned::free() {
  if (start_) LargePages<float>{}.deallocate(start_, static_cast<std::size_t>(size_));
  start_ = nullptr;
  size_ = 0;
}

float* Aligned::reserve(std::int64_t floats) {
  if (floats > size_) {
    free();
    start_ = LargePages<float>{}.allocate(static_cast<std::size_t>(floats));
    size_ = floats;
  }
  return start_;
}

NetworkScorer::NetworkScorer(const Model& model, const std::vector<std::int32_t>& places) : model_(model), together_(few_together), number_(++scorers) {
  MLP_CHECK(model.network.code != nullptr);
  if (!places.empty()) {
    for (const std::int32_t number : model.network.numbers) places_.push_back(places[static_cast<std::size_t>(number)]);
    std::vector<std::int32_t> in_turn(places_.size());
    std::iota(in_turn.begin(), in_turn.end(), 0);
    as_they_lie_ = places_ == in_turn;
  }
  bool large = false;
  for (const NetworkTensor& tensor : model.network.weights) {
    weights_.push_back(tensor.values.data());
    large = large || tensor.values.size() + tensor.int8.values.size() >= large_weight;
    if (tensor.int8.empty()) continue;
    const Int8Weight& from = tensor.int8;
    Bytes& to = bytes_.emplace_back();
    const std::int64_t padded = (from.n + product::int8_columns - 1) / product::int8_columns * product::int8_columns;
    to.values = product::pack_int8(from.values.data(), from.k, from.n);
    to.scales.resize(static_cast<std::size_t>(padded));
    to.offsets.resize(static_cast<std::size_t>(padded));
    for (std::int64_t j = 0; j < from.n; ++j) {
      to.scales[static_cast<std::size_t>(j)] = from.input_step * from.step[static_cast<std::size_t>(j)];
      for (std::int64_t p = 0; p < from.k; ++p) to.offsets[static_cast<std::size_t>(j)] += from.zero * from.values[static_cast<std::size_t>(p * from.n + j)];
    }
    to.weights = {to.values.data(), to.scales.data(), to.offsets.data(), from.k, from.n, from.zero, 1 / from.input_step};
    packed_.resize(model.network.weights.size());
    packed_[weights_.size() - 1] = &to.weights;
  }
  for (std::size_t w = 0; bytes_.empty() && w < model.network.weights.size(); ++w) {
    const RoundedWeight& rounded = model.network.weights[w].rounded;
    if (rounded.empty()) continue;
    packed_.resize(model.network.weights.size());
    packed_[w] = &pairs_.emplace_back(product::pack_pairs(weights_[w], rounded.turned ? 1 : rounded.n, rounded.turned ? rounded.k : 1, rounded.k, rounded.n));
  }
  const auto floats = [&](std::int64_t rows) {       // without scratch: how much it would need
    mlp_network_call call{};
    call.rows = rows;
    return model.network.code(&call);
  };
  if (large && floats(many_together) <= most_floats) together_ = many_together;
  else while (together_ > very_few_together && floats(together_) > few_floats) together_ /= 2;
  for (const NetworkTensor& tensor : model.network.states) states_.push_back(tensor.values.data());
}

template <class Fill>
void NetworkScorer::blocks(std::int64_t rows, double* scores, CpuLevel level, const Fill& fill, mlp_packed_product packed_product, const void* const* packed) const {
  struct Scratch {
    std::uint64_t of = 0;
    std::optional<NetworkInput> input;
    Aligned memory;
    mlp_network_call call{};
    std::int64_t rows = 0;                           // that call.scratch is enough for
  };
  thread_local Scratch scratch;
  if (scratch.of != number_) {                       // another network than the last that this thread has scored
    scratch.input.emplace(model_.features, model_.network.numbers);
    scratch.call = {};
    scratch.rows = 0;
    scratch.of = number_;
  }
  mlp_network_call& call = scratch.call;
  call.weights = weights_.data();
  call.states = states_.data();
  call.product = product::of(std::min(level, best_cpu_level()), model_.network.precision);
  call.packed = packed;
  call.packed_product = packed_product;
  for (std::int64_t first = 0; first < rows; first += together_) {
    call.rows = std::min(together_, rows - first);
    const float* const numbers = fill(first, call.rows, *scratch.input);
    scratch.input->point(call);
    if (numbers) call.numbers = numbers;
    call.scores = scores + first * model_.network.outputs;
    if (call.rows > scratch.rows) {
      scratch.rows = 0;                              // asks again after memory was refused
      call.scratch = nullptr;
      call.scratch = scratch.memory.reserve(model_.network.code(&call));
      scratch.rows = call.rows;
    }
    model_.network.code(&call);
    for (std::int64_t i = 0; i < call.rows * model_.network.outputs; ++i) call.scores[i] = model_.network.centre + model_.network.unit * call.scores[i];
  }
}

template <class Fill>
void NetworkScorer::blocks(std::int64_t rows, double* scores, CpuLevel level, const Fill& fill) const {
  const CpuLevel here = std::min(level, best_cpu_level());
  blocks(rows, scores, here, fill, bytes_.empty() ? product::bf16_packed_of(here) : product::int8_of(here), packed_.empty() ? nullptr : packed_.data());
}

void NetworkScorer::score(const Matrix& matrix, std::int64_t rows, double* scores, CpuLevel level) const {
  const auto fill = [&](std::int64_t first, std::int64_t count, NetworkInput& input) -> const float* {
    input.resize(count);
    for (std::int64_t i = 0; i < count; ++i) input.put(matrix, first + i, i);
    return nullptr;
  };
  blocks(rows, scores, level, fill);
}

void NetworkScorer::score_rows(const float* values, std::int64_t stride, std::int64_t rows, double* scores, CpuLevel level) const {
  const bool as_they_lie = as_they_lie_ && stride == static_cast<std::int64_t>(places_.size());
  const auto fill = [&](std::int64_t first, std::int64_t count, NetworkInput& input) -> const float* {
    if (as_they_lie) return values + first * stride;
    input.resize(count);
    for (std::int64_t i = 0; i < count; ++i) input.put(values + (first + i) * stride, places_, i);
    return nullptr;
  };
  blocks(rows, scores, level, fill);
}

namespace {

// Stands where a packed weight would: multiplies by the floats, and sees what is multiplied.
struct Observed {
  std::int64_t k = 0, n = 0;
  const float* floats = nullptr;
  mlp_product product = nullptr;
  std::int64_t row = 0, column = 0;                // strides of the floats
  mutable InputRange range;
};
void observing(std::int64_t m, const float* a, std::int64_t a_row, std::int64_t a_col, const void* b, float* c, std::int64_t c_row, std::int32_t add) {
  const auto& weight = *static_cast<const Observed*>(b);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t p = 0; p < weight.k; ++p) {
      const float v = a[i * a_row + p * a_col];
      weight.range.low = std::min(weight.range.low, v);
      weight.range.high = std::max(weight.range.high, v);
    }
  weight.product(m, weight.n, weight.k, a, a_row, a_col, weight.floats, weight.row, weight.column, c, c_row, add);
}

}  // namespace

std::vector<InputRange> NetworkScorer::observe(const Matrix& matrix, std::int64_t rows, const std::vector<Int8Site>& sites) const {
  std::vector<Observed> observed(sites.size());
  std::vector<const void*> by_weight(weights_.size());
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const Int8Site& site = sites[i];
    observed[i].k = site.k;
    observed[i].n = site.n;
    observed[i].floats = weights_[site.weight];
    observed[i].product = product::best(model_.network.precision);
    observed[i].row = site.turned ? 1 : site.n;
    observed[i].column = site.turned ? site.k : 1;
    by_weight[site.weight] = &observed[i];
  }
  const auto fill = [&](std::int64_t first, std::int64_t count, NetworkInput& input) -> const float* {
    input.resize(count);
    for (std::int64_t i = 0; i < count; ++i) input.put(matrix, first + i, i);
    return nullptr;
  };
  std::vector<double> scores(static_cast<std::size_t>(rows * model_.network.outputs));
  blocks(rows, scores.data(), best_cpu_level(), fill, observing, by_weight.data());
  std::vector<InputRange> out;
  for (const Observed& o : observed) out.push_back(o.range);
  return out;
}

}  // namespace mlp::model
