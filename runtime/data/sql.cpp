#include "runtime/data/sql.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/diagnostic.h"
#include "runtime/data/duck.h"

namespace mlp::data {
namespace {

const std::string row_order = "\"#\"";
constexpr const char* day_us = "86400000000";

bool is_float(Scalar s) { return s == Scalar::real || s == Scalar::real32; }

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string literal(const Value& value, Scalar scalar) {
  if (value.null) return std::string("CAST(NULL AS ") + sql_type(scalar) + ")";
  if (is_text(scalar)) {
    std::string out;
    for (std::size_t begin = 0;;) {  // the statement ends at a byte 0, so it is written as a call
      const std::size_t end = value.text.find('\0', begin);
      out += (begin ? " || chr(0) || " : "") + sql_text(std::string_view(value.text).substr(begin, end - begin));
      if (end == std::string::npos) return begin ? "(" + out + ")" : out;
      begin = end + 1;
    }
  }
  if (is_float(scalar)) {
    char buffer[40];
    return "'" + std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value.real).ptr) + "'::DOUBLE";
  }
  if (scalar == Scalar::boolean) return value.integer ? "true" : "false";
  return "(" + std::to_string(value.integer) + ")::BIGINT";
}

// The expressions of one step.
class Expressions {
 public:
  Expressions(const QueryStep& step, std::vector<std::string> columns) : step_(step), columns_(std::move(columns)) {}

  std::string operator()(QueryExprId id) const {
    const QueryExpr& e = at(id);
    switch (e.kind) {
      case QueryExprKind::constant: return literal(e.value, e.type.scalar);
      case QueryExprKind::column: return columns_.at(static_cast<std::size_t>(e.column.index));
      case QueryExprKind::select: {
        const bool sure = !at(e.args[0]).type.nullable;
        if (!sure) return "mlp_if(" + list(e) + ")";
        return "CASE WHEN " + arg(e, 0) + " THEN " + arg(e, 1) + " ELSE " + arg(e, 2) + " END";
      }
      case QueryExprKind::call: return call(e);
    }
    MLP_BUG("unknown kind of expression");
  }
  const QueryExpr& at(QueryExprId id) const { return step_.exprs[static_cast<std::size_t>(id.index)]; }

