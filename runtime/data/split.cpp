#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "base/codes/data.h"
#include "runtime/data/order.h"
#include "runtime/data/read.h"
#include "runtime/values/parse.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::data {

std::uint64_t hash_of_row(std::int64_t row, std::uint64_t seed) {
  std::array<char, 8> bytes;
  for (int i = 0; i < 8; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(static_cast<std::uint64_t>(row) >> (8 * i));
  return mlp_hash(bytes.data(), 8, seed);
}
std::uint64_t hash_of_key(const std::string& key, std::uint64_t seed) { return mlp_hash(key.data(), static_cast<std::int64_t>(key.size()), seed); }

std::vector<long double> times_of(const Column& about, const values::ColumnData& column, std::int64_t rows) {
  const auto unit = static_cast<long double>(about.type.scalar == Scalar::date ? 86'400'000'000 : 1);
  std::vector<long double> times;
  times.reserve(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    const values::Cell cell = column.cell(row);
    times.push_back(column.layout == values::Layout::real ? static_cast<long double>(cell.real) : static_cast<long double>(cell.integer) * unit);
  }
  return times;
}

namespace {

// Ends of train, valid and test on a line from 0 to 1.
struct Ends {
  double train, valid, test;
  explicit Ends(const Split& s) : train(s.train), valid(s.train + s.valid), test(s.train + s.valid + s.test) {
    if (test <= 1 - 1e-9) return;  // 0.7 + 0.2 + 0.1 is a little less than 1
    if (train >= test - 1e-12) train = 1;
    if (valid >= test - 1e-12) valid = 1;
    test = 1;
  }
  Part of(double u) const { return u < train ? Part::train : u < valid ? Part::valid : u < test ? Part::test : Part::none; }
  // Part of the i-th of n in order.
  Part of(std::int64_t i, std::int64_t n) const {
    const auto rows = [&](double end) { return std::llround(end * static_cast<double>(n)); };
    return i < rows(train) ? Part::train : i < rows(valid) ? Part::valid : i < rows(test) ? Part::test : Part::none;
  }
};

Failure value_failure(const Split& split, const Column& column, std::int64_t row, std::string message, std::string help) {
  Diagnostic d;
  d.code = code::split_value;
  d.message = std::move(message);
  d.span = split.span;
  d.help = std::move(help);
  d.data = DataPlace{.file = {}, .row = row + 1, .column = column.name, .value = {}};
  return Failure(std::move(d));
}

void shuffle_into(const std::vector<std::int64_t>& rows, const Ends& ends, std::uint64_t seed, std::vector<Part>& out) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> order;
  order.reserve(rows.size());
  for (const std::int64_t row : rows) order.emplace_back(hash_of_row(row, seed), row);
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i)
    out[static_cast<std::size_t>(order[i].second)] = ends.of(static_cast<std::int64_t>(i), static_cast<std::int64_t>(order.size()));
}

void split_by_group(const std::vector<std::string>& keys, const Ends& ends, std::uint64_t seed, std::vector<Part>& out) {
  std::map<std::string, std::vector<std::int64_t>> groups;
  for (std::size_t row = 0; row < keys.size(); ++row) groups[keys[row]].push_back(static_cast<std::int64_t>(row));
  std::vector<std::pair<std::uint64_t, const std::string*>> order;
  for (const auto& [key, rows] : groups) order.emplace_back(hash_of_key(key, seed), &key);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : *a.second < *b.second; });
  std::int64_t before = 0;
  for (const auto& [hash, key] : order) {
    const std::vector<std::int64_t>& rows = groups[*key];
    const auto size = static_cast<std::int64_t>(rows.size());
    const Part part = ends.of((static_cast<double>(before) + static_cast<double>(size) / 2) / static_cast<double>(keys.size()));
    for (const std::int64_t row : rows) out[static_cast<std::size_t>(row)] = part;
    before += size;
  }
}

void split_by_time(const Split& split, const Column& about, const values::ColumnData& column, const Ends& ends, std::vector<Part>& out) {
  const auto n = static_cast<std::int64_t>(out.size());
  const std::vector<long double> times = times_of(about, column, n);
  const auto time = [&](std::int64_t row) { return times[static_cast<std::size_t>(row)]; };
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const long double x = time(a), y = time(b);
    return x != y ? x < y : a < b;
  });
  bool begun = false;
  Part before = Part::train;
  long double last = 0;  // time of the last row that is in a part
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t row = order[static_cast<std::size_t>(i)];
    Part part = ends.of(i, n);
    if (part == Part::none) {
      out[static_cast<std::size_t>(row)] = part;
      continue;
    }
    if (!begun || part != before) {
      if (begun && split.gap > 0 && time(row) < last + static_cast<long double>(split.gap)) {
        out[static_cast<std::size_t>(row)] = Part::none;  // still in the gap: the part has not begun
        continue;
      }
      begun = true;
      before = part;
    }
    last = time(row);
    out[static_cast<std::size_t>(row)] = part;
  }
}

}  // namespace

