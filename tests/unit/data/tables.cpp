// Tables against a naive evaluator: random steps over random rows with nulls, NaN, infinities, duplicate keys, ties and ints at
// the ends of their range must give the same rows, in the same order, to the last bit, at one thread and at several.
#include "runtime/data/query.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>

#include "stdlib/builtins/kernels.h"
#include "stdlib/zones/zones.h"
#include "tests/unit/builtins/arena.h"
#include "tests/unit/data/common.h"

namespace mlp::data {
namespace {

struct Cell {
  bool null = true;
  double real = 0;
  std::int64_t integer = 0;
  std::string text;
};
bool is_real(Scalar s) { return s == Scalar::real; }
Cell of(double v) { return {false, v, 0, {}}; }
Cell of(std::int64_t v) { return {false, 0, v, {}}; }
Cell of(std::string v) { return {false, 0, 0, std::move(v)}; }
std::int64_t wrap(std::uint64_t v) { return static_cast<std::int64_t>(v); }
using Row = std::vector<Cell>;
using Rows = std::vector<Row>;

bool equal_keys(const Cell& a, const Cell& b) { return a.null == b.null && a.integer == b.integer && a.text == b.text && (a.real == b.real || (std::isnan(a.real) && std::isnan(b.real))); }

// ---- the naive evaluator: steps as the language describes them, row by row

struct Naive {
  const Query& query;
  std::vector<Rows> tables;  // by step

  Cell value(const QueryStep& s, QueryExprId id, const Row& scope) const {
    const QueryExpr& e = s.exprs[static_cast<std::size_t>(id.index)];
    if (e.kind == QueryExprKind::constant) return {e.value.null, e.value.real, e.value.integer, e.value.text};
    if (e.kind == QueryExprKind::column) return scope[static_cast<std::size_t>(e.column.index)];
    std::vector<Cell> a;
    for (const QueryExprId arg : e.args) a.push_back(value(s, arg, scope));
    if (e.kind == QueryExprKind::select) return a[0].null ? Cell{} : a[0].integer ? a[1] : a[2];
    if (e.callee == "is_null") return of(static_cast<std::int64_t>(a[0].null));
    if (e.callee == "coalesce") return a[0].null ? a[1] : a[0];
    for (const Cell& c : a)
      if (c.null) return {};
    const Scalar first = s.exprs[static_cast<std::size_t>(e.args[0].index)].type.scalar;
    return call(e.callee, first, a);
  }
  static Cell call(const std::string& f, Scalar first, const std::vector<Cell>& a) {
    const auto truth = [](bool v) { return of(static_cast<std::int64_t>(v)); };
    const double x = a[0].real, y = a.size() > 1 ? a[1].real : 0;
    const std::int64_t i = a[0].integer, j = a.size() > 1 ? a[1].integer : 0;
    const auto ordered = [&](auto compare) { return truth(is_real(first) ? compare(x, y) : is_text(first) ? compare(a[0].text.compare(a[1].text), 0) : compare(i, j)); };
    if (f == "eq") return ordered([](auto l, auto r) { return l == r; });
    if (f == "ne") return ordered([](auto l, auto r) { return l != r; });
    if (f == "lt") return ordered([](auto l, auto r) { return l < r; });
    if (f == "le") return ordered([](auto l, auto r) { return l <= r; });
    if (f == "gt") return ordered([](auto l, auto r) { return l > r; });
    if (f == "ge") return ordered([](auto l, auto r) { return l >= r; });
    if (f == "and") return truth(i && j);
    if (f == "or") return truth(i || j);
    if (f == "not") return truth(!i);
    const auto u = static_cast<std::uint64_t>(i), v = static_cast<std::uint64_t>(j);
    if (f == "add") return is_real(first) ? of(x + y) : of(wrap(u + v));
    if (f == "sub") return is_real(first) ? of(x - y) : first == Scalar::date ? of(wrap((u - v) * 86400000000u)) : of(wrap(u - v));
    if (f == "mul") return is_real(first) ? of(x * y) : of(wrap(u * v));
    if (f == "div") return is_real(first) ? of(x / y) : of(static_cast<double>(i) / static_cast<double>(j));
    if (f == "neg") return is_real(first) ? of(-x) : of(wrap(0 - u));
    if (f == "abs") return is_real(first) ? of(std::fabs(x)) : of(i < 0 ? wrap(0 - u) : i);
    if (f == "mod") return mlp_mod_int_ok(i, j) ? of(mlp_mod_int(i, j)) : Cell{};
    if (f == "min") return of(mlp_min_int(i, j));
    if (f == "max") return of(mlp_max_int(i, j));
    if (f == "clamp") return of(mlp_clamp_int(i, j, a[2].integer));
    if (f == "floor") return of(mlp_floor(x));
    if (f == "ceil") return of(mlp_ceil(x));
    if (f == "sqrt") return of(mlp_sqrt(x));
    if (f == "is_nan") return truth(std::isnan(x));
    if (f == "is_finite") return truth(std::isfinite(x));
    if (f == "to_float") return of(static_cast<double>(i));
    if (f == "to_int") return of(i);
    if (f == "to_text") return of(first == Scalar::boolean ? std::string(i ? "true" : "false") : std::to_string(i));
    if (f == "contains") return truth(a[0].text.find(a[1].text) != std::string::npos);
    if (f == "starts_with") return truth(a[0].text.starts_with(a[1].text));
    if (f == "ends_with") return truth(a[0].text.ends_with(a[1].text));
    if (f == "concat") return of(a[0].text + a[1].text);
    const auto text = [&](auto function) {
      test::Arena arena;
      mlp_string made;
      function(a[0].text.data(), static_cast<std::int64_t>(a[0].text.size()), &arena, &made);
      return of(std::string(made.data, static_cast<std::size_t>(made.size)));
    };
    if (f == "lower") return text(mlp_text_lower);
    if (f == "upper") return text(mlp_text_upper);
    if (f == "trim") return text(mlp_text_trim);
    if (f == "length") return of(static_cast<std::int64_t>(std::count_if(a[0].text.begin(), a[0].text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; })));
    const auto zone = [&](auto function) { return of(function(i, a[1].text.data(), static_cast<std::int64_t>(a[1].text.size()))); };
    if (f == "in_zone") return zone(mlp_time_in_zone);
    if (f == "from_zone") return zone(mlp_time_from_zone);
    if (f == "utc_offset") return zone(mlp_time_utc_offset);
    if (f == "to_date") return of(mlp_time_to_date(i));
    if (f == "to_timestamp") return of(mlp_time_to_timestamp(i));
    if (f == "hour") return of(mlp_time_hour(i));
    if (f == "minute") return of(mlp_time_minute(i));
    if (f == "second") return of(mlp_time_second(i));
    if (f == "hours") return of(mlp_time_hours(i));
    if (f == "days") return of(mlp_time_days(i));
    const std::int64_t day = first == Scalar::timestamp ? mlp_time_to_date(i) : i;
    if (f == "year") return of(mlp_time_year_of_date(day));
    if (f == "quarter") return of(mlp_time_quarter_of_date(day));
    if (f == "month") return of(mlp_time_month_of_date(day));
    if (f == "day") return of(mlp_time_day_of_date(day));
    if (f == "weekday") return of(mlp_time_weekday_of_date(day));
    if (f == "yearday") return of(mlp_time_yearday_of_date(day));
    if (f == "week") return of(mlp_time_week_of_date(day));
    MLP_BUG(f);
  }