 private:
  std::string arg(const QueryExpr& e, std::size_t i) const { return (*this)(e.args[i]); }
  std::string list(const QueryExpr& e) const {
    std::string out;
    for (std::size_t i = 0; i < e.args.size(); ++i) out += (i ? ", " : "") + arg(e, i);
    return out;
  }
  std::string call(const QueryExpr& e) const {
    const Scalar first = at(e.args[0]).type.scalar;
    const std::string& f = e.callee;
    const auto infix = [&](const char* sign) { return "(" + arg(e, 0) + " " + sign + " " + arg(e, 1) + ")"; };
    const auto macro = [&](const std::string& name) { return "mlp_" + name + "(" + list(e) + ")"; };
    const auto plain = [&](const std::string& name) { return name + "(" + list(e) + ")"; };
    static const std::map<std::string, const char*> comparisons = {{"eq", "="}, {"ne", "<>"}, {"lt", "<"}, {"le", "<="}, {"gt", ">"}, {"ge", ">="}};
    if (const auto sign = comparisons.find(f); sign != comparisons.end()) return is_float(first) ? macro(f) : infix(sign->second);
    if (f == "and" || f == "or") {
      const bool sure = !at(e.args[0]).type.nullable && !at(e.args[1]).type.nullable;
      return sure ? infix(f == "and" ? "AND" : "OR") : macro(f);
    }
    if (f == "not") return "(NOT " + arg(e, 0) + ")";
    if (f == "is_null") return "(" + arg(e, 0) + " IS NULL)";
    if (f == "coalesce") return plain("coalesce");
    if (f == "add" || f == "sub" || f == "mul") {
      if (is_float(first)) return infix(f == "add" ? "+" : f == "sub" ? "-" : "*");
      return first == Scalar::date ? "mlp_mul(mlp_sub(" + list(e) + "), " + day_us + ")" : macro(f);
    }
    if (f == "div") return is_float(first) ? infix("/") : "(" + arg(e, 0) + "::DOUBLE / " + arg(e, 1) + "::DOUBLE)";
    if (f == "neg") return is_float(first) ? "(-" + arg(e, 0) + ")" : "mlp_sub(0, " + arg(e, 0) + ")";
    if (f == "abs") return is_float(first) ? plain("abs") : macro("abs");
    if (f == "mod" || f == "min" || f == "max" || f == "clamp" || f == "sqrt" || f == "lower" || f == "upper" || f == "trim") return macro(f);
    if (f == "floor" || f == "ceil" || f == "contains" || f == "starts_with" || f == "ends_with" || f == "length") return plain(f);
    if (f == "is_nan") return plain("isnan");
    if (f == "is_finite") return plain("isfinite");
    if (f == "to_float") return first == Scalar::boolean ? arg(e, 0) + "::INTEGER::DOUBLE" : arg(e, 0) + "::DOUBLE";
    if (f == "to_int") return arg(e, 0) + "::BIGINT";
    if (f == "to_text" || f == "to_category") return is_text(first) ? arg(e, 0) : arg(e, 0) + "::VARCHAR";
    if (f == "concat") return infix("||");
    if (f == "to_timestamp") return "mlp_mul(" + arg(e, 0) + ", " + day_us + ")";
    if (f == "to_date" || f == "in_zone" || f == "from_zone" || f == "utc_offset") return macro(f);
    if (f == "hour") return "mlp_part(" + arg(e, 0) + ", " + day_us + ", 3600000000)";
    if (f == "minute") return "mlp_part(" + arg(e, 0) + ", 3600000000, 60000000)";
    if (f == "second") return "mlp_part(" + arg(e, 0) + ", 60000000, 1000000)";
    static const std::map<std::string, const char*> units = {{"days", "86400e6"}, {"hours", "3600e6"}, {"minutes", "60e6"}, {"seconds", "1e6"}};
    if (const auto unit = units.find(f); unit != units.end()) return "(" + arg(e, 0) + "::DOUBLE / '" + unit->second + "'::DOUBLE)";
    const std::string day = first == Scalar::timestamp ? "mlp_to_date(" + arg(e, 0) + ")" : arg(e, 0);
    if (f == "weekday") return "(mlp_floor_mod(" + day + " + 3, 7) + 1)";
    static const std::map<std::string, const char*> parts = {{"year", "year"}, {"quarter", "quarter"}, {"month", "month"}, {"day", "day"}, {"yearday", "doy"}, {"week", "week"}};
    if (const auto part = parts.find(f); part != parts.end()) return std::string("date_part('") + part->second + "', mlp_calendar(" + day + "))";
    MLP_BUG("the data engine is not told what `" + f + "` is");
  }

  const QueryStep& step_;
  std::vector<std::string> columns_;
};

std::vector<std::string> quoted(const SqlRelation& r, const std::string& alias = "") {
  std::vector<std::string> out;
  for (const std::string& c : r.columns) out.push_back((alias.empty() ? "" : alias + ".") + sql_name(c));
  return out;
}

std::string joined(const std::vector<std::string>& parts, const char* by) {
  std::string out;
  for (const std::string& p : parts) out += (out.empty() ? "" : by) + p;
  return out;
}

std::vector<std::string> key_columns(const QueryStep& step, const std::vector<std::string>& columns, bool right = false) {
  std::vector<std::string> out;
  for (const QueryKey& k : step.keys) out.push_back(columns[static_cast<std::size_t>((right ? k.right : k.left).index)]);
  return out;
}

// The live outputs of a step, each under its name.
std::string outputs(const QueryStep& step, const SqlRelation& out, const Expressions& expr) {
  std::string list;
  for (std::size_t i = 0; i < out.columns.size(); ++i) {
    if (!out.live[i]) continue;
    const std::string value = expr(step.outputs[i]), name = sql_name(out.columns[i]);
    list += value == name ? name + ", " : value + " AS " + name + ", ";
  }
  return list;
}
std::string passed_on(const SqlRelation& out, const SqlRelation& in) {
  std::string list;
  for (std::size_t i = 0; i < out.columns.size(); ++i)
    if (out.live[i]) list += sql_name(in.columns[i]) + (out.columns[i] == in.columns[i] ? ", " : " AS " + sql_name(out.columns[i]) + ", ");
  return list;
}

