#include "runtime/learn/design.h"

#include <algorithm>
#include <cmath>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

#define MLP_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
constexpr std::int64_t lanes = 8;
typedef double Lanes __attribute__((vector_size(64), aligned(8), may_alias));

// Eight sums side by side, then folded in a fixed order: the same bits at every vector width. Four rows at a time.
double fold(const Lanes& s) { return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])); }
MLP_CLONES void dots(const double* rows, std::int64_t count, std::int64_t width, const double* weights, double start, double* out) {
  const auto at = [](const double* p) -> const Lanes& { return *reinterpret_cast<const Lanes*>(p); };
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const double* row = rows + i * width;
    Lanes a = {start, 0, 0, 0, 0, 0, 0, 0}, b = a, c = a, d = a;
    for (std::int64_t j = 0; j < width; j += lanes) {
      const Lanes w = at(weights + j);
      a += at(row + j) * w;
      b += at(row + width + j) * w;
      c += at(row + 2 * width + j) * w;
      d += at(row + 3 * width + j) * w;
    }
    out[i] = fold(a);
    out[i + 1] = fold(b);
    out[i + 2] = fold(c);
    out[i + 3] = fold(d);
  }
  for (; i < count; ++i) {
    Lanes a = {start, 0, 0, 0, 0, 0, 0, 0};
    for (std::int64_t j = 0; j < width; j += lanes) a += at(rows + i * width + j) * at(weights + j);
    out[i] = fold(a);
  }
}
// out += sum of factor[i] * row i, in the order of the rows.
MLP_CLONES void add_scaled(const double* rows, std::int64_t count, std::int64_t width, const double* factor, double* out) {
  const auto at = [](const double* p) -> const Lanes& { return *reinterpret_cast<const Lanes*>(p); };
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const double* row = rows + i * width;
    const double fa = factor[i], fb = factor[i + 1], fc = factor[i + 2], fd = factor[i + 3];
    for (std::int64_t j = 0; j < width; j += lanes) {
      Lanes sum = at(out + j);
      sum += fa * at(row + j);
      sum += fb * at(row + width + j);
      sum += fc * at(row + 2 * width + j);
      sum += fd * at(row + 3 * width + j);
      *reinterpret_cast<Lanes*>(out + j) = sum;
    }
  }
  for (; i < count; ++i)
    for (std::int64_t j = 0; j < width; j += lanes) *reinterpret_cast<Lanes*>(out + j) += factor[i] * at(rows + i * width + j);
}
// Blocks of 4 x 8 products, rows inside: the sums stay in registers.
MLP_CLONES void add_gram(const double* rows, std::int64_t count, std::int64_t width, const double* factor, double* out, std::int64_t stride) {
  for (std::int64_t a = 0; a < width; a += 4) {
    for (std::int64_t b = 0; b <= a; b += lanes) {
      Lanes s0{}, s1{}, s2{}, s3{};
      for (std::int64_t i = 0; i < count; ++i) {
        const double* row = rows + i * width;
        const Lanes right = factor[i] * *reinterpret_cast<const Lanes*>(row + b);
        s0 += row[a] * right;
        s1 += row[a + 1] * right;
        s2 += row[a + 2] * right;
        s3 += row[a + 3] * right;
      }
      double* to = out + a * stride + b;
      *reinterpret_cast<Lanes*>(to) += s0;
      *reinterpret_cast<Lanes*>(to + stride) += s1;
      *reinterpret_cast<Lanes*>(to + 2 * stride) += s2;
      *reinterpret_cast<Lanes*>(to + 3 * stride) += s3;
    }
  }
}

}  // namespace

