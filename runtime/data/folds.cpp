// Cross-validation: the rows that are not test, divided once more. Each fold keeps the promise of the split: groups stay
// whole, time runs forward.
#include <algorithm>
#include <map>
#include <numeric>

#include "base/codes/data.h"
#include "runtime/data/order.h"
#include "runtime/data/read.h"
#include "runtime/values/parse.h"

namespace mlp::data {
namespace {

constexpr std::uint64_t fold_stream = 0x9e3779b97f4a7c15;  // apart from the hashes that made the parts

using Rows = std::vector<std::int64_t>;

Rows shuffled(Rows rows, std::uint64_t seed) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> order;
  for (const std::int64_t row : rows) order.emplace_back(hash_of_row(row, seed), row);
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = order[i].second;
  return rows;
}

// Forward folds: each tests the block of rows after those that it trains on (scikit-learn's TimeSeriesSplit).
std::vector<std::vector<Part>> forward(const Split& split, const std::vector<std::int64_t>& order, const std::vector<long double>& time, std::size_t all) {
  const auto n = static_cast<std::int64_t>(order.size());
  const std::int64_t size = split.fold_test > 0 ? split.fold_test : n / (split.folds + 1);
  const auto at = [&](std::int64_t i) { return time[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]; };
  const double valid_share = split.valid > 0 ? split.valid / (split.train + split.valid) : 0;
  std::vector<std::vector<Part>> out;
  for (std::int64_t k = 0; k < split.folds; ++k) {
    std::vector<Part>& parts = out.emplace_back(all, Part::none);
    const std::int64_t begin = n - (split.folds - k) * size;
    if (begin <= 0 || size == 0) continue;
    const auto before = [&](std::int64_t end, std::int64_t first) {  // the rows up to `end` that lie a gap or more before `first`
      while (split.gap > 0 && end > 0 && at(end - 1) + static_cast<long double>(split.gap) > at(first)) --end;
      return end;
    };
    const std::int64_t end = before(begin, begin);
    const std::int64_t start = split.fold_train > 0 ? std::max<std::int64_t>(0, end - split.fold_train) : 0;
    const std::int64_t middle = end - static_cast<std::int64_t>(valid_share * static_cast<double>(end - start));
    const std::int64_t train_end = middle < end ? before(middle, middle) : end;
    const auto mark = [&](std::int64_t from, std::int64_t to, Part part) {
      for (std::int64_t i = from; i < to; ++i) parts[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = part;
    };
    mark(start, train_end, Part::train);
    mark(middle, end, Part::valid);
    mark(begin, begin + size, Part::test);
  }
  return out;
}

}  // namespace

std::vector<std::vector<Part>> folds(const Split& split, const std::vector<Column>& schema, const values::Table& table, std::uint64_t run_seed, const std::vector<Part>& parts) {
  const std::uint64_t seed = (split.seed != 0 ? split.seed : run_seed) ^ fold_stream;
  const Column* about = split.column.known() ? &schema[static_cast<std::size_t>(split.column.index)] : nullptr;
  const values::ColumnData* column = about ? &table.columns[static_cast<std::size_t>(split.column.index)] : nullptr;
  Rows rows;
  for (std::int64_t row = 0; row < table.rows; ++row)
    if (parts[static_cast<std::size_t>(row)] == Part::train || parts[static_cast<std::size_t>(row)] == Part::valid) rows.push_back(row);
  const auto count = static_cast<std::uint64_t>(split.folds);
  const auto key = [&](std::int64_t row) { return column->is_present(row) ? values::spell(*about, column->cell(row)) : std::string(); };

  std::vector<std::vector<Part>> out;
  if (split.method == SplitMethod::time) {
    const std::vector<long double> time = times_of(*about, *column, table.rows);
    std::stable_sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) { return time[static_cast<std::size_t>(a)] < time[static_cast<std::size_t>(b)]; });
    out = forward(split, rows, time, parts.size());
  } else {
    std::vector<std::uint64_t> fold(parts.size(), 0);
    std::uint64_t next = 0;
    switch (split.method) {
      case SplitMethod::hash:
        for (const std::int64_t row : rows) fold[static_cast<std::size_t>(row)] = hash_of_key(key(row), seed) % count;
        break;
      case SplitMethod::group: {
        // Whole groups, the largest first, each into the fold that has the fewest rows.
        std::map<std::string, Rows> groups;
        for (const std::int64_t row : rows) groups[key(row)].push_back(row);
        std::vector<std::pair<std::pair<std::int64_t, std::uint64_t>, const Rows*>> order;
        for (const auto& [name, members] : groups) order.push_back({{-static_cast<std::int64_t>(members.size()), hash_of_key(name, seed)}, &members});
        std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        std::vector<std::size_t> filled(count, 0);
        for (const auto& [rank, members] : order) {
          const auto least = static_cast<std::uint64_t>(std::min_element(filled.begin(), filled.end()) - filled.begin());
          filled[least] += members->size();
          for (const std::int64_t row : *members) fold[static_cast<std::size_t>(row)] = least;
        }
        break;
      }
      case SplitMethod::stratified: {
        std::map<std::string, Rows> strata;
        for (const std::int64_t row : rows) strata[key(row)].push_back(row);
        for (const auto& [name, members] : strata)
          for (const std::int64_t row : shuffled(members, seed)) fold[static_cast<std::size_t>(row)] = next++ % count;
        break;
      }
      case SplitMethod::every:
        for (const std::int64_t row : rows) fold[static_cast<std::size_t>(row)] = next++ % count;
        break;
      default:
        for (const std::int64_t row : shuffled(rows, seed)) fold[static_cast<std::size_t>(row)] = next++ % count;
    }
    for (std::uint64_t k = 0; k < count; ++k) {
      std::vector<Part>& own = out.emplace_back(parts.size(), Part::none);
      for (const std::int64_t row : rows) own[static_cast<std::size_t>(row)] = fold[static_cast<std::size_t>(row)] == k ? Part::test : parts[static_cast<std::size_t>(row)];
    }
  }
  for (std::size_t k = 0; k < out.size(); ++k)
    for (const Part part : {Part::train, Part::test})
      if (std::find(out[k].begin(), out[k].end(), part) == out[k].end()) {
        Diagnostic d;
        d.code = code::split_part_empty;
        d.message = "fold " + std::to_string(k + 1) + " of " + std::to_string(split.folds) + " has no rows to " + (part == Part::train ? "train on" : "measure");
        d.note(std::to_string(rows.size()) + " rows were divided");
        d.at(split.span).suggest(split.method == SplitMethod::group ? "use fewer folds: there are too few groups" : "use fewer or smaller folds");
        throw Failure(std::move(d));
      }
  return out;
}

}  // namespace mlp::data
