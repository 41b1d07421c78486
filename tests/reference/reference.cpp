#include "tests/reference/reference.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>

#include "stdlib/builtins/kernels.h"
#include "tests/reference/bags.h"

namespace mlp::reference {
namespace {

constexpr double nan_ = std::numeric_limits<double>::quiet_NaN();

Value of(double v) { return {false, 0, v, {}}; }
Value of(std::int64_t v) { return {false, v, 0, {}}; }
Value of(bool v) { return {false, v, 0, {}}; }
Value of(std::string v) { return {false, 0, 0, std::move(v)}; }
Value null() { return {true, 0, 0, {}}; }

// Texts made by kernels.
template <class Kernel, class... Arguments>
Value made(Kernel* kernel, Arguments... arguments) {
  struct Arena : mlp_arena {
    std::deque<std::vector<char>> blocks;
  } arena;
  arena.cursor = arena.limit = nullptr;
  arena.grow = [](mlp_arena* self, std::int64_t size) {
    auto& block = static_cast<Arena*>(self)->blocks.emplace_back(static_cast<std::size_t>(size));
    self->cursor = block.data();
    self->limit = block.data() + size;
  };
  mlp_string result{};
  kernel(arguments..., &arena, &result);
  return of(std::string(result.data, static_cast<std::size_t>(result.size)));
}

std::int64_t wrap(std::uint64_t v) { return static_cast<std::int64_t>(v); }
std::uint64_t bits(std::int64_t v) { return static_cast<std::uint64_t>(v); }

double floored_remainder(double a, double b) {
  const double r = std::fmod(a, b);
  if (r == 0) return std::copysign(r, b);
  return (r < 0) != (b < 0) ? r + b : r;
}

template <class T>
bool compare(const std::string& op, const T& a, const T& b) {
  if (op == "eq") return a == b;
  if (op == "ne") return a != b;
  if (op == "lt") return a < b;
  if (op == "le") return a <= b;
  if (op == "gt") return a > b;
  return a >= b;
}
bool is_comparison(const std::string& op) { return op == "eq" || op == "ne" || op == "lt" || op == "le" || op == "gt" || op == "ge"; }

[[noreturn]] void unknown(const std::string& callee) { throw std::logic_error("the reference evaluator does not know `" + callee + "`"); }

Value of_reals(const std::string& f, double a, double b, double c) {
  if (f == "add") return of(a + b);
  if (f == "sub") return of(a - b);
  if (f == "mul") return of(a * b);
  if (f == "div") return of(a / b);
  if (f == "mod") return of(floored_remainder(a, b));
  if (f == "neg") return of(-a);
  if (is_comparison(f)) return of(compare(f, a, b));
  if (f == "abs") return of(std::fabs(a));
  if (f == "sign") return of(a > 0 ? 1.0 : a < 0 ? -1.0 : a == 0 ? 0.0 : a);
  if (f == "floor") return of(std::floor(a));
  if (f == "ceil") return of(std::ceil(a));
  if (f == "round") return of(std::round(a));
  if (f == "trunc") return of(std::trunc(a));
  if (f == "sqrt") return of(std::sqrt(a));
  if (f == "min") return of(std::isnan(a) ? a : std::isnan(b) ? b : a < b ? a : b);
  if (f == "max") return of(std::isnan(a) ? a : std::isnan(b) ? b : a > b ? a : b);
  if (f == "clamp") {
    const double raised = a < b ? b : a;
    return of(raised > c ? c : raised);
  }
  if (f == "is_nan") return of(std::isnan(a));
  if (f == "is_finite") return of(std::isfinite(a));
  if (f == "to_int") return a >= -0x1p63 && a < 0x1p63 ? of(static_cast<std::int64_t>(a)) : null();
  if (f == "pow") return of(mlp_pow(a, b));
  if (f == "atan2") return of(mlp_atan2(a, b));
  static const std::map<std::string, double (*)(double)> elementary = {
      {"exp", mlp_exp},     {"expm1", mlp_expm1}, {"log", mlp_log}, {"log2", mlp_log2}, {"log10", mlp_log10}, {"log1p", mlp_log1p},
      {"sin", mlp_sin},     {"cos", mlp_cos},     {"tanh", mlp_tanh}, {"sigmoid", mlp_sigmoid}, {"softplus", mlp_softplus},
      {"asin", mlp_asin},   {"acos", mlp_acos},   {"atan", mlp_atan}};
  const auto found = elementary.find(f);
  if (found == elementary.end()) unknown(f);
  return of(found->second(a));
}

Value of_integers(const std::string& f, std::int64_t a, std::int64_t b, std::int64_t c) {
  if (f == "add") return of(wrap(bits(a) + bits(b)));
  if (f == "sub") return of(wrap(bits(a) - bits(b)));
  if (f == "mul") return of(wrap(bits(a) * bits(b)));
  if (f == "neg") return of(wrap(0 - bits(a)));
  if (f == "mod") {
    if (b == 0) return null();
    if (b == -1) return of(std::int64_t{0});
    const std::int64_t r = a % b;
    return of(r != 0 && (r < 0) != (b < 0) ? r + b : r);
  }
  if (is_comparison(f)) return of(compare(f, a, b));
  if (f == "abs") return of(a < 0 ? wrap(0 - bits(a)) : a);
  if (f == "sign") return of(std::int64_t{a > 0 ? 1 : a < 0 ? -1 : 0});
  if (f == "min") return of(std::min(a, b));
  if (f == "max") return of(std::max(a, b));
  if (f == "clamp") return of(std::min(std::max(a, b), c));
  if (f == "to_float") return of(static_cast<double>(a));
  if (f == "to_text" || f == "to_category") return of(std::to_string(a));
  if (f == "hash") return of(mlp_hash_int(a));
  if (f == "hash_bucket") return of(mlp_hash_bucket_int(a, b));
  unknown(f);
}

Value of_booleans(const std::string& f, bool a, bool b) {
  if (f == "and") return of(a && b);
  if (f == "or") return of(a || b);
  if (f == "not") return of(!a);
  if (is_comparison(f)) return of(compare(f, a, b));
  if (f == "to_float") return of(a ? 1.0 : 0.0);
  if (f == "to_int") return of(std::int64_t{a});
  if (f == "to_text" || f == "to_category") return of(std::string(a ? "true" : "false"));
  unknown(f);
}

Value of_texts(const std::string& f, const std::vector<const Value*>& args) {
  const std::string& v = args[0]->text;
  const auto size = [](const std::string& s) { return static_cast<std::int64_t>(s.size()); };
  if (is_comparison(f)) return of(compare(f, v.compare(args[1]->text), 0));  // std::string compares bytes as unsigned
  if (f == "to_text" || f == "to_category") return of(v);
  if (f == "contains") return of(v.find(args[1]->text) != std::string::npos);
  if (f == "starts_with") return of(v.starts_with(args[1]->text));
  if (f == "ends_with") return of(v.ends_with(args[1]->text));
  if (f == "concat") return of(v + args[1]->text);
  if (f == "replace") {
    const std::string &part = args[1]->text, &by = args[2]->text;
    std::string out;
    std::size_t from = 0;
    if (!part.empty())
      for (std::size_t at; (at = v.find(part, from)) != std::string::npos; from = at + part.size()) out += v.substr(from, at - from) + by;
    return of(out + v.substr(from));
  }
  if (f == "trim") {
    const char* blanks = " \t\n\v\f\r";
    const std::size_t begin = v.find_first_not_of(blanks);
    return of(begin == std::string::npos ? std::string() : v.substr(begin, v.find_last_not_of(blanks) - begin + 1));
  }
  if (f == "parse_float") {
    const double parsed = mlp_text_parse_float(v.data(), size(v));
    return std::isnan(parsed) ? null() : of(parsed);
  }
  if (f == "lower") return made(mlp_text_lower, v.data(), size(v));
  if (f == "upper") return made(mlp_text_upper, v.data(), size(v));
  if (f == "redact") return made(mlp_text_redact, v.data(), size(v));
  if (f == "hash_id") return made(mlp_text_hash_id, v.data(), size(v));
  if (f == "substring") return made(mlp_text_substring, v.data(), size(v), args[1]->integer, args[2]->integer);
  if (f == "byte") {
    const std::int64_t n = args[1]->integer;
    return of(n >= 0 && n < size(v) ? std::int64_t{static_cast<unsigned char>(v[static_cast<std::size_t>(n)])} : std::int64_t{0});
  }
  if (f == "length") return of(mlp_text_length(v.data(), size(v)));
  if (f == "word_count") return of(mlp_text_word_count(v.data(), size(v)));
  if (f == "word_code") {
    const std::vector<std::string> words = terms_of(v, TermKind::words, 1, 1);
    const std::int64_t n = args[1]->integer, buckets = args[2]->integer;
    if (n < 0 || n >= static_cast<std::int64_t>(words.size()) || buckets < 1) return of(std::int64_t{0});
    const std::string word = words[static_cast<std::size_t>(n)].substr(0, 256);
    return of(1 + mlp_text_hash_bucket(word.data(), size(word), buckets));
  }
  if (f == "hash") return of(mlp_text_hash(v.data(), size(v)));
  if (f == "hash_bucket") return of(mlp_text_hash_bucket(v.data(), size(v), args[1]->integer));
  unknown(f);
}

// Dates, timestamps and durations: whole numbers whose arithmetic is that of integers.
Value of_times(const std::string& f, Scalar scalar, std::int64_t a, Scalar other, std::int64_t b) {
  using Part = std::int64_t (*)(std::int64_t);
  static const std::map<std::string, std::pair<Part, Part>> calendar = {
      {"year", {mlp_time_year_of_date, mlp_time_year}},          {"quarter", {mlp_time_quarter_of_date, mlp_time_quarter}},
      {"month", {mlp_time_month_of_date, mlp_time_month}},       {"day", {mlp_time_day_of_date, mlp_time_day}},
      {"weekday", {mlp_time_weekday_of_date, mlp_time_weekday}}, {"yearday", {mlp_time_yearday_of_date, mlp_time_yearday}},
      {"week", {mlp_time_week_of_date, mlp_time_week}}};
  if (const auto found = calendar.find(f); found != calendar.end()) return of(scalar == Scalar::date ? found->second.first(a) : found->second.second(a));
  if (f == "sub" && scalar == Scalar::date && other == Scalar::date) return of(wrap((bits(a) - bits(b)) * 86'400'000'000u));
  if (f == "div") return of(static_cast<double>(a) / static_cast<double>(b));
  if (f == "hour") return of(mlp_time_hour(a));
  if (f == "minute") return of(mlp_time_minute(a));
  if (f == "second") return of(mlp_time_second(a));
  if (f == "to_date") return of(mlp_time_to_date(a));
  if (f == "to_timestamp") return of(wrap(bits(a) * 86'400'000'000u));
  if (f == "days") return of(static_cast<double>(a) / 86'400e6);
  if (f == "hours") return of(static_cast<double>(a) / 3'600e6);
  if (f == "minutes") return of(static_cast<double>(a) / 60e6);
  if (f == "seconds") return of(static_cast<double>(a) / 1e6);
  return of_integers(f, a, b, 0);
}

class Row {
 public:
  Row(const flow::Program& program, const fit::Fitted& fitted, const values::Table& table, std::int64_t row, std::int32_t fold)
      : p_(program), fitted_(fitted), table_(table), row_(row), fold_(fold), known_(program.exprs.size()) {}

  const Value& value(ir::ExprId id) {
    std::optional<Value>& known = known_[static_cast<std::size_t>(id.index)];
    if (!known) known = compute(p_[id]);
    return *known;
  }

 private:
  Value compute(const ir::Expr& e) {
    switch (e.op) {
      case ir::ExprOp::constant: return e.value;
      case ir::ExprOp::column:
      case ir::ExprOp::input: return column(e.column.index);
      case ir::ExprOp::fitted_number: return of(fitted_.numbers.at(static_cast<std::size_t>(e.slot.index)));
      case ir::ExprOp::fitted_text: return of(fitted_.texts.at(static_cast<std::size_t>(e.slot.index)));
      case ir::ExprOp::select: {
        const Value& condition = value(e.args[0]);
        return condition.null ? null() : value(e.args[condition.integer ? 1 : 2]);
      }
      case ir::ExprOp::call: return call(e);
      case ir::ExprOp::aggregate:
      case ir::ExprOp::table:
      case ir::ExprOp::fitted_table: break;
    }
    throw std::logic_error("this expression has no value of its own");
  }

  Value column(std::int32_t index) const {
    const values::ColumnData& c = table_.columns.at(static_cast<std::size_t>(index));
    const auto row = static_cast<std::size_t>(row_);
    if (!c.is_present(row_)) return null();
    switch (c.layout) {
      case values::Layout::real: return of(c.reals[row]);
      case values::Layout::integer: return of(c.integers[row]);
      case values::Layout::boolean: return of(c.booleans[row] != 0);
      case values::Layout::string: return of(std::string(c.strings[row].data, static_cast<std::size_t>(c.strings[row].size)));
    }
    return null();
  }

  Value call(const ir::Expr& e) {
    const std::string& f = e.callee;
    if (f == "is_null") return of(value(e.args[0]).null);
    if (f == "coalesce") return value(e.args[0]).null ? value(e.args[1]) : value(e.args[0]);
    if (f == "code" || f == "lookup") {
      const fit::FittedTable& table = fitted_.tables.at(static_cast<std::size_t>(p_[e.args[1]].slot.index));
      const Value& key = value(e.args[0]);
      const auto found = std::find(table.keys.begin(), table.keys.end(), key.text);
      const bool known = !key.null && found != table.keys.end();
      const auto code = known ? found - table.keys.begin() : static_cast<std::ptrdiff_t>(table.keys.size());
      if (f == "code") return known ? of(static_cast<std::int64_t>(code)) : null();
      const std::int64_t first = fold_ >= 0 && fold_ < table.folds ? fold_ + 1 : 0;
      return of(table.values.at(static_cast<std::size_t>(first) * (table.keys.size() + 1) + static_cast<std::size_t>(code)));
    }
    std::vector<const Value*> args;
    for (const ir::ExprId arg : e.args) {
      args.push_back(&value(arg));
      if (args.back()->null) return null();
    }
    const auto type = [&](std::size_t i) { return p_[e.args[i]].type.scalar; };
    const auto integer = [&](std::size_t i) { return i < args.size() ? args[i]->integer : 0; };
    const auto real = [&](std::size_t i) { return i < args.size() ? args[i]->real : 0; };
    if (args.empty()) unknown(f);
    if (f == "in_zone" || f == "from_zone" || f == "utc_offset") {
      const auto function = f == "in_zone" ? mlp_time_in_zone : f == "from_zone" ? mlp_time_from_zone : mlp_time_utc_offset;
      return of(function(integer(0), args.at(1)->text.data(), static_cast<std::int64_t>(args.at(1)->text.size())));
    }
    switch (type(0)) {
      case Scalar::boolean: return of_booleans(f, integer(0) != 0, integer(1) != 0);
      case Scalar::integer: return of_integers(f, integer(0), integer(1), integer(2));
      case Scalar::real:
      case Scalar::real32: return of_reals(f, real(0), real(1), real(2));
      case Scalar::string:
      case Scalar::category:
      case Scalar::text:
      case Scalar::id: return of_texts(f, args);
      case Scalar::timestamp:
      case Scalar::date:
      case Scalar::duration: return of_times(f, type(0), integer(0), args.size() > 1 ? type(1) : type(0), integer(1));
      case Scalar::image: break;
    }
    unknown(f);
  }

  const flow::Program& p_;
  const fit::Fitted& fitted_;
  const values::Table& table_;
  std::int64_t row_;
  std::int32_t fold_;
  std::vector<std::optional<Value>> known_;
};

}  // namespace

double number(const Type& type, const Value& value) {
  if (value.null) return nan_;
  return type.scalar == Scalar::real || type.scalar == Scalar::real32 ? value.real : static_cast<double>(value.integer);
}

Value evaluate(const flow::Program& program, const fit::Fitted& fitted, const values::Table& table, std::int64_t row, ir::ExprId id, std::int32_t fold) {
  return Row(program, fitted, table, row, fold).value(id);
}

std::vector<Value> evaluate_all(const flow::Program& program, const fit::Fitted& fitted, const values::Table& table, std::int64_t row,
                                const std::vector<ir::ExprId>& ids, std::int32_t fold) {
  Row state(program, fitted, table, row, fold);
  std::vector<Value> values;
  for (const ir::ExprId id : ids) values.push_back(state.value(id));
  return values;
}

std::vector<double> features(const flow::Program& program, const fit::Fitted& fitted, const values::Table& table, std::int64_t row, std::int32_t fold) {
  Row state(program, fitted, table, row, fold);
  std::vector<double> out;
  for (const ir::Feature& feature : program.features) {
    const Value& value = state.value(feature.value);
    if (feature.encoding != ir::Encoding::bag) {
      out.push_back(number(program[feature.value].type, value));
      continue;
    }
    const std::vector<mlp_term> bag = bag_of(feature, fitted, value.null ? "" : value.text);
    out.push_back(digest(bag.data(), static_cast<std::int64_t>(bag.size())));
  }
  return out;
}

fit::Fitted fit_program(const flow::Program& program, const std::vector<double>& target, const std::vector<std::int32_t>& folds, const PassInputs& inputs) {
  using flow::AggregateKind;
  fit::Fitted fitted;
  fitted.numbers.resize(static_cast<std::size_t>(program.numbers));
  fitted.texts.resize(static_cast<std::size_t>(program.texts));
  fitted.tables.resize(static_cast<std::size_t>(program.tables));
  for (std::size_t pass = 0; pass < program.passes.size(); ++pass) {
    const std::vector<Inputs> values = inputs(pass, fitted);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const flow::Aggregate& a = program.aggregates[static_cast<std::size_t>(program.passes[pass].aggregates[i].index)];
      const Inputs& in = values[i];
      const auto slot = static_cast<std::size_t>(a.slot.index);
      switch (a.kind) {
        case AggregateKind::count: fitted.numbers[slot] = fit::count(in.reals); break;
        case AggregateKind::sum: fitted.numbers[slot] = fit::sum(in.reals); break;
        case AggregateKind::mean: fitted.numbers[slot] = fit::mean(in.reals, a.name); break;
        case AggregateKind::variance: fitted.numbers[slot] = fit::variance(in.reals, a.name); break;
        case AggregateKind::stddev: fitted.numbers[slot] = std::sqrt(fit::variance(in.reals, a.name)); break;
        case AggregateKind::min: fitted.numbers[slot] = fit::minimum(in.reals, a.name); break;
        case AggregateKind::max: fitted.numbers[slot] = fit::maximum(in.reals, a.name); break;
        case AggregateKind::quantile: fitted.numbers[slot] = fit::quantile(in.reals, a.parameters.at(0), a.name); break;
        case AggregateKind::most_frequent: fitted.texts[slot] = fit::most_frequent(in.strings, in.present, a.name); break;
        case AggregateKind::vocabulary:
          fitted.tables[slot] = fit::vocabulary(in.strings, in.present, static_cast<std::int64_t>(a.parameters.at(0)), static_cast<std::int64_t>(a.parameters.at(1)));
          break;
        case AggregateKind::terms: fitted.tables[slot] = fit_terms(a, in.strings, in.present); break;
        case AggregateKind::frequencies: fitted.tables[slot] = fit::frequencies(in.strings, in.present); break;
        case AggregateKind::target_means:
          fitted.tables[slot] = fit::target_means(in.strings, in.present, target, folds, static_cast<std::int64_t>(a.parameters.at(1)), a.parameters.at(0));
          break;
      }
    }
  }
  return fitted;
}

fit::Fitted fit_by_reference(const flow::Program& program, const values::Table& table, const std::vector<std::int32_t>& folds) {
  std::vector<double> target;
  if (program.model.target.known() && !is_text(program[program.model.target].type.scalar))
    for (std::int64_t row = 0; row < table.rows; ++row)
      target.push_back(number(program[program.model.target].type, evaluate(program, {}, table, row, program.model.target)));
  std::deque<std::string> texts;
  return fit_program(program, target, folds, [&](std::size_t pass, const fit::Fitted& so_far) {
    std::vector<Inputs> all;
    for (const flow::AggregateId id : program.passes[pass].aggregates) {
      const ir::ExprId input = program.aggregates[static_cast<std::size_t>(id.index)].input;
      const Type type = program[input].type;
      Inputs in;
      for (std::int64_t row = 0; row < table.rows; ++row) {
        const Value v = evaluate(program, so_far, table, row, input, folds.empty() ? -1 : folds[static_cast<std::size_t>(row)]);
        if (is_text(type.scalar)) {
          const std::string& kept = texts.emplace_back(v.text);
          in.strings.push_back({kept.data(), static_cast<std::int64_t>(kept.size())});
          in.present.push_back(!v.null);
        } else {
          in.reals.push_back(number(type, v));
        }
      }
      all.push_back(std::move(in));
    }
    return all;
  });
}

}  // namespace mlp::reference
