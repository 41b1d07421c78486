#include "engine/gates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <nlohmann/json.hpp>

#include "engine/kernels.h"
#include "runtime/learn/metrics.h"
#include "runtime/score/output.h"

namespace mlp::engine {
namespace {

std::string_view word(MetricScope scope) { return ir::enum_words<MetricScope>::words[static_cast<int>(scope)]; }

std::string spell(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", value);
  return buffer;
}

// A value of one column, for grouping and for changing rows.
struct Cell {
  bool present = false;
  double real = 0;
  std::int64_t integer = 0;
  std::string text;
  friend auto operator<=>(const Cell& a, const Cell& b) = default;
};

Cell get(const values::ColumnData& column, std::int64_t row) {
  Cell cell;
  cell.present = column.is_present(row);
  if (!cell.present) return cell;
  switch (column.layout) {
    case values::Layout::real: cell.real = column.reals[row]; break;
    case values::Layout::integer: cell.integer = column.integers[row]; break;
    case values::Layout::boolean: cell.integer = column.booleans[row]; break;
    case values::Layout::string: cell.text.assign(column.strings[row].data, static_cast<std::size_t>(column.strings[row].size)); break;
  }
  return cell;
}

// Sets every row of a column to one value. `cell` must outlive the column's use.
void fill(values::ColumnData& column, std::int64_t rows, const Cell& cell) {
  const auto n = static_cast<std::size_t>(rows);
  column.present.clear();
  if (!cell.present) column.present.assign(n, 0);
  switch (column.layout) {
    case values::Layout::real: column.reals.assign(n, cell.real); break;
    case values::Layout::integer: column.integers.assign(n, cell.integer); break;
    case values::Layout::boolean: column.booleans.assign(n, static_cast<std::uint8_t>(cell.integer)); break;
    case values::Layout::string: column.strings.assign(n, mlp_string{cell.text.data(), static_cast<std::int64_t>(cell.text.size())}); break;
  }
}

std::string show(const Cell& cell, const values::ColumnData& column) {
  if (!cell.present) return "null";
  switch (column.layout) {
    case values::Layout::real: return spell(cell.real);
    case values::Layout::string: return cell.text;
    case values::Layout::boolean: return cell.integer ? "true" : "false";
    default: return std::to_string(cell.integer);
  }
}

using Rows = std::vector<std::int64_t>;  // of a table

std::vector<Cell> distinct(const values::ColumnData& column, const Rows& rows) {
  std::vector<Cell> cells;
  for (const std::int64_t row : rows) cells.push_back(get(column, row));
  std::sort(cells.begin(), cells.end());
  cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  return cells;
}

// At most `count` values over the range of the column: its quantiles, or labels in their declared order.
std::vector<Cell> spread(const values::ColumnData& column, const Column& declared, const Rows& rows, std::size_t count) {
  std::vector<Cell> all;
  if (declared.ordered)
    for (const std::string& label : declared.one_of) all.push_back({true, 0, 0, label});
  else all = distinct(column, rows);
  std::erase_if(all, [](const Cell& c) { return !c.present; });
  if (all.size() <= count) return all;
  std::vector<Cell> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(all[i * (all.size() - 1) / (count - 1)]);
  return some;
}

// The numbers of a row that say how the model answers; see model::link.
struct Answers {
  std::vector<double> values;
  std::int32_t width = 1;
};
Answers answers(const score::Engine& engine, const Part& part) { return {predict(engine, part), engine.width()}; }

// All rows of a table, without targets.
Part whole(values::Table table) {
  Part part;
  part.row.resize(static_cast<std::size_t>(table.rows));
  std::iota(part.row.begin(), part.row.end(), 0);
  part.table = std::make_shared<const values::Table>(std::move(table));
  return part;
}

class Runner {
 public:
  Runner(const Pipeline& pipeline, const score::Engine& engine, const Data& data, const std::optional<Metrics>& production)
      : program_(pipeline.program()), engine_(engine), data_(data), production_(production), probe_(data.test.row.empty() ? data.train : data.test) {}

