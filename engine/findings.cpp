#include "engine/findings.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/codes/training.h"
#include "compiler/driver/lineage.h"
#include "runtime/learn/pool.h"
#include "runtime/values/parse.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::engine {
namespace {

std::string spell(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4f", value);
  return buffer;
}
std::string percent(double share) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f%%", 100 * share);
  return buffer;
}
std::string count(std::int64_t n, const char* one, const char* many) { return std::to_string(n) + " " + (n == 1 ? one : many); }

// ---- a single feature that predicts too well

constexpr std::int64_t sample_rows = 10'000;
constexpr std::int64_t fewest_rows = 50;
constexpr std::size_t bins = 64;
// Above these, what a feature knows of the label is hardly ever known in use. On the public data sets of the examples
// the best honest features lie well below: see docs/leakage.md.
constexpr double most_r2 = 0.92, most_auc = 0.985, most_skill = 0.97;

struct Skill {
  double value = 0;
  const char* measure = "";
  bool too_good = false;
};

// How well one feature alone predicts the label: means (or shares of classes) by bin, each half of the sample judged by the
// other half.
class Judge {
 public:
  Judge(const Part& train, std::size_t classes) : classes_(classes) {
    const auto n = static_cast<std::int64_t>(train.row.size());
    const std::int64_t step = std::max<std::int64_t>(1, (n + sample_rows - 1) / sample_rows);
    for (std::int64_t i = 0; i < n; i += step) {
      rows_.push_back(static_cast<std::size_t>(i));
      target_.push_back(train.target[static_cast<std::size_t>(i)]);
      const std::int64_t key[1] = {train.row[static_cast<std::size_t>(i)]};
      half_.push_back(static_cast<std::uint8_t>(mlp_hash(reinterpret_cast<const char*>(key), sizeof key, 0) & 1));
    }
    shares_.resize(std::max<std::size_t>(classes_, 2));
    for (const double y : target_)
      if (classes_ > 0) ++shares_[static_cast<std::size_t>(y)];
  }

  bool worth_it() const {
    if (static_cast<std::int64_t>(rows_.size()) < fewest_rows) return false;
    if (classes_ != 2) return true;
    return std::min(shares_[0], shares_[1]) >= 10;
  }

  Skill judge(const std::vector<double>& column, bool category) const {
    std::vector<double> v;
    v.reserve(rows_.size());
    for (const std::size_t row : rows_) v.push_back(column[row]);
    if (classes_ > 2) {
      const double skill = class_skill(v, category);
      return {skill, "of the errors of the most frequent class avoided", skill >= most_skill};
    }
    std::vector<double> predicted = by_bins(v, category);
    if (classes_ == 2) {
      const double auc = area(predicted);
      return {auc, "AUC", auc >= most_auc};
    }
    double r2 = explained(predicted);
    if (!category) r2 = std::max(r2, explained(by_line(v)));
    return {r2, "R²", r2 >= most_r2};
  }

