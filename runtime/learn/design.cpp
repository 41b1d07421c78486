#include "runtime/learn/design.h"

#include <algorithm>
#include <cmath>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

#define MLP_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
constexpr std::int64_t lanes = 8, strip = 32;  // rows of a vector, and of a step of the loop over rows: four vectors
typedef double Lanes __attribute__((vector_size(64), aligned(8), may_alias));

inline const Lanes& at(const double* p) { return *reinterpret_cast<const Lanes*>(p); }
inline Lanes& at(double* p) { return *reinterpret_cast<Lanes*>(p); }
// Eight sums side by side, then folded in a fixed order: the same bits at every vector width.
inline double fold(const Lanes& s) { return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])); }

// Sums of w (v - shift), or of its squares, over rows.
MLP_CLONES double sum_from(const double* v, const double* w, double shift, std::int64_t count) {
  Lanes a{}, b{};
  std::int64_t i = 0;
  if (w == nullptr) {
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
      a += at(v + i) - shift;
      b += at(v + i + lanes) - shift;
    }
  } else {
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
      a += at(w + i) * (at(v + i) - shift);
      b += at(w + i + lanes) * (at(v + i + lanes) - shift);
    }
  }
  double sum = fold(a + b);
  for (; i < count; ++i) sum += (w == nullptr ? 1.0 : w[i]) * (v[i] - shift);
  return sum;
}
MLP_CLONES double squares_from(const double* v, const double* w, double shift, std::int64_t count) {
  Lanes a{}, b{};
  std::int64_t i = 0;
  if (w == nullptr) {
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
      const Lanes c = at(v + i) - shift, d = at(v + i + lanes) - shift;
      a += c * c;
      b += d * d;
    }
  } else {
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
      const Lanes c = at(v + i) - shift, d = at(v + i + lanes) - shift;
      a += at(w + i) * c * c;
      b += at(w + i + lanes) * d * d;
    }
  }
  double sum = fold(a + b);
  for (; i < count; ++i) sum += (w == nullptr ? 1.0 : w[i]) * (v[i] - shift) * (v[i] - shift);
  return sum;
}
bool usable(double v) { return std::fabs(v) <= 1e150; }
MLP_CLONES bool all_usable(const double* v, std::int64_t count) {
  std::int64_t bad = 0;
  for (std::int64_t i = 0; i < count; ++i) bad += !(std::fabs(v[i]) <= 1e150);
  return bad == 0;
}
// Asks for the rows of the next tile, too: a tile's part of a column is too short for the processor to foresee them.
MLP_CLONES void standardise(const double* v, std::int64_t count, double mean, double inverse, const double* next, double* out) {
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    __builtin_prefetch(next + i, 0, 2);
    at(out + i) = (at(v + i) - mean) * inverse;
  }
  for (; i < count; ++i) out[i] = (v[i] - mean) * inverse;
}
// out[i] = start + sum over columns of weight * z, column by column.
MLP_CLONES void add_columns(const double* z, std::int64_t columns, std::int64_t stride, std::int64_t count, const double* weights, double start, double* out) {
  for (std::int64_t i = 0; i < count; i += strip) {
    Lanes a = Lanes{} + start, b = a, c = a, d = a;
    for (std::int64_t j = 0; j < columns; ++j) {
      const double* p = z + j * stride + i;
      a += weights[j] * at(p);
      b += weights[j] * at(p + lanes);
      c += weights[j] * at(p + 2 * lanes);
      d += weights[j] * at(p + 3 * lanes);
    }
    at(out + i) = a;
    at(out + i + lanes) = b;
    at(out + i + 2 * lanes) = c;
    at(out + i + 3 * lanes) = d;
  }
}
// For each column eight sums, of every eighth row each: sums += factor * z.
MLP_CLONES void add_products(const double* z, std::int64_t columns, std::int64_t stride, std::int64_t count, const double* factor, double* sums) {
  for (std::int64_t j = 0; j < columns; j += 4) {
    const double* p = z + j * stride;
    double* to = sums + j * lanes;
    Lanes a = at(to), b = at(to + lanes), c = at(to + 2 * lanes), d = at(to + 3 * lanes);
    for (std::int64_t i = 0; i < count; i += lanes) {
      const Lanes f = at(factor + i);
      a += f * at(p + i);
      b += f * at(p + stride + i);
      c += f * at(p + 2 * stride + i);
      d += f * at(p + 3 * stride + i);
    }
    at(to) = a;
    at(to + lanes) = b;
    at(to + 2 * lanes) = c;
    at(to + 3 * lanes) = d;
  }
}
// The lower triangle of  z diag(factor) z^T,  and what of its 4 x 4 blocks reaches over it: the sums stay in registers.
// `scaled` holds four columns of a tile.
MLP_CLONES void add_gram(const double* z, std::int64_t columns, std::int64_t stride, std::int64_t count, const double* factor, double* scaled, double* out) {
  for (std::int64_t a = 0; a < columns; a += 4) {
    for (std::int64_t r = 0; r < 4; ++r)
      for (std::int64_t i = 0; i < count; ++i) scaled[r * stride + i] = factor[i] * z[(a + r) * stride + i];
    for (std::int64_t b = 0; b <= a; b += 4) {
      const double* right = z + b * stride;
      Lanes s[4][4] = {};
      for (std::int64_t i = 0; i < count; i += lanes) {
        const Lanes l[4] = {at(scaled + i), at(scaled + stride + i), at(scaled + 2 * stride + i), at(scaled + 3 * stride + i)};
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c) {
          const Lanes v = at(right + c * stride + i);
#pragma GCC unroll 4
          for (int r = 0; r < 4; ++r) s[r][c] += l[r] * v;
        }
      }
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c) out[(a + r) * columns + b + c] += fold(s[r][c]);
    }
  }
}

}  // namespace