  GateResult run(const Gate& gate) {
    GateResult result{gate.text, false, {}, gate.span};
    switch (gate.kind) {
      case GateKind::require: require(gate, result); break;
      case GateKind::invariant: invariant(gate, result); break;
      case GateKind::monotone: monotone(gate, result); break;
      case GateKind::given: given(gate, result); break;
    }
    return result;
  }

 private:
  const std::map<std::string, double>& metrics(MetricScope scope) {
    std::map<std::string, double>& known = metrics_[scope];
    if (known.empty() && (scope == MetricScope::cv || scope == MetricScope::oob)) {  // measured while training
      const auto manifest = nlohmann::json::parse(engine_.package().manifest);
      for (const auto& [name, value] : manifest.at("metrics").at(std::string(word(scope))).items())
        if (value.is_number()) known[name] = value.get<double>();
    } else if (known.empty() && !data_.part(scope).row.empty()) known = measure(engine_, data_.part(scope));
    return known;
  }

  std::optional<double> metric(MetricScope scope, const std::string& name) {
    if (scope == MetricScope::production) {
      if (!production_) return {};
      const auto part = production_->find("test");
      if (part == production_->end()) return {};
      const auto found = part->second.find(name);
      return found == part->second.end() ? std::nullopt : std::optional(found->second);
    }
    const auto& known = metrics(scope);
    const auto found = known.find(name);
    return found == known.end() ? std::nullopt : std::optional(found->second);
  }

  void require(const Gate& gate, GateResult& result) {
    if (gate.metric == "findings") {  // of the training that made the package
      const auto manifest = nlohmann::json::parse(engine_.package().manifest);
      const auto found = manifest.find("findings");
      const std::size_t n = found == manifest.end() ? 0 : found->size();
      result.measured = "findings = " + std::to_string(n);
      for (std::size_t i = 0; i < n; ++i) result.measured += (i ? "; " : ": ") + (*found)[i].value("message", "");
      result.passed = holds(static_cast<double>(n), gate.compare, gate.value);
      return;
    }
    double left = 0;
    const std::string name = std::string(word(gate.scope)) + "." + gate.metric;
    if (gate.by.known()) {
      left = gap(gate, result.measured);
      if (std::isnan(left)) return;
    } else {
      const std::optional<double> value = metric(gate.scope, gate.metric);
      if (!value) {
        result.passed = gate.scope == MetricScope::production;
        result.measured = gate.scope == MetricScope::production ? "no run is in production yet" : "the " + std::string(word(gate.scope)) + " part is empty";
        return;
      }
      left = *value;
      result.measured = name + " = " + spell(left);
    }
    double right = gate.value;
    if (gate.against) {
      const std::optional<double> other = metric(*gate.against, gate.against_metric);
      if (!other) {
        result.passed = *gate.against == MetricScope::production;
        result.measured += *gate.against == MetricScope::production ? ", no run is in production yet" : ", the other part is empty";
        return;
      }
      right += *other;
      result.measured += ", " + std::string(word(*gate.against)) + "." + gate.against_metric + " = " + spell(*other);
    }
    result.passed = holds(left, gate.compare, right);
  }