std::string keys_present(const std::vector<std::string>& keys) {
  std::vector<std::string> parts;
  for (const std::string& k : keys) parts.push_back(k + " IS NOT NULL");
  return joined(parts, " AND ");
}

std::string join(const QueryStep& step, const SqlRelation& left, const SqlRelation& right, const SqlRelation& out) {
  std::vector<std::string> scope = quoted(left, "l"), plain = quoted(right);
  for (const std::string& c : quoted(right, "r")) scope.push_back(c);
  const std::vector<std::string> keys = key_columns(step, plain, true);
  std::string from = sql_name(right.name);
  if (step.matches == Matches::first || step.matches == Matches::last)
    from = "(SELECT * FROM " + from + " WHERE " + row_order + " IN (SELECT " + (step.matches == Matches::first ? "min(" : "max(") + row_order + ") FROM " + from + " WHERE " + keys_present(keys) + " GROUP BY " + joined(keys, ", ") + "))";
  std::vector<std::string> on;
  for (const QueryKey& k : step.keys) on.push_back(scope[static_cast<std::size_t>(k.left.index)] + " = " + scope[left.columns.size() + static_cast<std::size_t>(k.right.index)]);
  const std::string order = step.matches == Matches::all ? "row_number() OVER (ORDER BY l." + row_order + ", r." + row_order + ")" : "l." + row_order;
  return "SELECT " + outputs(step, out, Expressions(step, scope)) + order + " AS " + row_order + " FROM " + sql_name(left.name) + " AS l " + (step.kind == JoinKind::left ? "LEFT" : "INNER") + " JOIN " + from + " AS r ON " + joined(on, " AND ");
}

std::string asof_join(const QueryStep& step, const SqlRelation& left, const SqlRelation& right, const SqlRelation& out) {
  std::vector<std::string> scope = quoted(left, "l"), plain = quoted(right);
  std::vector<std::string> keys = key_columns(step, plain, true);
  const std::string time = plain[static_cast<std::size_t>(step.order.right.index)];
  const std::string left_time = scope[static_cast<std::size_t>(step.order.left.index)], right_time = "r." + time;
  for (std::string c : quoted(right, "r"))
    scope.push_back(step.within == 0 ? c : "CASE WHEN " + left_time + "::HUGEINT - " + right_time + "::HUGEINT <= " + std::to_string(step.within) + " THEN " + c + " END");
  std::vector<std::string> on;
  for (const QueryKey& k : step.keys) on.push_back("l." + sql_name(left.columns[static_cast<std::size_t>(k.left.index)]) + " = r." + plain[static_cast<std::size_t>(k.right.index)]);
  on.push_back(left_time + (step.strict ? " > " : " >= ") + right_time);
  keys.push_back(time);
  const std::string from = sql_name(right.name);
  return "SELECT " + outputs(step, out, Expressions(step, scope)) + "l." + row_order + " FROM " + sql_name(left.name) + " AS l ASOF LEFT JOIN (SELECT * FROM " + from + " WHERE " + row_order + " IN (SELECT max(" + row_order + ") FROM " + from +
         " WHERE " + keys_present(keys) + " GROUP BY " + joined(keys, ", ") + ")) AS r ON " + joined(on, " AND ");
}