struct Design::Tile {
  explicit Tile(const Design& design)
      : z(design.padded_ * design.tile_), scores(design.tile_), factor(design.tile_) {}
  std::int64_t begin = 0, count = 0, whole = 0, next = 0;   // whole: count, to a multiple of `strip`; next: where the next tile begins
  std::vector<double> z, scores, factor;
};

Design::Design(const Dataset& data, const std::vector<model::FeatureInfo>& features, const std::vector<std::int64_t>& rows,
               const Labels& labels, Pool& pool)
    : rows_(static_cast<std::int64_t>(rows.size())), chosen_(rows_ < data.rows ? rows.data() : nullptr), pool_(pool) {
  std::vector<std::int64_t> number_features, hot_features, bag_features, start(features.size()), position(features.size());
  std::int64_t total = 0;
  for (std::size_t f = 0; f < features.size(); ++f) {
    MLP_CHECK(!features[f].category);
    position[f] = total;
    total += model::columns_of(features[f]);
    (features[f].bag ? bag_features : features[f].width == 0 ? number_features : hot_features).push_back(static_cast<std::int64_t>(f));
  }
  numbers_ = static_cast<std::int64_t>(number_features.size());
  padded_ = (numbers_ + 3) / 4 * 4;
  // A tile stays in the first-level cache, or, of many columns, is long enough for the sums of the products.
  tile_ = std::clamp<std::int64_t>((36 << 10) / std::max<std::int64_t>(8 * padded_, 1) / strip * strip, 128, 1024);
  columns_ = numbers_;
  for (const std::int64_t f : number_features) {
    values_.push_back(data.columns[f]);
    raw_position_.push_back(position[f]);
  }
  for (const auto* sparse : {&hot_features, &bag_features})
    for (const std::int64_t f : *sparse) {
      start[f] = columns_;
      const std::int32_t width = model::columns_of(features[f]);
      for (std::int32_t c = 0; c < width; ++c) raw_position_.push_back(position[f] + c);
      columns_ += width;
    }
  mean_.assign(columns_, 0.0);
  scale_.assign(columns_, 1.0);
  mass_.assign(columns_, 0.0);
  inverse_.assign(numbers_, 0.0);

  // Mean and deviation chunk by chunk, while it is in the cache, and the chunks' put together (Chan, Golub, LeVeque 1983).
  pool.run(numbers_, [&](std::int64_t j) {
    std::vector<double> buffer(chosen_ != nullptr ? chunk_rows : 0);
    double mean = 0, squares = 0, weight = 0;
    for (std::int64_t begin = 0; begin < rows_; begin += chunk_rows) {
      const std::int64_t count = std::min(chunk_rows, rows_ - begin);
      const double* v = raw(j, begin, count, buffer.data());
      const double* w = labels.weight.empty() ? nullptr : labels.weight.data() + begin;
      if (!all_usable(v, count)) {
        const std::int64_t i = std::find_if_not(v, v + count, usable) - v;
        throw Failure(code::feature_not_finite,
                      "feature `" + features[number_features[j]].name + "` is " + (std::isnan(v[i]) ? "missing" : "infinite or above 1e150") +
                          " in training row " + std::to_string(begin + i + 1),
                      "impute or clip it, or use `gbdt`, which takes such values");
      }
      const double part = w == nullptr ? static_cast<double>(count) : sum_from(w, nullptr, 0, count);
      const double own = v[0] + sum_from(v, w, v[0], count) / part, away = own - mean;
      squares += squares_from(v, w, own, count) + (weight > 0 ? away * away * (weight * part / (weight + part)) : 0);
      weight += part;
      mean = weight > part ? mean + away * (part / weight) : own;
    }
    mean_[j] = mean;
    const double deviation = std::sqrt(squares / labels.total_weight);
    // A constant column may keep a rounding error of its mean: it carries nothing, and its weight stays 0.
    if (!(deviation > 1e-13 * std::fabs(mean)) || !(deviation > 0)) return;
    scale_[j] = deviation;
    inverse_[j] = 1 / deviation;
    mass_[j] = labels.total_weight;
  });
  if (hot_features.empty() && bag_features.empty()) return;
  begin_.reserve(rows_ + 1);
  for (std::int64_t i = 0; i < rows_; ++i) {
    begin_.push_back(static_cast<std::int64_t>(entries_.size()));
    for (const std::int64_t f : hot_features)
      if (const std::int32_t code = model::code_of(data.columns[f][rows[i]], features[f].width); code >= 0)
        entries_.push_back({static_cast<std::int32_t>(start[f] + code), 1});
    for (const std::int64_t f : bag_features) {
      const mlp_bag& bag = data.columns[f].bags[rows[i]];
      for (std::int64_t t = 0; t < bag.size; ++t) entries_.push_back({static_cast<std::int32_t>(start[f] + bag.terms[t].term), bag.terms[t].value});
    }
    for (std::size_t e = static_cast<std::size_t>(begin_.back()); e < entries_.size(); ++e)
      mass_[entries_[e].column] += labels.weight_at(i) * entries_[e].value * entries_[e].value;
  }
  begin_.push_back(static_cast<std::int64_t>(entries_.size()));
}