 private:
  // The bin of each value, cut at the quantiles of one half.
  std::vector<std::size_t> bin(const std::vector<double>& v, bool category, std::uint8_t half) const {
    std::vector<double> edges;
    if (!category) {
      std::vector<double> known;
      for (std::size_t i = 0; i < v.size(); ++i)
        if (half_[i] == half && !std::isnan(v[i])) known.push_back(v[i]);
      std::sort(known.begin(), known.end());
      for (std::size_t b = 1; b < bins && !known.empty(); ++b) edges.push_back(known[b * known.size() / bins]);
      edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    }
    std::vector<std::size_t> out;
    out.reserve(v.size());
    for (const double x : v) {
      if (std::isnan(x)) out.push_back(0);
      else if (category) out.push_back(1 + static_cast<std::size_t>(x));
      else out.push_back(1 + static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), x) - edges.begin()));
    }
    return out;
  }

  std::vector<double> by_bins(const std::vector<double>& v, bool category) const {
    std::vector<double> predicted(v.size());
    for (const std::uint8_t half : {0, 1}) {
      const std::vector<std::size_t> place = bin(v, category, half);
      std::vector<double> sum(place.empty() ? 0 : *std::max_element(place.begin(), place.end()) + 1), rows(sum.size());
      double all = 0, seen = 0;
      for (std::size_t i = 0; i < v.size(); ++i) {
        if (half_[i] != half) continue;
        sum[place[i]] += target_[i];
        ++rows[place[i]];
        all += target_[i];
        ++seen;
      }
      const double mean = seen > 0 ? all / seen : 0;
      for (std::size_t i = 0; i < v.size(); ++i)
        if (half_[i] != half) predicted[i] = rows[place[i]] > 0 ? sum[place[i]] / rows[place[i]] : mean;
    }
    return predicted;
  }

  std::vector<double> by_line(const std::vector<double>& v) const {
    std::vector<double> predicted(v.size());
    for (const std::uint8_t half : {0, 1}) {
      double n = 0, x = 0, y = 0;
      for (std::size_t i = 0; i < v.size(); ++i)
        if (half_[i] == half && std::isfinite(v[i])) ++n, x += v[i], y += target_[i];
      if (n > 0) x /= n, y /= n;
      double xx = 0, xy = 0;
      for (std::size_t i = 0; i < v.size(); ++i)
        if (half_[i] == half && std::isfinite(v[i])) xx += (v[i] - x) * (v[i] - x), xy += (v[i] - x) * (target_[i] - y);
      const double slope = xx > 0 && std::isfinite(xx) ? xy / xx : 0;
      for (std::size_t i = 0; i < v.size(); ++i)
        if (half_[i] != half) predicted[i] = std::isfinite(v[i]) ? y + slope * (v[i] - x) : y;
    }
    return predicted;
  }

  double explained(const std::vector<double>& predicted) const {
    const double mean = std::accumulate(target_.begin(), target_.end(), 0.0) / static_cast<double>(target_.size());
    double left = 0, all = 0;
    for (std::size_t i = 0; i < target_.size(); ++i) {
      left += (target_[i] - predicted[i]) * (target_[i] - predicted[i]);
      all += (target_[i] - mean) * (target_[i] - mean);
    }
    return all > 0 ? 1 - left / all : 0;
  }

  double area(const std::vector<double>& predicted) const {
    std::vector<std::pair<double, int>> order;
    order.reserve(predicted.size());
    for (std::size_t i = 0; i < predicted.size(); ++i) order.emplace_back(predicted[i], target_[i] > 0);
    std::sort(order.begin(), order.end());
    double below = 0, won = 0, positives = 0;
    for (std::size_t i = 0; i < order.size();) {
      double no = 0, yes = 0;
      std::size_t j = i;
      for (; j < order.size() && order[j].first == order[i].first; ++j) (order[j].second ? yes : no) += 1;
      won += yes * (below + no / 2);
      below += no;
      positives += yes;
      i = j;
    }
    return positives > 0 && below > 0 ? won / (positives * below) : 0;
  }

  double class_skill(const std::vector<double>& v, bool category) const {
    double right = 0;
    for (const std::uint8_t half : {0, 1}) {
      const std::vector<std::size_t> place = bin(v, category, half);
      std::map<std::size_t, std::vector<std::int32_t>> seen;
      for (std::size_t i = 0; i < v.size(); ++i) {
        if (half_[i] != half) continue;
        std::vector<std::int32_t>& counts = seen[place[i]];
        counts.resize(classes_);
        ++counts[static_cast<std::size_t>(target_[i])];
      }
      std::map<std::size_t, std::size_t> best;
      for (const auto& [b, counts] : seen) best[b] = static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
      for (std::size_t i = 0; i < v.size(); ++i) {
        if (half_[i] == half) continue;
        const auto found = best.find(place[i]);
        right += found != best.end() && found->second == static_cast<std::size_t>(target_[i]);
      }
    }
    const auto n = static_cast<double>(v.size());
    const double base = *std::max_element(shares_.begin(), shares_.end()) / n;
    return base < 1 ? (right / n - base) / (1 - base) : 0;
  }

  std::size_t classes_;
  std::vector<std::size_t> rows_;
  std::vector<double> target_, shares_;
  std::vector<std::uint8_t> half_;
};