std::vector<Part> split(const Split& split, const std::vector<Column>& schema, const values::Table& table, std::uint64_t run_seed) {
  const std::uint64_t seed = split.seed != 0 ? split.seed : run_seed;
  const Ends ends(split);
  std::vector<Part> out(static_cast<std::size_t>(table.rows), Part::train);

  const Column* about = nullptr;
  const values::ColumnData* column = nullptr;
  if (split.column.known()) {
    about = &schema[static_cast<std::size_t>(split.column.index)];
    column = &table.columns[static_cast<std::size_t>(split.column.index)];
    MLP_CHECK(column->size() == table.rows);
    for (std::int64_t row = 0; row < table.rows && split.method != SplitMethod::stratified; ++row)
      if (!column->is_present(row))
        throw value_failure(split, *about, row, "no value in row " + std::to_string(row + 1) + " of column `" + about->name + "`, by which the rows are split",
                            "correct the row, or split by a column that has no nulls");
  }
  const auto keys = [&] {
    std::vector<std::string> texts;
    texts.reserve(out.size());
    for (std::int64_t row = 0; row < table.rows; ++row) texts.push_back(values::spell(*about, column->cell(row)));
    return texts;
  };

  switch (split.method) {
    case SplitMethod::random: {
      std::vector<std::int64_t> rows(out.size());
      std::iota(rows.begin(), rows.end(), 0);
      shuffle_into(rows, ends, seed, out);
      break;
    }
    case SplitMethod::hash: {
      const std::vector<std::string> texts = keys();
      for (std::size_t row = 0; row < texts.size(); ++row) out[row] = ends.of(static_cast<double>(hash_of_key(texts[row], seed) >> 11) * 0x1p-53);
      break;
    }
    case SplitMethod::group: split_by_group(keys(), ends, seed, out); break;
    case SplitMethod::time: split_by_time(split, *about, *column, ends, out); break;
    case SplitMethod::stratified: {
      std::map<std::pair<bool, std::string>, std::vector<std::int64_t>> strata;
      for (std::int64_t row = 0; row < table.rows; ++row) {
        const bool present = column->is_present(row);
        strata[{present, present ? values::spell(*about, column->cell(row)) : std::string()}].push_back(row);
      }
      for (const auto& [key, rows] : strata) shuffle_into(rows, ends, seed, out);
      break;
    }
    case SplitMethod::every: {
      MLP_CHECK(split.every > 0);
      for (std::int64_t row = 0; row < table.rows; ++row) {
        const std::int64_t place = row % split.every;
        out[static_cast<std::size_t>(row)] = place == 0 ? Part::test : place == 1 && split.valid > 0 ? Part::valid : Part::train;
      }
      break;
    }
    case SplitMethod::column:
      for (std::int64_t row = 0; row < table.rows; ++row) {
        const std::string word = values::spell(*about, column->cell(row));
        Part& part = out[static_cast<std::size_t>(row)];
        if (word == "train") part = Part::train;
        else if (word == "valid") part = Part::valid;
        else if (word == "test") part = Part::test;
        else
          throw value_failure(split, *about, row, values::named(*about, word) + " in row " + std::to_string(row + 1) + " of column `" + about->name + "` names no part",
                              "the parts are `train`, `valid` and `test`");
      }
      break;
  }

  const auto asked = [&](Part part) {
    if (part == Part::train) return true;
    if (split.method == SplitMethod::column) return false;  // the column decides which parts there are
    if (split.method == SplitMethod::every) return part == Part::test || split.valid > 0;
    return part == Part::valid ? split.valid > 0 : split.test > 0;
  };
  static const char* const names[] = {"train", "valid", "test"};
  for (const Part part : {Part::train, Part::valid, Part::test}) {
    if (!asked(part) || std::find(out.begin(), out.end(), part) != out.end()) continue;
    Diagnostic d;
    d.code = code::split_part_empty;
    d.message = std::string("no row falls into the ") + names[static_cast<int>(part)] + " part";
    d.note(std::to_string(table.rows) + " rows were split");
    d.at(split.span).suggest(split.gap > 0 ? "shorten the gap, or use other fractions" : "use more rows or other fractions, or set the part to 0%");
    throw Failure(std::move(d));
  }
  return out;
}

}  // namespace mlp::data