// Rows of a number feature from `begin`, as they came; `buffer` is used where only some rows are.
const double* Design::raw(std::int64_t column, std::int64_t begin, std::int64_t count, double* buffer) const {
  if (chosen_ == nullptr) return values_[column] + begin;
  for (std::int64_t i = 0; i < count; ++i) buffer[i] = values_[column][chosen_[begin + i]];
  return buffer;
}

std::int64_t Design::stripes(std::int64_t most, std::int64_t every) const {
  return std::clamp<std::int64_t>((tiles() + every - 1) / every * tile_ / 1024, 1, most);
}

void Design::each_tile(std::int64_t stripe, std::int64_t stripes, std::int64_t every, Tile& tile, const std::function<void()>& visit) const {
  const std::int64_t taken = (tiles() + every - 1) / every;
  for (std::int64_t t = taken * stripe / stripes; t < taken * (stripe + 1) / stripes; ++t) {
    tile.begin = t * every * tile_;
    tile.count = std::min(tile_, rows_ - tile.begin);
    tile.whole = (tile.count + strip - 1) / strip * strip;
    tile.next = tile.begin + every * tile_;
    fill(tile);
    visit();
  }
}

void Design::fill(Tile& tile) const {
  for (std::int64_t j = 0; j < numbers_; ++j) {
    double* to = tile.z.data() + j * tile_;
    standardise(raw(j, tile.begin, tile.count, to), tile.count, mean_[j], inverse_[j], chosen_ == nullptr ? values_[j] + tile.next : to, to);
    std::fill(to + tile.count, to + tile.whole, 0.0);
  }
  std::fill(tile.factor.begin() + tile.count, tile.factor.begin() + tile.whole, 0.0);
}

void Design::score(Tile& tile, const double* weights) const {
  add_columns(tile.z.data(), numbers_, tile_, tile.whole, weights, weights[columns_], tile.scores.data());
  if (begin_.empty()) return;
  for (std::int64_t i = 0; i < tile.count; ++i)
    for (std::int64_t e = begin_[tile.begin + i]; e < begin_[tile.begin + i + 1]; ++e)
      tile.scores[i] += weights[entries_[e].column] * entries_[e].value;
}

void Design::multiply(const double* weights, std::int32_t outputs, double* out) const {
  const std::int64_t parts = stripes(32, 1);
  pool_.run(parts, [&](std::int64_t p) {
    Tile tile(*this);
    each_tile(p, parts, 1, tile, [&] {
      for (std::int32_t k = 0; k < outputs; ++k) {
        score(tile, weights + k * (columns_ + 1));
        std::copy_n(tile.scores.data(), tile.count, out + k * rows_ + tile.begin);
      }
    });
  });
}

