#include "runtime/fit/fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <unordered_map>

#include "base/codes/data.h"
#include "base/diagnostic.h"
#include "stdlib/builtins/kernels.h"
#include "stdlib/builtins/terms.h"

namespace mlp::fit {
namespace {

Failure no_values(const std::string& what) {
  return Failure(code::fit_no_values, "`" + what + "` has no value: the train rows are all null there",
                 "take the column out of the features, or split so that train rows have values");
}
Failure not_finite(const std::string& what) {
  return Failure(code::fit_no_values, "`" + what + "` is no finite number: the train rows hold inf, or numbers too large to add",
                 "bound the column in the schema (`<= 1e300`), or clamp the feature");
}

// An exact sum: partials that do not overlap, of growing size (Shewchuk, "Adaptive Precision Floating-Point Arithmetic",
// 1997; the rounding at the end as in CPython's math.fsum). Finite values whose partial sums overflow are added once
// more at 2^-80 of their size.
class ExactSum {
 public:
  void add(double v) {
    if (!std::isfinite(v)) {
      special_ += v;
      return;
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < partials_.size(); ++i) {
      double y = partials_[i];
      if (std::fabs(v) < std::fabs(y)) std::swap(v, y);
      const double high = v + y, low = y - (high - v);
      if (low != 0) partials_[kept++] = low;
      v = high;
    }
    partials_.resize(kept);
    partials_.push_back(v);
    overflow_ = overflow_ || !std::isfinite(v);
  }
  bool overflow() const { return overflow_; }
  double result() const {
    if (special_ != 0) return special_;  // inf, or NaN of inf - inf
    std::size_t n = partials_.size();
    if (n == 0) return 0;
    double high = partials_[--n], low = 0;
    while (n > 0) {
      const double x = high, y = partials_[--n];
      high = x + y;
      low = y - (high - x);
      if (low != 0) break;
    }
    // Half-way cases round by what lies below.
    if (n > 0 && ((low < 0 && partials_[n - 1] < 0) || (low > 0 && partials_[n - 1] > 0))) {
      const double y = low * 2, x = high + y;
      if (y == x - high) high = x;
    }
    return high;
  }

 private:
  std::vector<double> partials_;
  double special_ = 0;
  bool overflow_ = false;
};

template <class Term>  // term(i): the i-th value; NaN is left out
double exact_sum(std::size_t n, const Term& term) {
  for (const double scale : {1.0, 0x1p-80}) {
    ExactSum sum;
    for (std::size_t i = 0; i < n && !sum.overflow(); ++i) {
      const double v = term(i);
      if (!std::isnan(v)) sum.add(v * scale);
    }
    if (!sum.overflow()) return sum.result() / scale;
  }
  MLP_BUG("a sum of scaled values overflows");
}

std::size_t present_count(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::count_if(values.begin(), values.end(), [](double v) { return !std::isnan(v); }));
}

std::string_view view(const mlp_string& text) { return {text.data, static_cast<std::size_t>(text.size)}; }

// Codes of the rows (-1: null) in order of the keys' bytes, and how often each occurs.
struct Keys {
  std::vector<std::string_view> keys;
  std::vector<std::int64_t> counts;
  std::vector<std::int32_t> codes;
  std::int64_t present = 0;
};
Keys collect(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present) {
  MLP_CHECK(present.empty() || present.size() == values.size());
  Keys out;
  std::unordered_map<std::string_view, std::int32_t> found;  // codes in order of appearance; sorted below
  std::vector<std::int64_t> counts;
  std::vector<std::string_view> keys;
  out.codes.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!present.empty() && present[i] == 0) {
      out.codes.push_back(-1);
      continue;
    }
    const auto [at, fresh] = found.try_emplace(view(values[i]), static_cast<std::int32_t>(keys.size()));
    if (fresh) {
      keys.push_back(at->first);
      counts.push_back(0);
    }
    ++counts[static_cast<std::size_t>(at->second)];
    out.codes.push_back(at->second);
    ++out.present;
  }
  std::vector<std::int32_t> order(keys.size()), rank(keys.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)]; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    rank[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
    out.keys.push_back(keys[static_cast<std::size_t>(order[i])]);
    out.counts.push_back(counts[static_cast<std::size_t>(order[i])]);
  }
  for (std::int32_t& code : out.codes)
    if (code >= 0) code = rank[static_cast<std::size_t>(code)];
  return out;
}

}  // namespace