void find_telling_features(const Pipeline& pipeline, const Data& data, const std::vector<std::vector<double>>& columns, int threads, std::vector<Finding>& out) {
  const flow::Program& program = pipeline.program();
  const bool classes = program.model.settings.loss == Loss::logistic || program.model.settings.loss == Loss::softmax;
  const Judge judge(data.train, classes ? data.classes.size() : 0);
  if (!judge.worth_it()) return;
  std::vector<Skill> skills(columns.size());
  learn::Pool pool(threads);
  pool.run(static_cast<std::int64_t>(columns.size()), [&](std::int64_t f) {
    const auto i = static_cast<std::size_t>(f);
    skills[i] = judge.judge(columns[i], program.features[i].encoding == ir::Encoding::category || program.features[i].encoding == ir::Encoding::one_hot);
  });
  for (std::size_t f = 0; f < skills.size(); ++f) {
    if (!skills[f].too_good) continue;
    Finding finding;
    finding.code = code::telling_feature;
    finding.kind = "telling_feature";
    finding.subject = program.features[f].name;
    finding.feature = static_cast<std::int32_t>(f);
    finding.measure = skills[f].value;
    finding.message = "feature `" + finding.subject + "` alone predicts `" + program.model.target_name + "` too well: " + skills[f].measure + " " + spell(skills[f].value);
    finding.help = "if it is known only after the label, declare its column `@future`; else say in the spec why it is honest";
    out.push_back(std::move(finding));
  }
}

// ---- rows and groups on both sides

std::uint64_t hash_cell(const values::ColumnData& column, std::int64_t row, std::uint64_t seed) {
  if (!column.is_present(row)) return mlp_hash("", 0, seed + 1);
  const auto r = static_cast<std::size_t>(row);
  switch (column.layout) {
    case values::Layout::real: {
      const double v = column.reals[r] == 0 ? 0 : column.reals[r];
      return mlp_hash(reinterpret_cast<const char*>(&v), sizeof v, seed);
    }
    case values::Layout::integer: return mlp_hash(reinterpret_cast<const char*>(&column.integers[r]), sizeof column.integers[r], seed);
    case values::Layout::boolean: return mlp_hash(reinterpret_cast<const char*>(&column.booleans[r]), 1, seed);
    case values::Layout::string: return mlp_hash(column.strings[r].data, column.strings[r].size, seed);
  }
  return seed;
}

bool same_cell(const values::ColumnData& column, std::int64_t a, std::int64_t b) {
  if (column.is_present(a) != column.is_present(b)) return false;
  const values::Cell x = column.cell(a), y = column.cell(b);
  return x.integer == y.integer && x.text == y.text && (x.real == y.real || (std::isnan(x.real) && std::isnan(y.real)));
}

struct Twins {
  std::int64_t rows = 0;                                        // of the test part
  std::vector<std::pair<std::int64_t, std::int64_t>> examples;  // test row and train row, from 0
};

// Test rows that equal a train row in these columns.
Twins twins(const Data& data, const std::vector<std::size_t>& columns) {
  std::vector<std::uint64_t> hash(static_cast<std::size_t>(data.table->rows), 0);
  for (const std::size_t c : columns)
    for (std::size_t row = 0; row < hash.size(); ++row) hash[row] = hash_cell(data.table->columns[c], static_cast<std::int64_t>(row), hash[row]);
  std::vector<std::pair<std::uint64_t, std::int64_t>> train;
  for (const std::int64_t row : data.train.row) train.emplace_back(hash[static_cast<std::size_t>(row)], row);
  std::sort(train.begin(), train.end());
  Twins found;
  for (const std::int64_t row : data.test.row) {
    const std::uint64_t h = hash[static_cast<std::size_t>(row)];
    for (auto at = std::lower_bound(train.begin(), train.end(), std::pair<std::uint64_t, std::int64_t>(h, -1)); at != train.end() && at->first == h; ++at) {
      if (!std::all_of(columns.begin(), columns.end(), [&](std::size_t c) { return same_cell(data.table->columns[c], row, at->second); })) continue;
      ++found.rows;
      if (found.examples.size() < 3) found.examples.emplace_back(row, at->second);
      break;
    }
  }
  return found;
}

// Numbers for values, equal for equal ones; -1 for null.
std::vector<std::int64_t> numbered(const values::ColumnData& column, std::int64_t rows, std::int64_t& distinct) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> order;
  for (std::int64_t row = 0; row < rows; ++row)
    if (column.is_present(row)) order.emplace_back(hash_cell(column, row, 0), row);
  std::sort(order.begin(), order.end());
  std::vector<std::int64_t> out(static_cast<std::size_t>(rows), -1);
  distinct = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && order[i].first != order[i - 1].first) ++distinct;
    out[static_cast<std::size_t>(order[i].second)] = distinct;
  }
  if (!order.empty()) ++distinct;
  return out;
}