  static std::vector<double> numbers(Scalar type, const std::vector<Cell>& cells) {
    std::vector<double> out;
    for (const Cell& c : cells) out.push_back(is_real(type) ? c.real : static_cast<double>(c.integer));
    return out;
  }
  // One value of the rows in `members`, which stand in their order.
  Cell aggregate(const QueryStep& s, const QueryAggregate& a, const Rows& in, const std::vector<std::size_t>& members, std::int64_t now = 0) const {
    if (!a.input.known()) return of(static_cast<std::int64_t>(members.size()));
    const Scalar type = s.exprs[static_cast<std::size_t>(a.input.index)].type.scalar;
    std::vector<Cell> all, values;
    for (const std::size_t m : members) {
      all.push_back(value(s, a.input, in[m]));
      if (!all.back().null && !std::isnan(all.back().real)) values.push_back(all.back());
    }
    const Cell none = a.type.nullable ? Cell{} : of(std::nan(""));
    double sum = 0;
    std::int64_t whole = 0;
    for (const Cell& c : values) sum += is_real(type) ? c.real : static_cast<double>(c.integer), whole += c.integer;
    const auto best = [&](auto better) {
      if (values.empty()) return none;
      Cell found = values[0];
      for (const Cell& c : values)
        if (is_real(type) ? better(c.real, found.real) : is_text(type) ? better(c.text.compare(found.text), 0) : better(c.integer, found.integer)) found = c;
      found.real += 0.0;
      return found;
    };
    switch (a.kind) {
      case QueryAggregateKind::count: return of(static_cast<std::int64_t>(values.size()));
      case QueryAggregateKind::sum: return is_real(type) ? of(sum) : of(whole);
      case QueryAggregateKind::mean: return values.empty() ? none : of(sum / static_cast<double>(values.size()));
      case QueryAggregateKind::min: return best([](auto l, auto r) { return l < r; });
      case QueryAggregateKind::max: return best([](auto l, auto r) { return l > r; });
      case QueryAggregateKind::first: return all.empty() ? Cell{} : all.front();
      case QueryAggregateKind::last: return all.empty() ? Cell{} : all.back();
      case QueryAggregateKind::distinct: {
        std::map<std::pair<std::int64_t, std::string>, int> seen;
        for (const Cell& c : values) seen[{c.integer, c.text}] = 1;
        return of(static_cast<std::int64_t>(seen.size()));
      }
      case QueryAggregateKind::variance:
      case QueryAggregateKind::stddev: {
        double squares = 0;
        const auto size = static_cast<double>(values.size());
        for (const double v : numbers(type, values)) squares += (v - sum / size) * (v - sum / size);
        return values.empty() ? none : of(a.kind == QueryAggregateKind::stddev ? std::sqrt(squares / size) : squares / size);
      }
      case QueryAggregateKind::quantile: {
        std::vector<double> sorted = numbers(type, values);
        std::sort(sorted.begin(), sorted.end());
        if (sorted.empty()) return none;
        const double place = a.p * static_cast<double>(sorted.size() - 1);
        const double low = sorted[static_cast<std::size_t>(std::floor(place))] + 0.0, high = sorted[static_cast<std::size_t>(std::ceil(place))] + 0.0, share = place - std::floor(place);
        if (low == high || share == 0) return of(low);
        return of(std::isfinite(high - low) ? low + share * (high - low) : low * (1 - share) + high * share);
      }
      case QueryAggregateKind::ewm: {
        double weighted = 0, weights = 0;
        for (const std::size_t m : members) {
          const Cell c = value(s, a.input, in[m]);
          if (c.null || std::isnan(c.real)) continue;
          const double age = static_cast<double>(now) - static_cast<double>(in[m][static_cast<std::size_t>(s.order.left.index)].integer);
          const double w = mlp_exp(-std::log(2.0) * (age / static_cast<double>(a.halflife)));
          weighted += w * numbers(type, {c})[0];
          weights += w;
        }
        return values.empty() ? none : of(weighted / weights);
      }
      case QueryAggregateKind::lag: break;
    }
    MLP_BUG("no aggregate");
  }
  static std::vector<Cell> keys_of(const QueryStep& s, const Row& row, bool right) {
    std::vector<Cell> out;
    for (const QueryKey& k : s.keys) out.push_back(row[static_cast<std::size_t>((right ? k.right : k.left).index)]);
    return out;
  }
  static bool same(const std::vector<Cell>& a, const std::vector<Cell>& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal_keys); }
  static bool any_null(const std::vector<Cell>& a) { return std::any_of(a.begin(), a.end(), [](const Cell& c) { return c.null; }); }
  Row outputs(const QueryStep& s, const Row& scope) const {
    Row out;
    for (const QueryExprId id : s.outputs) out.push_back(value(s, id, scope));
    return out;
  }