// What an aggregate is to the data engine, but for floats' sums, which are made in the order of the rows. `frame`: " OVER (…)" or "".
// `time`: the order of a window.
std::string aggregate(const QueryAggregate& a, const Expressions& expr, const std::string& frame, const std::string& time) {
  const bool window = !frame.empty();
  if (!a.input.known()) return "count(*)" + frame;
  const Type of = expr.at(a.input).type;
  const std::string x = expr(a.input);
  const bool real = is_float(of.scalar);
  const std::string present = real ? " FILTER (WHERE NOT isnan(" + x + "))" : "";
  const std::string ordered = window ? "" : " ORDER BY " + row_order;
  const auto or_nan = [&](const std::string& value) { return a.type.nullable || !real ? value : "coalesce(" + value + ", 'NaN'::DOUBLE)"; };
  const std::string number = real ? x : of.scalar == Scalar::boolean ? x + "::INTEGER::DOUBLE" : x + "::DOUBLE";
  const auto values = [&](const std::string& v) { return "list(" + v + ordered + ") FILTER (WHERE " + x + " IS NOT NULL" + (real ? " AND NOT isnan(" + x + "))" : ")") + frame; };
  switch (a.kind) {
    case QueryAggregateKind::count: return "count(" + x + ")" + present + frame;
    case QueryAggregateKind::sum:
      if (real) return "coalesce(" + (window ? "sum(" + x + ")" + present + frame : "list_sum(list(" + x + ordered + ")" + present + ")") + ", '0'::DOUBLE)";
      if (of.scalar == Scalar::boolean) return "count(*) FILTER (WHERE " + x + ")" + frame;
      return "CAST(coalesce(sum(" + x + ")" + frame + ", 0) AS BIGINT)";
    case QueryAggregateKind::mean: {
      const std::string sum = window ? "sum(" + number + ")" + present + frame : "list_sum(list(" + number + ordered + ")" + present + ")";
      return or_nan("(" + sum + " / nullif(count(" + x + ")" + present + frame + ", 0))");
    }
    case QueryAggregateKind::min:
    case QueryAggregateKind::max: return or_nan(std::string(a.kind == QueryAggregateKind::min ? "min(" : "max(") + x + (real ? " + '0'::DOUBLE" : "") + ")" + present + frame);  // one zero
    case QueryAggregateKind::first: return (window ? "first_value(" : "first(") + x + ordered + ")" + frame;
    case QueryAggregateKind::last: return (window ? "last_value(" : "last(") + x + ordered + ")" + frame;
    case QueryAggregateKind::distinct: return "count(DISTINCT " + x + ")";
    case QueryAggregateKind::variance: return or_nan("mlp_variance(" + values(number) + ")");
    case QueryAggregateKind::stddev: return or_nan("sqrt(mlp_variance(" + values(number) + "))");
    case QueryAggregateKind::quantile: return or_nan("mlp_quantile(" + values(number) + ", " + literal({.real = a.p}, Scalar::real) + ")");
    case QueryAggregateKind::ewm: return or_nan("mlp_ewm(" + values(number) + ", " + values(time) + ", " + time + ", " + std::to_string(a.halflife) + "::BIGINT)");
    case QueryAggregateKind::lag: return "lag(" + x + ", " + std::to_string(a.offset) + ")" + frame;
  }
  MLP_BUG("unknown aggregate");
}

std::vector<std::string> with_aggregates(const QueryStep& step, std::vector<std::string> scope) {
  for (std::size_t i = 0; i < step.aggregates.size(); ++i) scope.push_back("\"#a" + std::to_string(i) + "\"");
  return scope;
}

std::string group(const QueryStep& step, const SqlRelation& in, const SqlRelation& out) {
  const std::vector<std::string> columns = quoted(in), scope = with_aggregates(step, columns);
  const Expressions expr(step, columns);
  std::string list;
  for (const std::string& key : key_columns(step, columns)) list += key + ", ";
  for (std::size_t i = 0; i < step.aggregates.size(); ++i) list += aggregate(step.aggregates[i], expr, "", "") + " AS " + scope[columns.size() + i] + ", ";
  const std::string inner = "SELECT " + list + "coalesce(min(" + row_order + "), 0) AS " + row_order + " FROM " + sql_name(in.name) + (step.keys.empty() ? "" : " GROUP BY " + joined(key_columns(step, columns), ", "));
  return "SELECT " + outputs(step, out, Expressions(step, scope)) + row_order + " FROM (" + inner + ")";
}