Design::Design(const Dataset& data, const std::vector<model::FeatureInfo>& features, const std::vector<std::int64_t>& rows,
               const Labels& labels, Pool& pool)
    : rows_(static_cast<std::int64_t>(rows.size())), pool_(pool) {
  std::vector<std::int64_t> number_features, hot_features, bag_features, start(features.size()), position(features.size());
  std::int64_t total = 0;
  for (std::size_t f = 0; f < features.size(); ++f) {
    MLP_CHECK(!features[f].category);
    position[f] = total;
    total += model::columns_of(features[f]);
    (features[f].bag ? bag_features : features[f].width == 0 ? number_features : hot_features).push_back(static_cast<std::int64_t>(f));
  }
  numbers_ = static_cast<std::int64_t>(number_features.size());
  padded_ = (numbers_ + lanes - 1) / lanes * lanes;
  columns_ = numbers_;
  for (const std::int64_t f : number_features) raw_position_.push_back(position[f]);
  for (const auto* sparse : {&hot_features, &bag_features})
    for (const std::int64_t f : *sparse) {
      start[f] = columns_;
      const std::int32_t width = model::columns_of(features[f]);
      for (std::int32_t c = 0; c < width; ++c) raw_position_.push_back(position[f] + c);
      columns_ += width;
    }
  values_.assign(rows_ * padded_, 0.0);
  mean_.assign(columns_, 0.0);
  scale_.assign(columns_, 1.0);
  mass_.assign(columns_, 0.0);

  pool.run(numbers_, [&](std::int64_t j) {
    const std::int64_t f = number_features[j];
    const double* column = data.columns[f];
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < rows_; ++i) {
      const double v = column[rows[i]];
      if (!(std::fabs(v) <= 1e150))
        throw Failure(code::feature_not_finite,
                      "feature `" + features[f].name + "` is " + (std::isnan(v) ? "missing" : "infinite or above 1e150") + " in training row " +
                          std::to_string(i + 1),
                      "impute or clip it, or use `gbdt`, which takes such values");
      sum += labels.weight_at(i) * v;
    }
    mean_[j] = sum / labels.total_weight;
    for (std::int64_t i = 0; i < rows_; ++i) {
      const double d = column[rows[i]] - mean_[j];
      squares += labels.weight_at(i) * d * d;
    }
    const double deviation = std::sqrt(squares / labels.total_weight);
    // A constant column may keep a rounding error of its mean: it carries nothing, and its weight stays 0.
    const bool constant = !(deviation > 1e-13 * std::fabs(mean_[j])) || !(deviation > 0);
    scale_[j] = constant ? 1.0 : deviation;
    for (std::int64_t i = 0; i < rows_; ++i) values_[i * padded_ + j] = constant ? 0.0 : (column[rows[i]] - mean_[j]) / deviation;
    mass_[j] = constant ? 0.0 : labels.total_weight;
  });
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

std::int64_t Design::stripes(std::int64_t most) const { return std::clamp<std::int64_t>(rows_ / 1024, 1, most); }

// Rows of this many bytes stay in the second-level cache while every output passes over them.
std::int64_t Design::tile() const { return std::clamp<std::int64_t>((256 << 10) / std::max<std::int64_t>(8 * padded_, 1), 16, 1024) / 4 * 4; }

void Design::multiply(const double* weights, std::int32_t outputs, double* out) const {
  const std::int64_t size = columns_ + 1, step = tile();
  std::vector<double> padded(outputs * padded_, 0.0);
  for (std::int32_t k = 0; k < outputs; ++k) std::copy_n(weights + k * size, numbers_, padded.begin() + k * padded_);
  pool_.run((rows_ + step - 1) / step, [&](std::int64_t t) {
    const std::int64_t begin = t * step, end = std::min(begin + step, rows_);
    for (std::int32_t k = 0; k < outputs; ++k) {
      const double* w = weights + k * size;
      double* to = out + k * rows_;
      dots(values_.data() + begin * padded_, end - begin, padded_, padded.data() + k * padded_, w[columns_], to + begin);
      for (std::int64_t i = begin; i < end; ++i)
        for (std::int64_t e = begin_[i]; e < begin_[i + 1]; ++e) to[i] += w[entries_[e].column] * entries_[e].value;
    }
  });
}