  Rows run(const QueryStep& s) const {
    const Rows& in = tables[static_cast<std::size_t>(s.inputs[0].index)];
    Rows out;
    switch (s.op) {
      case QueryOp::source: break;
      case QueryOp::filter:
        for (const Row& row : in)
          if (const Cell c = value(s, s.condition, row); !c.null && c.integer) out.push_back(row);
        break;
      case QueryOp::select:
        for (const Row& row : in) out.push_back(outputs(s, row));
        break;
      case QueryOp::join:
      case QueryOp::asof_join: {
        const Rows& other = tables[static_cast<std::size_t>(s.inputs[1].index)];
        const std::size_t width = query.steps[static_cast<std::size_t>(s.inputs[1].index)].columns.size();
        for (const Row& left : in) {
          std::vector<const Row*> matches;
          const auto keys = keys_of(s, left, false);
          for (const Row& right : other)
            if (!any_null(keys) && same(keys, keys_of(s, right, true))) matches.push_back(&right);
          if (s.op == QueryOp::asof_join) {
            const Cell at = left[static_cast<std::size_t>(s.order.left.index)];
            const Row* best = nullptr;
            for (const Row* right : matches) {
              const Cell t = (*right)[static_cast<std::size_t>(s.order.right.index)];
              if (at.null || t.null || t.integer > at.integer || (s.strict && t.integer == at.integer)) continue;
              if (!best || t.integer >= (*best)[static_cast<std::size_t>(s.order.right.index)].integer) best = right;
            }
            if (best && s.within > 0 && at.integer - (*best)[static_cast<std::size_t>(s.order.right.index)].integer > s.within) best = nullptr;
            matches = best ? std::vector<const Row*>{best} : std::vector<const Row*>{};
          } else if (s.matches != Matches::all && matches.size() > 1) {
            matches = {s.matches == Matches::first ? matches.front() : matches.back()};
          }
          const Row nothing(width);
          if (matches.empty() && s.kind == JoinKind::left) matches.push_back(&nothing);
          for (const Row* right : matches) {
            Row scope = left;
            scope.insert(scope.end(), right->begin(), right->end());
            out.push_back(outputs(s, scope));
          }
        }
        break;
      }
      case QueryOp::group: {
        std::vector<std::vector<std::size_t>> groups;
        for (std::size_t r = 0; r < in.size(); ++r) {
          auto found = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return same(keys_of(s, in[g[0]], false), keys_of(s, in[r], false)); });
          if (found == groups.end()) groups.push_back({r});
          else found->push_back(r);
        }
        for (const auto& g : groups) {
          Row scope = in[g[0]];
          for (const QueryAggregate& a : s.aggregates) scope.push_back(aggregate(s, a, in, g));
          out.push_back(outputs(s, scope));
        }
        break;
      }
      case QueryOp::window: {
        const auto time = [&](std::size_t r) { return in[r][static_cast<std::size_t>(s.order.left.index)].integer; };
        for (std::size_t r = 0; r < in.size(); ++r) {
          std::vector<std::size_t> before;  // this row and those in front of it
          for (std::size_t q = 0; q < in.size(); ++q)
            if (same(keys_of(s, in[q], false), keys_of(s, in[r], false)) && (time(q) < time(r) || (time(q) == time(r) && q <= r))) before.push_back(q);
          std::stable_sort(before.begin(), before.end(), [&](std::size_t a, std::size_t b) { return time(a) < time(b); });
          Row scope = in[r];
          for (const QueryAggregate& a : s.aggregates) {
            if (a.kind == QueryAggregateKind::lag) {
              const auto n = static_cast<std::size_t>(a.offset);
              scope.push_back(n < before.size() ? value(s, a.input, in[before[before.size() - 1 - n]]) : Cell{});
              continue;
            }
            std::vector<std::size_t> members;
            for (const std::size_t q : before)
              if ((a.current || time(q) < time(r)) && (a.over == 0 || time(q) > time(r) - a.over)) members.push_back(q);
            if (a.rows > 0 && members.size() > static_cast<std::size_t>(a.rows)) members.erase(members.begin(), members.end() - a.rows);
            scope.push_back(aggregate(s, a, in, members, time(r)));
          }
          out.push_back(outputs(s, scope));
        }
        break;
      }
      case QueryOp::union_all:
        out = in;
        for (const Row& row : tables[static_cast<std::size_t>(s.inputs[1].index)]) out.push_back(row);
        break;
      case QueryOp::distinct:
        for (const Row& row : in)
          if (std::none_of(out.begin(), out.end(), [&](const Row& r) { return same(keys_of(s, r, false), keys_of(s, row, false)); })) out.push_back(row);
        break;
    }
    return out;
  }
};