// Positions first, then frames over them: rows of one key in the order of `order` and then of the table. #n is the position
// of a row from 1, #e how many rows are no later, #b how many are earlier, #o<i> how many of #e are within reach of aggregate i.
std::string window(const QueryStep& step, const SqlRelation& in, const SqlRelation& out) {
  const std::vector<std::string> columns = quoted(in), scope = with_aggregates(step, columns);
  const Expressions expr(step, columns);
  const std::string by = step.keys.empty() ? "" : "PARTITION BY " + joined(key_columns(step, columns), ", ") + " ";
  const std::string time = columns[static_cast<std::size_t>(step.order.left.index)];
  const std::string sequence = by + "ORDER BY " + time + ", " + row_order, moments = by + "ORDER BY " + time + "::HUGEINT ";
  std::string places, list;
  std::set<std::string> wanted;
  const auto place = [&](const std::string& name, const std::string& sql) {
    if (wanted.insert(name).second) places += ", " + sql + " AS " + sql_name(name);
    return sql_name(name);
  };
  for (std::size_t i = 0; i < step.aggregates.size(); ++i) {
    const QueryAggregate& a = step.aggregates[i];
    std::string frame = " OVER (" + sequence;
    if (a.kind != QueryAggregateKind::lag) {
      const auto number = [&] { return place("#n", "row_number() OVER (" + sequence + ")"); };
      const auto earlier = [&] { return place("#b", "rank() OVER (" + moments + ") - 1"); };
      const std::string back = a.current ? "" : number() + " - " + earlier();  // to the last row that is in sight
      std::string from = "UNBOUNDED";
      if (a.over > 0) {
        const std::string all = place("#e", "count(*) OVER (" + moments + "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)");
        from = number() + " - 1 - (" + all + " - " + place("#o" + std::to_string(a.over), "count(*) OVER (" + moments + "RANGE BETWEEN " + std::to_string(a.over - 1) + "::HUGEINT PRECEDING AND CURRENT ROW)") + ")";
      } else if (a.rows > 0) {
        from = (back.empty() ? "" : back + " + ") + std::to_string(a.rows - 1);
      }
      frame += " ROWS BETWEEN " + from + " PRECEDING AND " + (back.empty() ? "CURRENT ROW" : back + " PRECEDING");
    }
    list += aggregate(a, expr, frame + ")", time) + " AS " + scope[columns.size() + i] + ", ";
  }
  const std::string from = places.empty() ? sql_name(in.name) : "(SELECT *" + places + " FROM " + sql_name(in.name) + ")";
  std::string carried;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (in.live[i]) carried += columns[i] + ", ";
  return "SELECT " + outputs(step, out, Expressions(step, scope)) + row_order + " FROM (SELECT " + carried + list + row_order + " FROM " + from + ")";
}

}  // namespace

const char* sql_type(Scalar scalar) {
  if (is_text(scalar)) return "VARCHAR";
  if (scalar == Scalar::image) return "BLOB";
  if (is_float(scalar)) return "DOUBLE";
  return scalar == Scalar::boolean ? "BOOLEAN" : "BIGINT";
}

const std::vector<std::string>& query_prelude() {
  static const auto ordered = [](const std::string& name, const std::string& sign, const char* with_nan) {
    return "CREATE MACRO mlp_" + name + "(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN isnan(a) OR isnan(b) THEN " + with_nan + " ELSE a " + sign + " b END";
  };
  static const std::vector<std::string> list = {
      "SET debug_window_mode = 'separate'",  // a window is summed row by row: its value depends on nothing else
      ordered("eq", "=", "false"), ordered("ne", "<>", "true"), ordered("lt", "<", "false"), ordered("le", "<=", "false"), ordered("gt", ">", "false"), ordered("ge", ">=", "false"),
      "CREATE MACRO mlp_and(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE a AND b END",
      "CREATE MACRO mlp_or(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE a OR b END",
      "CREATE MACRO mlp_if(c, a, b) AS CASE WHEN c IS NULL THEN NULL WHEN c THEN a ELSE b END",
      "CREATE MACRO mlp_wrap(x) AS CAST(((x + 9223372036854775808::HUGEINT) & 18446744073709551615::HUGEINT) - 9223372036854775808::HUGEINT AS BIGINT)",
      "CREATE MACRO mlp_add(a, b) AS mlp_wrap(a::HUGEINT + b::HUGEINT)",
      "CREATE MACRO mlp_sub(a, b) AS mlp_wrap(a::HUGEINT - b::HUGEINT)",
      "CREATE MACRO mlp_mul(a, b) AS mlp_wrap(a::HUGEINT * b::HUGEINT)",
      "CREATE MACRO mlp_abs(a) AS mlp_wrap(abs(a::HUGEINT))",
      "CREATE MACRO mlp_floor_mod(a, b) AS CAST(((a::HUGEINT % b::HUGEINT) + b::HUGEINT) % b::HUGEINT AS BIGINT)",
      "CREATE MACRO mlp_mod(a, b) AS CASE WHEN b = 0 THEN NULL ELSE mlp_floor_mod(a, b) END",
      "CREATE MACRO mlp_min(a, b) AS CASE WHEN a < b THEN a WHEN a IS NULL THEN NULL ELSE b END",
      "CREATE MACRO mlp_max(a, b) AS CASE WHEN a > b THEN a WHEN a IS NULL THEN NULL ELSE b END",
      "CREATE MACRO mlp_clamp(v, low, high) AS CASE WHEN v IS NULL OR low IS NULL OR high IS NULL THEN NULL ELSE least(greatest(v, low), high) END",
      "CREATE MACRO mlp_sqrt(v) AS CASE WHEN v < 0 THEN 'NaN'::DOUBLE ELSE sqrt(v) END",
      "CREATE MACRO mlp_to_date(t) AS (t - mlp_floor_mod(t, 86400000000)) // 86400000000",
      "CREATE MACRO mlp_part(t, whole, part) AS mlp_floor_mod(t, whole) // part",
      "CREATE MACRO mlp_calendar(d) AS DATE '1970-01-01' + d::INTEGER",
  };
  return list;
}