// How many values a column has in some of its rows, evenly spread; null is one of them.
std::int64_t count_values(const values::ColumnData& column, std::int64_t rows, std::int64_t some) {
  std::vector<std::uint64_t> seen;
  for (std::int64_t k = 0; k < some; ++k) seen.push_back(hash_cell(column, k * rows / some, 0));
  std::sort(seen.begin(), seen.end());
  return std::unique(seen.begin(), seen.end()) - seen.begin();
}

// Whether a column has so few values that some of its rows show them all, and none can be an identity.
constexpr std::int64_t some_rows = 4096;
bool has_few_values(const values::ColumnData& column, std::int64_t rows) { return rows > some_rows && count_values(column, rows, some_rows) < some_rows / 64; }

// Whether the columns have room for many more rows than there are, so that two equal rows are hardly a coincidence.
bool roomy(const Data& data, const std::vector<std::size_t>& columns) {
  const std::int64_t rows = data.table->rows;
  const double enough = 2 * std::log2(static_cast<double>(std::max<std::int64_t>(rows, 2)));
  double bits = 0;
  for (std::size_t c = 0; c < columns.size() && bits < enough; ++c) {
    const values::ColumnData& column = data.table->columns[columns[c]];
    bits += std::log2(static_cast<double>(count_values(column, rows, has_few_values(column, rows) ? some_rows : rows)));
  }
  return bits >= enough;
}

void find_twins(const flow::Program& program, const Data& data, std::vector<Finding>& out) {
  std::vector<std::size_t> all, but_ids;
  for (std::size_t c = 0; c < program.columns.size(); ++c) {
    if (data.table->columns[c].size() != data.table->rows) continue;
    all.push_back(c);
    if (program.columns[c].type.scalar != Scalar::id) but_ids.push_back(c);
  }
  if (all.empty() || data.test.row.empty()) return;
  const auto tests = static_cast<std::int64_t>(data.test.row.size());
  Twins found;
  if (!but_ids.empty()) found = twins(data, but_ids);
  const bool many = found.rows * 100 >= tests && found.rows > 0 && roomy(data, but_ids);
  if (!many) {  // a few equal rows happen; with the same id they are copies
    if (found.rows == 0 || all.size() == but_ids.size()) return;
    found = twins(data, all);
    if (found.rows == 0) return;
  }
  Finding finding;
  finding.code = code::rows_in_both;
  finding.kind = "rows_in_both_parts";
  finding.count = found.rows;
  finding.measure = static_cast<double>(found.rows) / static_cast<double>(tests);
  finding.message = count(found.rows, "test row stands", "test rows stand") + " in the train part too (" + percent(finding.measure) + " of the test part)";
  std::string shown;
  for (const auto& [test, train] : found.examples) {
    finding.rows.push_back(test + 1);
    finding.rows.push_back(train + 1);
    shown += (shown.empty() ? "" : "; ") + std::string("row ") + std::to_string(test + 1) + " is row " + std::to_string(train + 1);
  }
  finding.note = shown;
  finding.help = "leave copies out of the data, or keep them together: `by = hash(…)` of what they share";
  out.push_back(std::move(finding));
}