// ---- random rows and steps

using Random = std::mt19937_64;
std::int64_t pick(Random& r, std::int64_t n) { return static_cast<std::int64_t>(r() % static_cast<std::uint64_t>(n)); }

const std::vector<Column> schema = {field("k", Scalar::category, true), field("i", Scalar::integer, true), field("t", Scalar::timestamp), field("u", Scalar::date, true),
                                    field("x", Scalar::real, true),     field("y", Scalar::real),          field("b", Scalar::boolean, true), field("n", Scalar::integer)};
constexpr std::int64_t k = 0, i = 1, t = 2, u = 3, x = 4, n = 7;

std::string csv_of(Random& r, std::int64_t rows) {
  static const std::vector<std::string> texts = {"", "a", "A", "é", "b \"q\"", "it's", " - "};
  static const std::vector<std::string> ints = {"", "0", "1", "-3", "7", "9223372036854775807", "-9223372036854775808"};
  static const std::vector<std::string> reals = {"0", "-0", "0.1", "0.2", "1e300", "-1e300", "inf", "-inf", "3.25", "1e-7", "12345.678"};
  const auto quoted = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) text.insert(at, 1, '"');
    return "\"" + text + "\"";
  };
  std::string out = "k,i,t,u,x,y,b,n\n";
  for (std::int64_t row = 0; row < rows; ++row) {
    char moment[40];
    std::snprintf(moment, sizeof moment, "2024-01-%02d %02d:00:00", static_cast<int>(1 + pick(r, 9)), static_cast<int>(pick(r, 4) * 6));
    out += quoted(texts[static_cast<std::size_t>(pick(r, 7))]) + "," + ints[static_cast<std::size_t>(pick(r, 7))] + "," + moment + "," + (pick(r, 5) ? "19" + std::to_string(60 + pick(r, 30)) + "-02-28" : "") + "," +
           (pick(r, 4) ? reals[static_cast<std::size_t>(pick(r, 11))] : "") + "," + reals[static_cast<std::size_t>(pick(r, 11))] + "," + (pick(r, 3) ? (pick(r, 2) ? "true" : "false") : "") + "," + std::to_string(pick(r, 6) - 2) + "\n";
  }
  return out;
}

class Maker {
 public:
  Maker(Random& r, QueryStep& step, const std::vector<Column>& scope) : r_(r), step_(step), scope_(scope) {}