FittedView::FittedView(const Fitted& fitted) {
  const auto text = [](const std::string& s) { return mlp_string{s.data(), static_cast<std::int64_t>(s.size())}; };
  bytes_.resize(fitted.tables.size());
  keys_.resize(fitted.tables.size());
  slots_.resize(fitted.tables.size());
  dictionaries_.resize(fitted.tables.size());
  tables_.resize(fitted.tables.size());
  for (std::size_t t = 0; t < fitted.tables.size(); ++t) {
    const FittedTable& table = fitted.tables[t];
    const auto size = static_cast<std::int64_t>(table.keys.size());
    static constexpr double nothing = 0;  // of a table that a later pass fits
    const bool later = table.keys.empty() && table.values.empty();
    MLP_CHECK(table.folds >= 0 && (later || table.values.size() == static_cast<std::size_t>((table.folds + 1) * (size + 1))));
    for (const std::string& key : table.keys) bytes_[t] += key;
    for (const char* at = bytes_[t].data(); const std::string& key : table.keys) {
      keys_[t].push_back({at, static_cast<std::int64_t>(key.size())});
      at += key.size();
    }
    std::int64_t slots = 2;
    while (slots <= 2 * size) slots *= 2;  // half of them stay empty
    slots_[t].resize(2 * static_cast<std::size_t>(slots));
    mlp_dictionary_index(keys_[t].data(), size, slots_[t].data(), slots - 1);
    dictionaries_[t] = {keys_[t].data(), slots_[t].data(), size, slots - 1};
    tables_[t] = {&dictionaries_[t], later ? &nothing : table.values.data(), table.folds};
  }
  for (const std::string& s : fitted.texts) texts_.push_back(text(s));
  view_ = {fitted.numbers.data(), tables_.data(), texts_.data()};
}

double sum(const std::vector<double>& values) {
  return exact_sum(values.size(), [&](std::size_t i) { return values[i]; });
}

double mean(const std::vector<double>& values, const std::string& what) {
  const std::size_t n = present_count(values);
  if (n == 0) throw no_values(what);
  const double result = sum(values) / static_cast<double>(n);
  if (!std::isfinite(result)) throw not_finite(what);
  return result;
}

double variance(const std::vector<double>& values, const std::string& what) {
  const double n = count(values), centre = mean(values, what);
  // The second term corrects for the rounding of the mean (Chan, Golub and LeVeque 1983).
  const double squares = exact_sum(values.size(), [&](std::size_t i) { return (values[i] - centre) * (values[i] - centre); });
  const double rest = exact_sum(values.size(), [&](std::size_t i) { return values[i] - centre; });
  const double result = (squares - rest * rest / n) / n;
  if (!std::isfinite(result)) throw not_finite(what);
  return result < 0 ? 0 : result;
}

double minimum(const std::vector<double>& values, const std::string& what) {
  bool any = false;
  double out = 0;
  for (const double v : values)
    if (!std::isnan(v) && (!any || v < out)) out = v, any = true;
  if (!any) throw no_values(what);
  return out + 0.0;  // -0 and 0 are one value, whichever comes first
}

double maximum(const std::vector<double>& values, const std::string& what) {
  bool any = false;
  double out = 0;
  for (const double v : values)
    if (!std::isnan(v) && (!any || v > out)) out = v, any = true;
  if (!any) throw no_values(what);
  return out + 0.0;
}

double quantile(const std::vector<double>& values, double p, const std::string& what) {
  MLP_CHECK(p >= 0 && p <= 1);
  std::vector<double> kept;
  kept.reserve(values.size());
  for (const double v : values)
    if (!std::isnan(v)) kept.push_back(v + 0.0);
  if (kept.empty()) throw no_values(what);
  const double place = static_cast<double>(kept.size() - 1) * p;
  const auto below = static_cast<std::size_t>(place);
  const double share = place - static_cast<double>(below);
  const auto at = kept.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(kept.begin(), at, kept.end());
  const double low = *at;
  if (share == 0 || at + 1 == kept.end()) return low;
  const double high = *std::min_element(at + 1, kept.end());
  if (low == high) return low;
  const double step = high - low;
  return std::isfinite(step) ? low + share * step : low * (1 - share) + high * share;
}

double count(const std::vector<double>& values) { return static_cast<double>(present_count(values)); }

std::string most_frequent(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, const std::string& what) {
  const Keys keys = collect(values, present);
  if (keys.keys.empty()) throw no_values(what);
  const auto most = std::max_element(keys.counts.begin(), keys.counts.end()) - keys.counts.begin();  // the first of equals
  return std::string(keys.keys[static_cast<std::size_t>(most)]);
}

FittedTable vocabulary(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, std::int64_t max_size, std::int64_t min_count) {
  const Keys keys = collect(values, present);
  std::vector<std::size_t> kept;
  for (std::size_t k = 0; k < keys.keys.size(); ++k)
    if (keys.counts[k] >= min_count) kept.push_back(k);
  if (max_size > 0 && kept.size() > static_cast<std::size_t>(max_size)) {
    std::stable_sort(kept.begin(), kept.end(), [&](std::size_t a, std::size_t b) { return keys.counts[a] > keys.counts[b]; });
    kept.resize(static_cast<std::size_t>(max_size));
    std::sort(kept.begin(), kept.end());
  }
  FittedTable out;
  for (const std::size_t k : kept) {
    out.keys.emplace_back(keys.keys[k]);
    out.values.push_back(static_cast<double>(keys.counts[k]));
  }
  out.values.push_back(0);
  return out;
}