  // Largest minus smallest value of a metric over the groups of a column.
  double gap(const Gate& gate, std::string& measured) {
    const Part& part = data_.part(gate.scope);
    const values::ColumnData& column = part.table->columns[gate.by.index];
    std::vector<std::vector<double>> features;
    const std::vector<double> predicted = predict(engine_, part, &features);
    const auto width = static_cast<std::size_t>(engine_.width());
    double low = std::numeric_limits<double>::infinity(), high = -low;
    std::string low_group, high_group;
    for (const Cell& group : distinct(column, part.row)) {
      std::vector<double> p, y, w;
      std::vector<std::vector<double>> seen(features.size());
      for (std::size_t row = 0; row < part.row.size(); ++row) {
        if (get(column, part.row[row]) != group) continue;
        p.insert(p.end(), predicted.begin() + row * width, predicted.begin() + (row + 1) * width);
        if (!part.target.empty()) y.push_back(part.target[row]);
        for (std::size_t f = 0; f < features.size(); ++f) seen[f].push_back(features[f][row]);
        if (!part.weight.empty()) w.push_back(part.weight[row]);
      }
      model::Matrix columns;
      for (const std::vector<double>& column : seen) columns.push_back(column.data());
      const auto all = learn::metrics(engine_.package().model, p, y, w, columns);
      const auto found = all.find(gate.metric);
      if (found == all.end() || std::isnan(found->second)) continue;  // not defined for this group: one class only
      if (found->second < low) low = found->second, low_group = show(group, column);
      if (found->second > high) high = found->second, high_group = show(group, column);
    }
    if (high < low) {
      measured = "`" + gate.metric + "` is defined for no group";
      return std::numeric_limits<double>::quiet_NaN();
    }
    measured = "gap = " + spell(high - low) + " (" + high_group + " " + spell(high) + ", " + low_group + " " + spell(low) + ")";
    return high - low;
  }

  // Answers with one raw column of every probe row set to `cell`.
  Answers changed(ColumnId id, const Cell& cell) {
    values::Table table = gather(*probe_.table, probe_.row);
    fill(table.columns[id.index], table.rows, cell);
    return answers(engine_, whole(std::move(table)));
  }

  bool used(ColumnId id) const { return std::find(program_.request.begin(), program_.request.end(), id) != program_.request.end(); }

  void invariant(const Gate& gate, GateResult& result) {
    const double limit = gate.value > 0 ? gate.value : 0.01;
    const Answers before = answers(engine_, probe_);
    const model::Answer kind = model::answer(engine_.package().model);
    double worst = 0;
    std::string where = "no feature uses it";
    for (const ColumnId id : gate.columns) {
      if (!used(id)) continue;
      const values::ColumnData& column = probe_.table->columns[id.index];
      const std::vector<Cell> choices = column.layout == values::Layout::string || column.layout == values::Layout::boolean ? distinct(column, probe_.row) : spread(column, program_.columns[id.index], probe_.row, 11);
      for (const Cell& cell : choices) {
        const Answers after = changed(id, cell);
        for (std::size_t i = 0; i < after.values.size(); ++i) {
          // Of a cluster the number counts, whatever the distance; of an anomaly the score.
          if ((kind == model::Answer::cluster && i % 2 == 1) || (kind == model::Answer::anomaly && i % 2 == 0)) continue;
          double moved = kind == model::Answer::cluster ? after.values[i] != before.values[i] : std::fabs(after.values[i] - before.values[i]);
          if (kind == model::Answer::value && before.values[i] != 0) moved /= std::fabs(before.values[i]);
          if (moved > worst) {
            worst = moved;
            where = "`" + program_.columns[id.index].name + "`" + (program_.columns[id.index].pii ? " changed" : " = " + show(cell, column)) + " in row " + std::to_string(probe_.row[i / after.width] + 1);
          }
        }
      }
    }
    result.passed = worst <= limit;
    if (worst == 0 && where == "no feature uses it") result.measured = where;
    else if (kind == model::Answer::cluster) result.measured = worst > 0 ? "another cluster with " + where : "no row changes its cluster";
    else result.measured = "largest change " + spell(worst) + (worst > 0 ? ", " + where : "");
  }