  QueryExprId column(std::int64_t c) {
    QueryExpr e;
    e.kind = QueryExprKind::column;
    e.type = scope_[static_cast<std::size_t>(c)].type;
    e.column = {static_cast<std::int32_t>(c)};
    return add(std::move(e));
  }
  // A random expression of this type.
  QueryExprId any(Scalar type, int depth) {
    std::vector<std::int64_t> columns;
    for (std::size_t c = 0; c < scope_.size(); ++c)
      if (scope_[c].type.scalar == type) columns.push_back(static_cast<std::int64_t>(c));
    if (depth == 0 || pick(r_, 4) == 0) {
      if (!columns.empty() && pick(r_, 4)) return column(columns[static_cast<std::size_t>(pick(r_, static_cast<std::int64_t>(columns.size())))]);
      return constant(type);
    }
    const int d = depth - 1;
    if (pick(r_, 6) == 0) return node(QueryExprKind::select, "", type, {any(Scalar::boolean, d), any(type, d), any(type, d)});
    if (pick(r_, 8) == 0) return node(QueryExprKind::call, "coalesce", type, {any(type, d), constant(type)});
    const auto calls = [&](std::initializer_list<std::pair<const char*, std::vector<Scalar>>> list) {
      const auto& [name, args] = *(list.begin() + pick(r_, static_cast<std::int64_t>(list.size())));
      std::vector<QueryExprId> ids;
      for (const Scalar s : args) ids.push_back(any(s, d));
      return node(QueryExprKind::call, name, type, std::move(ids));
    };
    constexpr Scalar I = Scalar::integer, F = Scalar::real, B = Scalar::boolean, T = Scalar::category, D = Scalar::date, M = Scalar::timestamp, U = Scalar::duration;
    switch (type) {
      case Scalar::integer:
        return calls({{"add", {I, I}}, {"sub", {I, I}}, {"mul", {I, I}}, {"neg", {I}}, {"abs", {I}}, {"mod", {I, I}}, {"min", {I, I}}, {"max", {I, I}}, {"clamp", {I, I, I}}, {"to_int", {B}}, {"length", {T}},
                      {"hour", {M}}, {"weekday", {M}}, {"year", {D}}, {"quarter", {D}}, {"month", {M}}, {"day", {D}}, {"yearday", {M}}, {"week", {M}}, {"week", {D}}, {"weekday", {D}}, {"minute", {M}}, {"second", {M}}});
      case Scalar::real: return calls({{"add", {F, F}}, {"sub", {F, F}}, {"mul", {F, F}}, {"div", {F, F}}, {"neg", {F}}, {"abs", {F}}, {"floor", {F}}, {"ceil", {F}}, {"sqrt", {F}}, {"to_float", {I}}, {"to_float", {B}}, {"days", {U}}, {"hours", {U}}, {"div", {U, U}}});
      case Scalar::boolean: {
        static const char* const compares[] = {"eq", "ne", "lt", "le", "gt", "ge"};
        static const Scalar kinds[] = {I, F, B, T, D, M, U};
        if (pick(r_, 2)) {
          const Scalar s = kinds[pick(r_, 7)];
          return node(QueryExprKind::call, compares[pick(r_, 6)], B, {any(s, d), any(s, d)});
        }
        if (pick(r_, 4) == 0) return node(QueryExprKind::call, "is_null", B, {any(kinds[pick(r_, 7)], d)});
        return calls({{"and", {B, B}}, {"or", {B, B}}, {"not", {B}}, {"is_nan", {F}}, {"is_finite", {F}}, {"contains", {T, T}}, {"starts_with", {T, T}}, {"ends_with", {T, T}}});
      }
      case Scalar::category: return calls({{"concat", {T, T}}, {"lower", {T}}, {"upper", {T}}, {"trim", {T}}, {"to_text", {I}}, {"to_text", {B}}});
      case Scalar::timestamp: return node(QueryExprKind::call, pick(r_, 2) ? "in_zone" : "from_zone", M, {any(M, d), zone()});
      case Scalar::duration:
        if (pick(r_, 4) == 0) return node(QueryExprKind::call, "utc_offset", U, {any(M, d), zone()});
        return calls({{"sub", {D, D}}, {"sub", {M, M}}, {"add", {U, U}}, {"neg", {U}}});
      default: return columns.empty() ? constant(type) : column(columns[0]);
    }
  }
  QueryExprId zone() {
    QueryExpr e;
    e.type = {Scalar::string, false};
    e.value.text = *zones::rules(pick(r_, 2) ? "America/New_York" : "Australia/Lord_Howe");
    return add(std::move(e));
  }
  QueryExprId constant(Scalar type) {
    QueryExpr e;
    e.type = {type, pick(r_, 8) == 0};
    e.value.null = e.type.nullable;
    if (!e.value.null) {
      e.value.integer = type == Scalar::boolean ? pick(r_, 2) : type == Scalar::duration ? pick(r_, 10) * 3600000000 : pick(r_, 9) - 2;
      if (type == Scalar::real) e.value.real = static_cast<double>(e.value.integer) / 4, e.value.integer = 0;
      if (is_text(type)) e.value.text = pick(r_, 2) ? "a" : "it's \"\xC3\xA9", e.value.integer = 0;
    }
    return add(std::move(e));
  }
  const QueryExpr& at(QueryExprId id) const { return step_.exprs[static_cast<std::size_t>(id.index)]; }

 private:
  QueryExprId node(QueryExprKind kind, std::string callee, Scalar scalar, std::vector<QueryExprId> args) {
    QueryExpr e;
    e.kind = kind;
    e.callee = std::move(callee);
    e.type = {scalar, e.callee == "mod"};
    for (const QueryExprId a : args) e.type.nullable = e.type.nullable || at(a).type.nullable;
    if (e.callee == "is_null") e.type.nullable = false;
    if (e.callee == "coalesce") e.type.nullable = at(args[1]).type.nullable;
    e.args = std::move(args);
    return add(std::move(e));
  }
  QueryExprId add(QueryExpr e) {
    step_.exprs.push_back(std::move(e));
    return {static_cast<std::int32_t>(step_.exprs.size()) - 1};
  }
  Random& r_;
  QueryStep& step_;
  const std::vector<Column>& scope_;
};

ColumnId id(std::int64_t c) { return {static_cast<std::int32_t>(c)}; }

void emit(QueryStep& step, const std::string& name, const Maker& maker, QueryExprId value) {
  step.outputs.push_back(value);
  step.columns.push_back(field(name, maker.at(value).type.scalar, maker.at(value).type.nullable));
}