namespace {

// In how many rows each term stands.
struct TermCounts {
  struct Entry {
    std::int64_t rows = 0, last = -1;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const { return mlp_hash(key.data(), static_cast<std::int64_t>(key.size()), 0); }
  };
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries;  // sorted before anything depends on the order
  std::int64_t row = 0;
  void operator()(const char* data, std::int64_t size) {
    const std::string_view key(data, static_cast<std::size_t>(size));
    auto at = entries.find(key);
    if (at == entries.end()) at = entries.emplace(key, Entry{}).first;
    if (at->second.last == row) return;
    at->second.last = row;
    ++at->second.rows;
  }
};

}  // namespace

FittedTable terms(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, const mlp_terms::Recipe& recipe, const TermLimits& limits) {
  TermCounts counts;
  std::vector<char> text;
  std::vector<std::int64_t> bounds;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!present.empty() && present[i] == 0) continue;
    const std::size_t room = static_cast<std::size_t>(mlp_terms::text_room(values[i].size)), units = 2 * static_cast<std::size_t>(mlp_terms::unit_room(values[i].size, recipe.by));
    if (text.size() < room) text.resize(room);
    if (bounds.size() < units) bounds.resize(units);
    mlp_terms::each_term(text.data(), bounds.data(), mlp_terms::prepare(values[i].data, values[i].size, recipe.by, text.data(), bounds.data()), recipe, counts);
    ++counts.row;
  }
  const auto rows = static_cast<double>(counts.row);
  std::vector<std::pair<std::string_view, std::int64_t>> kept;
  for (const auto& [key, entry] : counts.entries)
    if (entry.rows >= limits.min_rows && static_cast<double>(entry.rows) <= limits.max_share * rows) kept.emplace_back(key, entry.rows);
  std::sort(kept.begin(), kept.end());
  if (limits.max_size > 0 && kept.size() > static_cast<std::size_t>(limits.max_size)) {
    std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    kept.resize(static_cast<std::size_t>(limits.max_size));
    std::sort(kept.begin(), kept.end());
  }
  FittedTable out;
  for (const auto& [key, count] : kept) {
    out.keys.emplace_back(key);
    out.values.push_back(limits.idf ? 1 + mlp_log((1 + rows) / (1 + static_cast<double>(count))) : 1);
  }
  out.values.push_back(0);
  return out;
}

FittedTable frequencies(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present) {
  const Keys keys = collect(values, present);
  FittedTable out;
  for (std::size_t k = 0; k < keys.keys.size(); ++k) {
    out.keys.emplace_back(keys.keys[k]);
    out.values.push_back(static_cast<double>(keys.counts[k]) / static_cast<double>(keys.present));
  }
  out.values.push_back(0);
  return out;
}

FittedTable target_means(const std::vector<mlp_string>& values, const std::vector<std::uint8_t>& present, const std::vector<double>& target,
                         const std::vector<std::int32_t>& row_fold, std::int64_t folds, double smoothing) {
  const std::size_t n = values.size();
  MLP_CHECK(target.size() == n && folds >= 0 && (folds == 0 || row_fold.size() == n));
  const Keys keys = collect(values, present);
  const std::size_t size = keys.keys.size(), parts = static_cast<std::size_t>(std::max<std::int64_t>(folds, 1));
  // Sums by fold and key; place `size` is over all keys. Added in row order: the bytes depend on no thread.
  std::vector<double> sums(parts * (size + 1), 0), counts(parts * (size + 1), 0);
  for (std::size_t i = 0; i < n; ++i) {
    if (keys.codes[i] < 0 || std::isnan(target[i])) continue;
    const std::size_t fold = folds == 0 ? 0 : static_cast<std::size_t>(row_fold[i]);
    MLP_CHECK(fold < parts);
    for (const std::size_t place : {static_cast<std::size_t>(keys.codes[i]), size}) {
      sums[fold * (size + 1) + place] += target[i];
      counts[fold * (size + 1) + place] += 1;
    }
  }
  FittedTable out;
  out.folds = folds;
  for (const std::string_view key : keys.keys) out.keys.emplace_back(key);
  for (std::int64_t without = -1; without < folds; ++without) {
    std::vector<double> total(size + 1, 0), rows(size + 1, 0);
    for (std::size_t part = 0; part < parts; ++part) {
      if (static_cast<std::int64_t>(part) == without) continue;
      for (std::size_t k = 0; k <= size; ++k) {
        total[k] += sums[part * (size + 1) + k];
        rows[k] += counts[part * (size + 1) + k];
      }
    }
    // A fold that holds every row leaves nothing outside it: the mean of all rows, which says nothing about one key.
    const double prior = rows[size] > 0 ? total[size] / rows[size] : out.values.empty() ? 0 : out.values[size];
    for (std::size_t k = 0; k < size; ++k) {
      const double weight = rows[k] + smoothing;
      out.values.push_back(weight > 0 ? (total[k] + smoothing * prior) / weight : prior);
    }
    out.values.push_back(prior);
  }
  return out;
}

}  // namespace mlp::fit