  void monotone(const Gate& gate, GateResult& result) {
    result.passed = true;
    result.measured = "holds on " + std::to_string(probe_.row.size()) + " rows";
    const std::size_t at = engine_.width() > 1 ? 1 : 0;  // the positive class, or the value
    for (const ColumnId id : gate.columns) {
      if (!used(id)) continue;
      const values::ColumnData& column = probe_.table->columns[id.index];
      Answers last;
      Cell last_cell;
      for (const Cell& cell : spread(column, program_.columns[id.index], probe_.row, 21)) {
        Answers now = changed(id, cell);
        for (std::size_t row = 0; !last.values.empty() && row < probe_.row.size(); ++row) {
          const double a = last.values[row * now.width + at], b = now.values[row * now.width + at];
          if (gate.increasing ? b >= a : b <= a) continue;
          result.passed = false;
          const std::string step = program_.columns[id.index].pii ? "` changed" : "` from " + show(last_cell, column) + " to " + show(cell, column);
          result.measured = "row " + std::to_string(probe_.row[row] + 1) + ": `" + program_.columns[id.index].name + step +
                            " moves the prediction from " + spell(a) + " to " + spell(b);
          return;
        }
        last = std::move(now);
        last_cell = cell;
      }
    }
  }

  // One row: the given values; other columns are null where they may be, else typical of the train rows.
  void given(const Gate& gate, GateResult& result) {
    values::Table table;
    table.rows = 1;
    table.columns.resize(program_.columns.size());
    std::vector<Cell> cells(program_.columns.size());
    for (const ColumnId id : program_.request) {
      const Column& column = program_.columns[id.index];
      const values::ColumnData& seen = data_.train.table->columns[id.index];
      Cell& cell = cells[id.index];
      const auto at = std::find(gate.given.begin(), gate.given.end(), id);
      if (at != gate.given.end()) {
        const Value& value = gate.given_values[at - gate.given.begin()];
        cell = {!value.null, value.real, value.integer, value.text};
      } else if (!column.type.nullable) {
        cell = typical(seen, data_.train.row);
      }
      table.columns[id.index].layout = seen.layout;
      fill(table.columns[id.index], 1, cell);
    }
    const std::vector<double> out = predict(engine_, whole(std::move(table)));
    const model::Model& model = engine_.package().model;
    if (!gate.expect_label.empty()) {
      const std::size_t best = std::max_element(out.begin(), out.end()) - out.begin();
      result.passed = model.classes[best] == gate.expect_label;
      if (gate.compare == Compare::ne) result.passed = !result.passed;
      result.measured = "prediction = " + model.classes[best] + " (" + spell(out[best]) + ")";
      return;
    }
    const model::Answer kind = model::answer(model);
    const double value = kind == model::Answer::classes || !gate.metric.empty() ? out[1] : out[0];
    result.passed = holds(value, gate.compare, gate.value);
    if (kind == model::Answer::cluster || kind == model::Answer::anomaly) {
      score::OutputWriter(model, score::Format::jsonl).object(result.measured, out.data());
      return;
    }
    result.measured = "prediction = " + spell(value);
  }

  static Cell typical(const values::ColumnData& column, const Rows& rows) {
    std::vector<Cell> cells;
    for (const std::int64_t row : rows) cells.push_back(get(column, row));
    std::sort(cells.begin(), cells.end());
    if (column.layout != values::Layout::string && column.layout != values::Layout::boolean) return cells[cells.size() / 2];  // the median
    Cell best = cells.front();
    std::size_t most = 0;
    for (std::size_t i = 0; i < cells.size();) {
      std::size_t j = i;
      while (j < cells.size() && cells[j] == cells[i]) ++j;
      if (j - i > most) most = j - i, best = cells[i];
      i = j;
    }
    return best;
  }

  const flow::Program& program_;
  const score::Engine& engine_;
  const Data& data_;
  const std::optional<Metrics>& production_;
  const Part& probe_;
  std::map<MetricScope, std::map<std::string, double>> metrics_;
};

}  // namespace

std::vector<GateResult> run_gates(const Pipeline& pipeline, const score::Engine& engine, const Data& data, const std::optional<Metrics>& production) {
  Runner runner(pipeline, engine, data, production);
  std::vector<GateResult> results;
  for (const Gate& gate : pipeline.program().gates) results.push_back(runner.run(gate));
  return results;
}

}  // namespace mlp::engine