QueryStep random_step(Random& r, QueryOp op) {
  QueryStep s;
  s.op = op;
  s.name = "out";
  s.inputs = {{0}};
  Maker over_input(r, s, schema);
  const auto keys = [&](bool right) {
    for (const std::int64_t c : {k, i, u})
      if (pick(r, 2)) s.keys.push_back({id(c), right ? id(c) : ColumnId{}});
  };
  switch (op) {
    case QueryOp::filter:
      s.columns = schema;
      s.condition = over_input.any(Scalar::boolean, 4);
      break;
    case QueryOp::select:
      for (const Scalar type : {Scalar::integer, Scalar::real, Scalar::boolean, Scalar::category, Scalar::duration}) emit(s, "c" + std::to_string(s.columns.size()), over_input, over_input.any(type, 5));
      break;
    case QueryOp::join:
    case QueryOp::asof_join: {
      s.inputs = {{0}, {1}};
      s.right_name = "other";
      keys(true);
      if (op == QueryOp::join && s.keys.empty()) s.keys.push_back({id(k), id(k)});
      s.matches = static_cast<Matches>(1 + pick(r, 3));
      if (op == QueryOp::join) s.kind = static_cast<JoinKind>(pick(r, 2));
      if (op == QueryOp::asof_join) {
        s.order = pick(r, 3) ? QueryKey{id(t), id(t)} : QueryKey{id(u), id(u)};
        s.strict = pick(r, 2) == 0;
        s.within = pick(r, 2) ? 0 : s.order.left == id(t) ? 43200000000 : 2000;
      }
      std::vector<Column> scope = schema;
      for (Column c : schema) c.type.nullable = true, c.name = "r" + c.name, scope.push_back(c);
      Maker both(r, s, scope);
      for (std::size_t c = 0; c < scope.size(); ++c) emit(s, scope[c].name, both, both.column(static_cast<std::int64_t>(c)));
      break;
    }
    case QueryOp::group:
    case QueryOp::window: {
      keys(false);
      const bool window = op == QueryOp::window;
      if (!window && s.keys.empty()) s.keys.push_back({id(n), {}});
      if (window) s.order.left = id(pick(r, 4) ? t : n);
      std::vector<Column> scope = schema;
      for (int made = 0; made < 6; ++made) {
        QueryAggregate a;
        do a.kind = static_cast<QueryAggregateKind>(pick(r, 13));
        while (a.kind == (window ? QueryAggregateKind::distinct : QueryAggregateKind::lag) || (!window && a.kind == QueryAggregateKind::ewm));
        const bool moment_of_numbers = a.kind == QueryAggregateKind::mean || a.kind >= QueryAggregateKind::variance;
        a.p = static_cast<double>(pick(r, 5)) / 4;
        a.halflife = s.order.left == id(t) ? (1 + pick(r, 30)) * 3600000000 : 1 + pick(r, 3);
        static const Scalar kinds[] = {Scalar::integer, Scalar::real, Scalar::boolean, Scalar::category, Scalar::date, Scalar::timestamp};
        Scalar of = kinds[pick(r, 6)];
        if (a.kind == QueryAggregateKind::sum || moment_of_numbers) of = kinds[pick(r, 3)];
        if (a.kind == QueryAggregateKind::distinct && of == Scalar::real) of = Scalar::category;
        if (a.kind != QueryAggregateKind::count || pick(r, 2)) a.input = of == Scalar::integer && (a.kind == QueryAggregateKind::sum || moment_of_numbers) ? over_input.column(n) : over_input.any(of, 2);
        if (window && a.kind != QueryAggregateKind::lag) {
          const std::int64_t how = pick(r, 3);
          if (how == 1) a.over = s.order.left == id(t) ? (1 + pick(r, 30)) * 21600000000 : 1 + pick(r, 3);
          if (how == 2) a.rows = 1 + pick(r, 4);
          a.current = pick(r, 2) == 0;
        }
        a.offset = 1 + pick(r, 3);
        const bool nullable = (window && !a.current) || (a.input.known() && over_input.at(a.input).type.nullable);
        switch (a.kind) {
          case QueryAggregateKind::count:
          case QueryAggregateKind::distinct: a.type = {Scalar::integer, false}; break;
          case QueryAggregateKind::sum: a.type = {of == Scalar::boolean ? Scalar::integer : of, false}; break;
          case QueryAggregateKind::mean:
          case QueryAggregateKind::variance:
          case QueryAggregateKind::stddev:
          case QueryAggregateKind::quantile:
          case QueryAggregateKind::ewm: a.type = {Scalar::real, nullable}; break;
          case QueryAggregateKind::lag: a.type = {of, true}; break;
          default: a.type = {of, nullable};
        }
        Column c = field("a" + std::to_string(made), a.type.scalar, a.type.nullable);
        scope.push_back(c);
        s.aggregates.push_back(a);
      }
      Maker all(r, s, scope);
      for (std::size_t c = 0; c < scope.size(); ++c) {
        const bool is_key = std::any_of(s.keys.begin(), s.keys.end(), [&](const QueryKey& key) { return key.left == id(static_cast<std::int64_t>(c)); });
        if (window || is_key || c >= schema.size()) emit(s, scope[c].name, all, all.column(static_cast<std::int64_t>(c)));
      }
      break;
    }
    case QueryOp::union_all:
      s.inputs = {{0}, {1}};
      s.columns = schema;
      break;
    case QueryOp::distinct:
      s.columns = schema;
      keys(false);
      if (s.keys.empty())
        for (std::size_t c = 0; c < schema.size(); ++c) s.keys.push_back({id(static_cast<std::int64_t>(c)), {}});
      break;
    case QueryOp::source: break;
  }
  return s;
}

std::string show_rows(const std::vector<Column>& columns, const Rows& rows) {
  std::string out;
  for (const Row& row : rows) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      std::uint64_t bits = 0;
      const double real = std::isnan(row[c].real) ? std::numeric_limits<double>::quiet_NaN() : row[c].real;
      std::memcpy(&bits, &real, sizeof bits);
      out += (c ? "|" : "") + (row[c].null ? "~" : is_real(columns[c].type.scalar) ? std::to_string(real) + "#" + std::to_string(std::isnan(real) ? 0 : bits) : is_text(columns[c].type.scalar) ? row[c].text : std::to_string(row[c].integer));
    }
    out += "\n";
  }
  return out;
}
Rows rows_of(const std::vector<Column>& columns, const values::Table& table) {
  Rows out(static_cast<std::size_t>(table.rows), Row(columns.size()));
  for (std::int64_t row = 0; row < table.rows; ++row)
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (!table.columns[c].is_present(row)) continue;
      const values::Cell cell = table.columns[c].cell(row);
      out[static_cast<std::size_t>(row)][c] = {false, cell.real, cell.integer, std::string(cell.text)};
    }
  return out;
}