void Design::multiply_transposed(const double* weights, const Factor& factor, std::int32_t outputs, std::int64_t every, double* out) const {
  const std::int64_t parts = stripes(32, every), size = columns_ + 1;
  std::vector<std::vector<double>> sums(parts);
  pool_.run(parts, [&](std::int64_t p) {
    std::vector<double>& sum = sums[p];
    sum.assign(outputs * size, 0.0);
    std::vector<double> numbers(outputs * padded_ * lanes, 0.0);
    Tile tile(*this);
    each_tile(p, parts, every, tile, [&] {
      if (weights != nullptr) score(tile, weights);
      for (std::int32_t k = 0; k < outputs; ++k) {
        factor(k, tile.begin, tile.count, tile.scores.data(), tile.factor.data());
        add_products(tile.z.data(), padded_, tile_, tile.whole, tile.factor.data(), numbers.data() + k * padded_ * lanes);
        double* to = sum.data() + k * size;
        to[columns_] += sum_from(tile.factor.data(), nullptr, 0, tile.count);
        if (begin_.empty()) continue;
        for (std::int64_t i = 0; i < tile.count; ++i)
          for (std::int64_t e = begin_[tile.begin + i]; e < begin_[tile.begin + i + 1]; ++e) to[entries_[e].column] += tile.factor[i] * entries_[e].value;
      }
    });
    for (std::int32_t k = 0; k < outputs; ++k)
      for (std::int64_t j = 0; j < numbers_; ++j) sum[k * size + j] = fold(at(numbers.data() + (k * padded_ + j) * lanes));
  });
  std::fill_n(out, outputs * size, 0.0);
  for (const auto& sum : sums)
    for (std::int64_t j = 0; j < outputs * size; ++j) out[j] += sum[j];
}

std::vector<double> Design::gram(const double* weights, const Factor& factor, std::int64_t every) const {
  const std::int64_t size = columns_ + 1, parts = stripes(size > 1000 ? 4 : 16, every);
  std::vector<std::vector<double>> sums(parts);
  pool_.run(parts, [&](std::int64_t p) {
    std::vector<double>& sum = sums[p];      // the lower triangle
    sum.assign(size * size, 0.0);
    double* intercept = sum.data() + columns_ * size;
    std::vector<double> block(padded_ * padded_, 0.0), last(padded_ * lanes, 0.0), scaled(4 * tile_), row(numbers_);
    Tile tile(*this);
    each_tile(p, parts, every, tile, [&] {
      if (weights != nullptr) score(tile, weights);
      factor(0, tile.begin, tile.count, tile.scores.data(), tile.factor.data());
      add_gram(tile.z.data(), padded_, tile_, tile.whole, tile.factor.data(), scaled.data(), block.data());
      add_products(tile.z.data(), padded_, tile_, tile.whole, tile.factor.data(), last.data());
      intercept[columns_] += sum_from(tile.factor.data(), nullptr, 0, tile.count);
      if (begin_.empty()) return;
      for (std::int64_t i = 0; i < tile.count; ++i) {
        const Entry *first = entries_.data() + begin_[tile.begin + i], *end = entries_.data() + begin_[tile.begin + i + 1];
        for (std::int64_t j = 0; j < numbers_; ++j) row[j] = tile.z[j * tile_ + i];
        for (const Entry* h = first; h < end; ++h) {
          const double w = tile.factor[i] * h->value;
          double* to = sum.data() + h->column * size;
          for (std::int64_t j = 0; j < numbers_; ++j) to[j] += w * row[j];
          for (const Entry* g = first; g <= h; ++g) to[g->column] += w * g->value;
          intercept[h->column] += w;
        }
      }
    });
    for (std::int64_t a = 0; a < numbers_; ++a) {
      std::copy_n(block.data() + a * padded_, a + 1, sum.data() + a * size);
      intercept[a] = fold(at(last.data() + a * lanes));
    }
  });
  std::vector<double> out(size * size, 0.0);
  for (const auto& sum : sums)
    for (std::int64_t a = 0; a < size; ++a)
      for (std::int64_t b = 0; b <= a; ++b) out[a * size + b] += sum[a * size + b];
  for (std::int64_t a = 0; a < size; ++a)
    for (std::int64_t b = 0; b < a; ++b) out[b * size + a] = out[a * size + b];
  return out;
}

double Design::to_raw(const double* weights, double* raw) const {
  double intercept = weights[columns_];
  for (std::int64_t j = 0; j < columns_; ++j) {
    const double w = weights[j] / scale_[j];
    raw[raw_position_[j]] = w;
    intercept -= w * mean_[j];
  }
  return intercept;
}

}  // namespace mlp::learn