void Design::multiply_transposed(const double* factor, std::int32_t outputs, double* out) const {
  const std::int64_t parts = stripes(32), size = columns_ + 1, room = columns_ + 1 + lanes, step = tile();
  std::vector<std::vector<double>> sums(parts);
  pool_.run(parts, [&](std::int64_t p) {
    std::vector<double>& sum = sums[p];
    sum.assign(outputs * room, 0.0);
    std::vector<double> numbers(outputs * padded_, 0.0);
    const std::int64_t last = rows_ * (p + 1) / parts;
    for (std::int64_t begin = rows_ * p / parts; begin < last; begin += step) {
      const std::int64_t end = std::min(begin + step, last);
      for (std::int32_t k = 0; k < outputs; ++k) {
        const double* f = factor + k * rows_;
        double* to = sum.data() + k * room;
        add_scaled(values_.data() + begin * padded_, end - begin, padded_, f + begin, numbers.data() + k * padded_);
        for (std::int64_t i = begin; i < end; ++i) {
          for (std::int64_t e = begin_[i]; e < begin_[i + 1]; ++e) to[entries_[e].column] += f[i] * entries_[e].value;
          to[columns_] += f[i];
        }
      }
    }
    for (std::int32_t k = 0; k < outputs; ++k) std::copy_n(numbers.begin() + k * padded_, numbers_, sum.begin() + k * room);
  });
  std::fill_n(out, outputs * size, 0.0);
  for (const auto& sum : sums)
    for (std::int32_t k = 0; k < outputs; ++k)
      for (std::int64_t j = 0; j < size; ++j) out[k * size + j] += sum[k * room + j];
}

std::vector<double> Design::gram(const double* factor) const {
  const std::int64_t size = columns_ + 1, stride = std::max(size, padded_) + lanes;
  const std::int64_t parts = stripes(size > 1000 ? 4 : 16);
  std::vector<std::vector<double>> sums(parts);
  pool_.run(parts, [&](std::int64_t p) {
    std::vector<double>& sum = sums[p];  // the lower triangle, and more where blocks reach over it
    sum.assign(stride * (std::max(size, padded_) + 4), 0.0);
    std::vector<double> block(padded_ > 0 ? padded_ * stride : 0, 0.0);
    const std::int64_t begin = rows_ * p / parts, end = rows_ * (p + 1) / parts;
    for (std::int64_t i = begin; i < end; i += 256)
      add_gram(values_.data() + i * padded_, std::min<std::int64_t>(256, end - i), padded_, factor + i, block.data(), stride);
    for (std::int64_t a = 0; a < numbers_; ++a) std::copy_n(block.data() + a * stride, a + 1, sum.data() + a * stride);
    std::vector<double> last(padded_, 0.0);
    for (std::int64_t i = begin; i < end; ++i) {
      const double* row = values_.data() + i * padded_;
      const double w = factor[i];
      double* intercept = sum.data() + columns_ * stride;
      add_scaled(row, 1, padded_, &w, last.data());
      for (std::int64_t h = begin_[i]; h < begin_[i + 1]; ++h) {
        const double scaled = w * entries_[h].value;
        double* to = sum.data() + entries_[h].column * stride;
        for (std::int64_t j = 0; j < numbers_; ++j) to[j] += scaled * row[j];
        for (std::int64_t g = begin_[i]; g <= h; ++g) to[entries_[g].column] += scaled * entries_[g].value;
        intercept[entries_[h].column] += scaled;
      }
      intercept[columns_] += w;
    }
    std::copy_n(last.begin(), numbers_, sum.data() + columns_ * stride);
  });
  std::vector<double> out(size * size, 0.0);
  for (const auto& sum : sums)
    for (std::int64_t a = 0; a < size; ++a)
      for (std::int64_t b = 0; b <= a; ++b) out[a * size + b] += sum[a * stride + b];
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