TableRequest ask(const Scratch& scratch, QueryStep last, int threads) {
  TableRequest request;
  request.base = scratch.path();
  request.threads = threads;
  for (const char* name : {"rows", "other"}) {
    QuerySource source;
    source.source.name = name;
    source.source.paths = {std::string(name) + ".csv"};
    source.columns = schema;
    QueryStep step;
    step.name = name;
    step.source = static_cast<std::int32_t>(request.query.sources.size());
    step.columns = schema;
    request.query.sources.push_back(std::move(source));
    request.query.steps.push_back(std::move(step));
  }
  for (std::size_t c = 0; c < last.columns.size(); ++c) request.wanted.push_back(id(static_cast<std::int64_t>(c)));
  request.query.steps.push_back(std::move(last));
  return request;
}

TEST(Tables, EveryStepGivesWhatANaiveEvaluatorGives) {
  Random r(20240131);
  int compared = 0;
  for (int round = 0; round < 14; ++round) {
    const Scratch scratch;
    std::vector<Rows> sources;
    for (const char* name : {"rows", "other"}) {
      scratch.write(std::string(name) + ".csv", csv_of(r, 1 + pick(r, round % 5 == 0 ? 400 : 40)));
      ReadRequest plain = request(scratch.path(), {std::string(name) + ".csv"}, schema);
      sources.push_back(rows_of(schema, read(plain).table));
    }
    for (const QueryOp op : {QueryOp::filter, QueryOp::select, QueryOp::join, QueryOp::asof_join, QueryOp::group, QueryOp::window, QueryOp::union_all, QueryOp::distinct}) {
      const QueryStep step = random_step(r, op);
      const TableRequest one = ask(scratch, step, 1), two = ask(scratch, step, 2);
      const Naive naive{one.query, sources};
      const Rows want = naive.run(step);
      if (want.empty()) continue;  // refused, see below
      SCOPED_TRACE(render(one.query, one.wanted).back().sql);
      const ReadResult got = read_table(one);
      ASSERT_EQ(show_rows(step.columns, rows_of(step.columns, got.table)), show_rows(step.columns, want)) << "round " << round;
      ASSERT_EQ(show_rows(step.columns, rows_of(step.columns, read_table(two).table)), show_rows(step.columns, want)) << "two threads";
      ++compared;
    }
  }
  EXPECT_GT(compared, 80);
}