std::vector<std::string> column_names(const std::vector<Column>& columns) {
  std::vector<std::string> out;
  std::set<std::string> taken;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::string name = columns[i].name;
    const bool plain = !name.empty() && name[0] != '#' && std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 32; });
    if (!plain || !taken.insert(lower(name)).second) {
      name = "#c" + std::to_string(i);
      taken.insert(name);
    }
    out.push_back(std::move(name));
  }
  return out;
}

// Keys that stand in more than one row, by the first of their rows: how many rows, and the key.
std::string render_unique(const QueryStep& step, const SqlRelation& right) {
  const std::string keys = joined(key_columns(step, quoted(right), true), ", ");
  return "SELECT count(*) AS \"#k\", " + keys + " FROM " + sql_name(right.name) + " WHERE " + keys_present(key_columns(step, quoted(right), true)) + " GROUP BY " + keys + " HAVING count(*) > 1 ORDER BY min(" + row_order + ")";
}

std::string render_step(const QueryStep& step, const std::vector<const SqlRelation*>& inputs, const SqlRelation& out) {
  const SqlRelation& in = *inputs.at(0);
  switch (step.op) {
    case QueryOp::filter: return "SELECT " + passed_on(out, in) + row_order + " FROM " + sql_name(in.name) + " WHERE " + Expressions(step, quoted(in))(step.condition);
    case QueryOp::select: return "SELECT " + outputs(step, out, Expressions(step, quoted(in))) + row_order + " FROM " + sql_name(in.name);
    case QueryOp::join: return join(step, in, *inputs.at(1), out);
    case QueryOp::asof_join: return asof_join(step, in, *inputs.at(1), out);
    case QueryOp::group: return group(step, in, out);
    case QueryOp::window: return window(step, in, out);
    case QueryOp::union_all: {
      std::string names;
      for (std::size_t i = 0; i < out.columns.size(); ++i)
        if (out.live[i]) names += sql_name(out.columns[i]) + ", ";
      return "SELECT " + names + "row_number() OVER (ORDER BY \"#s\", " + row_order + ") AS " + row_order + " FROM (SELECT " + passed_on(out, in) + "0 AS \"#s\", " + row_order + " FROM " + sql_name(in.name) + " UNION ALL SELECT " + passed_on(out, *inputs.at(1)) +
             "1 AS \"#s\", " + row_order + " FROM " + sql_name(inputs.at(1)->name) + ")";
    }
    case QueryOp::distinct:
      return "SELECT " + passed_on(out, in) + row_order + " FROM " + sql_name(in.name) + " WHERE " + row_order + " IN (SELECT min(" + row_order + ") FROM " + sql_name(in.name) + " GROUP BY " + joined(key_columns(step, quoted(in)), ", ") + ")";
    case QueryOp::source: break;
  }
  MLP_BUG("a source is no SQL");
}

}  // namespace mlp::data
