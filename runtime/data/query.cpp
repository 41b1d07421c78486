#include "runtime/data/query.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/codes/data.h"
#include "base/files.h"
#include "runtime/data/duck.h"
#include "runtime/data/files.h"
#include "runtime/data/sql.h"
#include "runtime/values/parse.h"

namespace mlp::data {
namespace {

using values::ColumnData;
using values::Layout;

// The relations of a query: names, and the columns that are needed.
std::vector<SqlRelation> relations_of(const Query& query, const std::vector<ColumnId>& wanted) {
  std::vector<SqlRelation> out(query.steps.size());
  std::set<std::string> taken;
  const auto name = [&](const std::string& wish, bool numbered) {
    std::string free = numbered ? wish + ".1" : wish;
    const auto folded = [](std::string text) {
      for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      return text;
    };
    for (int n = 2; !taken.insert(folded(free)).second; ++n) free = wish + "." + std::to_string(n);
    return free;
  };
  for (std::size_t i = 0; i < out.size(); ++i) {
    const QueryStep& step = query.steps[i];
    out[i].step = &step;
    out[i].columns = column_names(step.columns);
    out[i].live.assign(step.columns.size(), false);
    std::size_t ends = i;  // a step on the way is called after the table that it leads to
    while (ends + 1 < query.steps.size() && query.steps[ends].name.empty()) ++ends;
    out[i].name = name(query.steps[ends].name, step.name.empty());
  }
  for (const ColumnId id : wanted) out.back().live[static_cast<std::size_t>(id.index)] = true;
  for (std::size_t i = out.size(); i-- > 0;) {
    const QueryStep& step = query.steps[i];
    for (const Expectation& e : step.expectations)
      if (e.column.known()) out[i].live[static_cast<std::size_t>(e.column.index)] = true;
    if (step.op == QueryOp::source) continue;
    SqlRelation& in = out[static_cast<std::size_t>(step.inputs[0].index)];
    SqlRelation* other = step.inputs.size() > 1 ? &out[static_cast<std::size_t>(step.inputs[1].index)] : nullptr;
    const std::size_t width = in.columns.size();
    const auto needs = [&](ColumnId id) {
      const auto place = static_cast<std::size_t>(id.index);
      if (place < width) in.live[place] = true;
      else if (other) other->live[place - width] = true;
    };
    std::vector<char> used(step.exprs.size());
    const auto uses = [&](QueryExprId id) { if (id.known()) used[static_cast<std::size_t>(id.index)] = 1; };
    for (std::size_t c = 0; c < step.columns.size(); ++c) {
      if (!out[i].live[c]) continue;
      if (!step.outputs.empty()) {
        uses(step.outputs[c]);
      } else {
        in.live[c] = true;
        if (other) other->live[c] = true;
      }
    }
    uses(step.condition);
    for (const QueryAggregate& a : step.aggregates) uses(a.input);
    for (std::size_t e = used.size(); e-- > 0;) {
      if (!used[e]) continue;
      for (const QueryExprId arg : step.exprs[e].args) uses(arg);
      if (step.exprs[e].kind == QueryExprKind::column) needs(step.exprs[e].column);
    }
    for (const QueryKey& k : step.keys) {
      in.live[static_cast<std::size_t>(k.left.index)] = true;
      if (k.right.known()) other->live[static_cast<std::size_t>(k.right.index)] = true;
    }
    if (step.order.left.known()) in.live[static_cast<std::size_t>(step.order.left.index)] = true;
    if (step.order.right.known()) other->live[static_cast<std::size_t>(step.order.right.index)] = true;
  }
  return out;
}

std::vector<const SqlRelation*> inputs_of(const std::vector<SqlRelation>& relations, const QueryStep& step) {
  std::vector<const SqlRelation*> out;
  for (const StepId in : step.inputs) out.push_back(&relations[static_cast<std::size_t>(in.index)]);
  return out;
}

std::vector<ColumnId> live_columns(const SqlRelation& r) {
  std::vector<ColumnId> out;
  for (std::size_t i = 0; i < r.live.size(); ++i)
    if (r.live[i]) out.push_back({static_cast<std::int32_t>(i)});
  return out;
}

// A failure inside of a step: the place is the step's.
[[noreturn]] void fail_step(const QueryStep& step, const std::string& name, const std::string& why) {
  Diagnostic d;
  d.code = code::table_failed;
  d.message = "table `" + name + "` cannot be made: " + why;
  d.span = step.span;
  d.suggest("look at the step in `mlp plan`, and at the values that it meets");
  throw Failure(std::move(d));
}

// Rows of a source, with their order, into a table of the data engine.
void load(Duck& duck, const SqlRelation& r, const values::Table& table) {
  std::string columns = "\"#\" BIGINT";
  std::vector<std::size_t> live;
  for (std::size_t c = 0; c < r.columns.size(); ++c) {
    if (!r.live[c]) continue;
    live.push_back(c);
    columns += ", " + sql_name(r.columns[c]) + " " + sql_type(r.step->columns[c].type.scalar);
  }
  duck.query("CREATE TABLE " + sql_name(r.name) + " (" + columns + ")", r.name);
  Appender appender(duck, r.name);
  for (std::int64_t first = 0; first < table.rows; first += appender.capacity()) {
    const std::int64_t rows = std::min(appender.capacity(), table.rows - first);
    appender.begin();
    auto* order = static_cast<std::int64_t*>(appender.values(0));
    for (std::int64_t i = 0; i < rows; ++i) order[i] = first + i;
    for (std::size_t k = 0; k < live.size(); ++k) {
      const ColumnData& from = table.columns[live[k]];
      const auto column = static_cast<std::int32_t>(k + 1);
      void* into = appender.values(column);
      for (std::int64_t i = 0; i < rows; ++i) {
        const auto row = static_cast<std::size_t>(first + i);
        if (!from.is_present(first + i)) {
          appender.set_null(column, i);
          continue;
        }
        switch (from.layout) {
          case Layout::real: static_cast<double*>(into)[i] = from.reals[row]; break;
          case Layout::integer: static_cast<std::int64_t*>(into)[i] = from.integers[row]; break;
          case Layout::boolean: static_cast<bool*>(into)[i] = from.booleans[row] != 0; break;
          case Layout::string: appender.set_text(column, i, {from.strings[row].data, static_cast<std::size_t>(from.strings[row].size)}); break;
        }
      }
    }
    appender.end(rows);
  }
  appender.close();
}

// The live columns of a relation in its order.
values::Table fetch(Duck& duck, const SqlRelation& r) {
  values::Table out;
  out.columns.resize(r.columns.size());
  for (std::size_t c = 0; c < r.columns.size(); ++c) out.columns[c].layout = values::layout_of(r.step->columns[c].type.scalar);
  const std::vector<ColumnId> live = live_columns(r);
  std::string list;
  for (const ColumnId id : live) list += sql_name(r.columns[static_cast<std::size_t>(id.index)]) + ", ";
  const auto result = duck.stream("SELECT " + list + "\"#\" FROM " + sql_name(r.name) + " ORDER BY \"#\"", r.name);
  std::unique_ptr<Chunk> chunk;
  while (result->next(chunk)) {
    for (std::size_t k = 0; k < live.size(); ++k) {
      ColumnData& into = out.columns[static_cast<std::size_t>(live[k].index)];
      const auto place = static_cast<std::int32_t>(k);
      const void* vector = chunk->values(place);
      const std::uint64_t* validity = chunk->validity(place);
      for (std::int64_t i = 0; i < chunk->rows(); ++i) {
        if (!is_valid(validity, i)) {
          into.append_null();
          continue;
        }
        values::Cell cell;
        switch (into.layout) {
          case Layout::real: cell.real = static_cast<const double*>(vector)[i]; break;
          case Layout::integer: cell.integer = static_cast<const std::int64_t*>(vector)[i]; break;
          case Layout::boolean: cell.integer = static_cast<const bool*>(vector)[i]; break;
          case Layout::string: cell.text = text_of(static_cast<const duckdb_string_t*>(vector)[i]); break;
        }
        if (std::isnan(cell.real)) cell.real = std::numeric_limits<double>::quiet_NaN();  // one of them: its sign depends on the operation
        into.append(cell);
      }
    }
    out.rows += chunk->rows();
  }
  for (const ColumnId id : live) {
    ColumnData& column = out.columns[static_cast<std::size_t>(id.index)];
    MLP_CHECK(r.step->columns[static_cast<std::size_t>(id.index)].type.nullable || column.present.empty());
  }
  return out;
}

// A key on the right that stands in more than one row would make rows of its own.
void require_unique(Duck& duck, const QueryStep& step, const std::vector<const SqlRelation*>& inputs) {
  const SqlRelation& right = *inputs[1];
  const auto result = duck.query(render_unique(step, right), right.name);
  std::int64_t keys = 0, rows = 0;
  std::vector<std::string> examples;
  std::unique_ptr<Chunk> chunk;
  while (result->next(chunk))
    for (std::int64_t i = 0; i < chunk->rows(); ++i) {
      const std::int64_t times = static_cast<const std::int64_t*>(chunk->values(0))[i];
      ++keys;
      rows += times;
      if (keys > 3) continue;
      std::string example;
      for (std::size_t k = 0; k < step.keys.size(); ++k) {
        const Column& column = right.step->columns[static_cast<std::size_t>(step.keys[k].right.index)];
        const void* vector = chunk->values(static_cast<std::int32_t>(k + 1));
        values::Cell cell;
        switch (values::layout_of(column.type.scalar)) {
          case Layout::integer: cell.integer = static_cast<const std::int64_t*>(vector)[i]; break;
          case Layout::boolean: cell.integer = static_cast<const bool*>(vector)[i]; break;
          case Layout::string: cell.text = text_of(static_cast<const duckdb_string_t*>(vector)[i]); break;
          case Layout::real: MLP_BUG("a float as a key");
        }
        example += (k ? ", " : "") + column.name + " = " + (column.pii ? "(personal)" : values::printable(values::spell(column, cell)));
      }
      examples.push_back(example + " (" + std::to_string(times) + " rows)");
    }
  if (keys == 0) return;
  Diagnostic d;
  d.code = code::join_not_unique;
  d.message = std::to_string(keys) + (keys == 1 ? " key of `" : " keys of `") + step.right_name + "` " + (keys == 1 ? "stands" : "stand") + " in " + std::to_string(rows) + " rows, first " + examples.front();
  d.span = step.span;
  d.label = "which of them is joined?";
  for (const std::string& example : examples) d.note(example);
  d.suggest("say it: `many = first`, `many = last`, or `many = all` for a row of each; or make the key whole");
  throw Failure(std::move(d));
}

// How the source of a relation is read.
ReadRequest read_of(const TableRequest& request, const SqlRelation& r) {
  const QuerySource& source = request.query.sources[static_cast<std::size_t>(r.step->source)];
  return {.source = source.source, .schema = source.columns, .wanted = live_columns(r), .base = request.base,
          .quarantine = request.base / (request.quarantine + "." + source.source.name + ".quarantine.csv"), .threads = request.threads};
}

void check_expected(const std::vector<Expectation>& expectations, const std::vector<Column>& columns, const values::Table& table) {
  std::vector<Diagnostic> broken = check_expectations(expectations, columns, table);
  if (broken.empty()) return;
  for (std::size_t i = 1; i < broken.size(); ++i) broken.front().note(broken[i].message);
  throw Failure(std::move(broken.front()));
}

}  // namespace

std::string digest_of(const TableRequest& request) {
  std::string digests;
  for (const SqlRelation& r : relations_of(request.query, request.wanted))
    if (r.step->op == QueryOp::source) {
      const ReadRequest source = read_of(request, r);
      digests += source.source.name + " " + digest_of(source) + "\n";
    }
  return sha256(digests);
}

std::vector<StepSql> render(const Query& query, const std::vector<ColumnId>& wanted) {
  std::vector<StepSql> out;
  const std::vector<SqlRelation> relations = relations_of(query, wanted);
  for (const SqlRelation& r : relations) {
    const std::vector<const SqlRelation*> inputs = inputs_of(relations, *r.step);
    out.push_back({r.name, r.step->op == QueryOp::source ? "" : render_step(*r.step, inputs, r),
                   r.step->op == QueryOp::join && r.step->matches == Matches::one ? render_unique(*r.step, *inputs[1]) : ""});
  }
  return out;
}

ReadResult read_table(const TableRequest& request) {
  const Query& query = request.query;
  const std::vector<SqlRelation> relations = relations_of(query, request.wanted);
  std::vector<std::size_t> last_use(relations.size(), 0);
  for (std::size_t i = 0; i < relations.size(); ++i)
    for (const StepId in : query.steps[i].inputs) last_use[static_cast<std::size_t>(in.index)] = i;

  Duck duck(request.threads);
  for (const std::string& sql : query_prelude()) duck.query(sql, "the prelude of tables");
  ReadResult out;
  std::string digests;
  for (std::size_t i = 0; i < relations.size(); ++i) {
    const QueryStep& step = query.steps[i];
    const SqlRelation& r = relations[i];
    if (step.op == QueryOp::source) {
      const QuerySource& source = query.sources[static_cast<std::size_t>(step.source)];
      ReadResult rows = read(read_of(request, r));
      check_expected(step.expectations, step.columns, rows.table);
      load(duck, r, rows.table);
      ReadReport& report = rows.report;
      out.report.sources.push_back({source.source.name, report.digest, report.present, report.read, report.rejected});
      digests += source.source.name + " " + report.digest + "\n";
      out.report.present += report.present;
      out.report.read += report.read;
      out.report.rejected += report.rejected;
      out.report.files.insert(out.report.files.end(), report.files.begin(), report.files.end());
      for (Violation& v : report.violations) {
        v.column = source.source.name + (v.column.empty() ? "" : "." + v.column);
        out.report.violations.push_back(std::move(v));
      }
      continue;
    }
    const std::vector<const SqlRelation*> inputs = inputs_of(relations, step);
    try {
      if (step.op == QueryOp::join && step.matches == Matches::one) require_unique(duck, step, inputs);
      duck.query("CREATE TABLE " + sql_name(r.name) + " AS " + render_step(step, inputs, r), r.name);
    } catch (const Failure& f) {
      if (f.diagnostic.code != code::data_engine) throw;
      std::string why = f.diagnostic.message.substr(f.diagnostic.message.find(": ") + 2);
      if (std::any_of(query.sources.begin(), query.sources.end(), [](const QuerySource& s) { return personal(s.columns); })) why = without_values(why);
      fail_step(step, r.name, why);
    }
    if (!step.expectations.empty()) check_expected(step.expectations, step.columns, fetch(duck, r));
    for (std::size_t used = 0; used < i; ++used)
      if (last_use[used] == i) duck.query("DROP TABLE " + sql_name(relations[used].name), r.name);
  }
  out.report.digest = sha256(digests);
  out.table = fetch(duck, relations.back());
  if (out.table.rows == 0) fail_step(query.steps.back(), relations.back().name, "it has no rows");
  return out;
}

}  // namespace mlp::data