void find_identities(const flow::Program& program, const Data& data, std::vector<Finding>& out) {
  const SplitMethod method = program.split.method;
  if (method == SplitMethod::time || method == SplitMethod::column || data.test.row.empty()) return;
  const bool by_value = method == SplitMethod::hash || method == SplitMethod::group;
  const auto& target = program.model.target_columns;
  for (std::size_t c = 0; c < program.columns.size(); ++c) {
    const Column& column = program.columns[c];
    const ColumnId id{static_cast<std::int32_t>(c)};
    const Scalar s = column.type.scalar;
    const bool named = s == Scalar::id || (s == Scalar::integer && driver::is_called_id(column.name)), text = s == Scalar::category || s == Scalar::string;
    if ((!named && !text) || data.table->columns[c].size() != data.table->rows || (by_value && program.split.column == id)) continue;
    if (std::find(target.begin(), target.end(), id) != target.end()) continue;
    if (text && has_few_values(data.table->columns[c], data.table->rows)) continue;
    std::int64_t distinct = 0;
    const std::vector<std::int64_t> number = numbered(data.table->columns[c], data.table->rows, distinct);
    const double size = distinct > 0 ? static_cast<double>(data.table->rows) / static_cast<double>(distinct) : 0;
    // An identity has many values, and each of them few rows; a category has few values.
    if (distinct < 30 || size < 1.5 || size > (named ? 1e9 : 30)) continue;
    std::vector<std::uint8_t> trained(static_cast<std::size_t>(distinct), 0);
    for (const std::int64_t row : data.train.row)
      if (number[static_cast<std::size_t>(row)] >= 0) trained[static_cast<std::size_t>(number[static_cast<std::size_t>(row)])] = 1;
    std::int64_t both = 0;
    for (const std::int64_t row : data.test.row) both += number[static_cast<std::size_t>(row)] >= 0 && trained[static_cast<std::size_t>(number[static_cast<std::size_t>(row)])];
    const double share = static_cast<double>(both) / static_cast<double>(data.test.row.size());
    if (share < 0.5) continue;
    Finding finding;
    finding.code = code::identity_in_both;
    finding.kind = "identity_in_both_parts";
    finding.subject = column.name;
    finding.count = both;
    finding.measure = share;
    finding.message = "`" + column.name + "` looks like an identity (" + count(distinct, "value", "values") + ", " + spell(size).substr(0, spell(size).size() - 3) + " rows each), and " + percent(share) +
                      " of the test rows share theirs with train rows";
    finding.help = "declare it `@group` and split `by = group(" + column.name + ")`, if rows of one value belong together";
    out.push_back(std::move(finding));
  }
}

void find_thin_population(const flow::Program& program, const Data& data, std::vector<Finding>& out) {
  constexpr std::int64_t enough = 100;
  const auto served = static_cast<std::int64_t>(data.test.row.size());
  if (!program.model.population.known() || data.outside == 0 || served >= enough) return;
  Finding finding;
  finding.code = code::thin_population;
  finding.kind = "thin_population";
  finding.count = served;
  finding.measure = static_cast<double>(served) / static_cast<double>(served + data.outside);
  finding.message = "of " + count(served + data.outside, "test row", "test rows") + " only " + std::to_string(served) + " are of the population that `" + program.deploy.name + "` serves";
  finding.help = "gather rows of that population, or give the test part a greater share";
  out.push_back(std::move(finding));
}

}  // namespace

std::vector<Finding> find_leaks(const Pipeline& pipeline, const Data& data, const std::vector<std::vector<double>>& columns, int threads) {
  std::vector<Finding> out;
  const ir::Model& model = pipeline.program().model;
  if (has_target(model.settings.kind)) find_telling_features(pipeline, data, columns, threads, out);
  if (model.target.known()) {  // without a truth nothing can be learnt by heart
    find_twins(pipeline.program(), data, out);
    find_identities(pipeline.program(), data, out);
  }
  find_thin_population(pipeline.program(), data, out);
  place(out, pipeline.program());
  return out;
}

void place(std::vector<Finding>& findings, const flow::Program& program) {
  for (Finding& finding : findings) {
    if (finding.feature >= 0) {
      const ir::Feature& feature = program.features[static_cast<std::size_t>(finding.feature)];
      const std::string old = "`" + finding.subject + "`";
      finding.message.replace(finding.message.find(old), old.size(), "`" + feature.name + "`");
      finding.subject = feature.name;
      finding.span = feature.span;
    } else if (finding.code == code::identity_in_both) {
      for (const Column& column : program.columns)
        if (column.name == finding.subject) finding.span = column.span;
    } else {
      finding.span = finding.code == code::thin_population ? program.deploy.span : program.split.span.known() ? program.split.span : program.source.span;
    }
  }
}

Diagnostic to_diagnostic(const Finding& finding) {
  Diagnostic d{.code = finding.code, .message = finding.message};
  d.at(finding.span).suggest(finding.help);
  if (!finding.note.empty()) d.note(finding.note);
  return d;
}

}  // namespace mlp::engine