// Many rows, so that the engine does work in parallel: sums of floats do not depend on it.
TEST(Tables, ManyRowsAtAnyNumberOfThreads) {
  const Scratch scratch;
  Random r(7);
  std::string rows = "k,i,t,u,x,y,b,n\n";
  for (int row = 0; row < 250'000; ++row)
    rows += "k" + std::to_string(pick(r, 50)) + "," + std::to_string(pick(r, 1000)) + ",2024-01-01T00:00:" + std::to_string(10 + pick(r, 50)) + "Z,," + std::to_string(pick(r, 1000000)) + "." + std::to_string(pick(r, 1000000)) + ",0.1,," + std::to_string(pick(r, 300)) + "\n";
  scratch.write("rows.csv", rows);
  scratch.write("other.csv", "k,i,t,u,x,y,b,n\nk1,1,2024-01-01,,1,1,,1\n");
  const auto step = [&](QueryOp op, std::vector<QueryKey> keys) {
    QueryStep s;
    s.op = op;
    s.name = "out";
    s.inputs = {{0}};
    s.keys = std::move(keys);
    std::vector<Column> scope = schema;
    Maker maker(r, s, scope);
    for (const QueryAggregateKind kind : {QueryAggregateKind::sum, QueryAggregateKind::mean}) {
      QueryAggregate a;
      a.kind = kind;
      a.input = maker.column(x);
      a.type = {Scalar::real, kind == QueryAggregateKind::mean};
      if (op == QueryOp::window) a.rows = 20;
      s.aggregates.push_back(a);
      scope.push_back(field("a", Scalar::real, a.type.nullable));
    }
    for (std::int64_t c = 0; c < 2; ++c) emit(s, "a" + std::to_string(c), maker, maker.column(static_cast<std::int64_t>(schema.size()) + c));
    if (op == QueryOp::window) s.order.left = id(t);
    return s;
  };
  for (const QueryStep& s : {step(QueryOp::group, {{id(k), {}}}), step(QueryOp::window, {{id(k), {}}})}) {
    const std::string one = show_rows(s.columns, rows_of(s.columns, read_table(ask(scratch, s, 1)).table));
    EXPECT_TRUE(show_rows(s.columns, rows_of(s.columns, read_table(ask(scratch, s, 3)).table)) == one);
  }
}

Diagnostic failure(const TableRequest& request) {
  try {
    read_table(request);
  } catch (const Failure& f) {
    return f.diagnostic;
  }
  ADD_FAILURE() << "no failure";
  return {};
}

TEST(Tables, AKeyInSeveralRowsIsAnErrorWithExamples) {
  const Scratch scratch;
  scratch.write("rows.csv", "k,i,t,u,x,y,b,n\nz,1,2024-01-01,,1,1,,1\n");
  scratch.write("other.csv", "k,i,t,u,x,y,b,n\na,1,2024-01-01,,1,1,,1\nb,1,2024-01-01,,1,1,,1\na,1,2024-01-02,,1,1,,1\n,1,2024-01-02,,1,1,,1\n,1,2024-01-02,,1,1,,1\n");
  Random r(1);
  QueryStep s = random_step(r, QueryOp::join);
  s.keys = {{id(k), id(k)}, {id(i), id(i)}};
  s.matches = Matches::one;
  const Diagnostic d = failure(ask(scratch, s, 1));
  EXPECT_EQ(std::string(info(d.code).code), "E0540");
  EXPECT_EQ(d.message, "1 key of `other` stands in 2 rows, first k = a, i = 1 (2 rows)");
}

TEST(Tables, WhatHasNoResultIsAnError) {
  const Scratch scratch;
  scratch.write("rows.csv", "k,i,t,u,x,y,b,n\na,9223372036854775807,2024-01-01,,1,1,,1\na,9223372036854775807,2024-01-01,,1,1,,1\n");
  scratch.write("other.csv", "k,i,t,u,x,y,b,n\na,1,2024-01-01,,1,1,,1\n");
  QueryStep s;
  s.op = QueryOp::group;
  s.name = "out";
  s.inputs = {{0}};
  s.keys = {{id(k), {}}};
  std::vector<Column> scope = schema;
  scope.push_back(field("a", Scalar::integer));
  Random r(1);
  Maker maker(r, s, scope);
  QueryAggregate a;
  a.kind = QueryAggregateKind::sum;
  a.input = maker.column(i);
  a.type = {Scalar::integer, false};
  s.aggregates.push_back(a);
  emit(s, "a", maker, maker.column(8));
  EXPECT_EQ(std::string(info(failure(ask(scratch, s, 1)).code).code), "E0541");  // beyond 64 bits
  QueryStep none;
  none.op = QueryOp::filter;
  none.name = "out";
  none.inputs = {{0}};
  none.columns = schema;
  Maker constant(r, none, schema);
  none.exprs.push_back({.kind = QueryExprKind::constant, .type = {Scalar::boolean, false}, .callee = {}, .args = {}, .value = {}, .column = {}});
  none.condition = {0};
  EXPECT_EQ(failure(ask(scratch, none, 1)).message, "table `out` cannot be made: it has no rows");
}

// The engine does not tell `a` from `A`, and has words of its own.
TEST(Tables, NamesAreTakenAsTheyAre) {
  const Scratch scratch;
  const std::vector<Column> odd = {field("a", Scalar::integer), field("A", Scalar::integer), field("#", Scalar::integer), field("select \"x\"", Scalar::integer), field("it's", Scalar::integer)};
  scratch.write("rows.csv", "a,A,#,\"select \"\"x\"\"\",it's\n1,2,3,4,5\n6,7,8,9,10\n");
  TableRequest request;
  request.base = scratch.path();
  QuerySource source;
  source.source.name = "Order By";
  source.source.paths = {"rows.csv"};
  source.columns = odd;
  request.query.sources = {source};
  QueryStep first, last;
  first.name = "Order By";
  first.source = 0;
  first.columns = odd;
  last.op = QueryOp::distinct;
  last.name = "order by";
  last.inputs = {{0}};
  last.columns = odd;
  for (std::int64_t c = 0; c < 5; ++c) last.keys.push_back({id(c), {}}), request.wanted.push_back(id(c));
  request.query.steps = {first, last};
  EXPECT_EQ(show(odd, read_table(request).table), "1|2|3|4|5\n6|7|8|9|10\n");
}

TEST(Tables, EverySourceIsCountedByItself) {
  const Scratch scratch;
  scratch.write("rows.csv", "k,i,t,u,x,y,b,n\na,1,2024-01-01,,1,1,,1\na,oops,2024-01-01,,1,1,,1\n");
  scratch.write("other.csv", "k,i,t,u,x,y,b,n\na,1,2024-01-01,,1,1,,1\na,1,2024-01-01,,1,1,,1\n");
  Random r(1);
  TableRequest request = ask(scratch, random_step(r, QueryOp::union_all), 1);
  request.query.sources[0].source.policy = Policy::quarantine;
  request.quarantine = "p";
  const ReadResult got = read_table(request);
  ASSERT_EQ(got.report.sources.size(), 2u);
  EXPECT_EQ(got.report.sources[0].present, 2);
  EXPECT_EQ(got.report.sources[0].rejected, 1);
  EXPECT_EQ(got.report.sources[1].read, 2);
  EXPECT_EQ(got.report.present, 4);
  EXPECT_EQ(got.report.read, 3);
  EXPECT_EQ(got.report.violations.at(0).column, "rows.i");
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "p.rows.quarantine.csv"));
  const std::string before = got.report.digest;
  scratch.write("other.csv", "k,i,t,u,x,y,b,n\na,1,2024-01-01,,1,1,,1\na,1,2024-01-01,,1,1,,2\n");
  EXPECT_NE(read_table(request).report.digest, before);
}

}  // namespace
}  // namespace mlp::data
