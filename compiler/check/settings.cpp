// Settings, constants and names as blocks use them; reporting.
#include <algorithm>
#include <cmath>

#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "base/pattern.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

// In the text of the library nothing can be mended by the user: there, the place is the user's call.
Checker::Place Checker::place(Span span) const {
  Span inside;
  std::string function;
  const Frame* f = frame_;
  if (f && f->library) {
    inside = span;
    function = f->function->head.name;
    while (f->caller && f->library) {
      span = f->call;
      f = f->caller;
    }
    if (inside.source == span.source) inside = {};
  }
  Place p{span, {}};
  if (inside.known()) p.also.push_back({inside, "in `" + function + "` of the standard library"});
  for (int shown = 0; f && f->function; f = f->caller, ++shown) {  // of a long chain the two innermost calls, and the one that began it
    const bool first = !f->caller || !f->caller->function, called = f->call != f->function->head.name_span;  // what nothing calls is checked too
    if (called && (shown < 2 || first)) p.also.push_back({f->call, "called here"});
  }
  return p;
}

Diagnostic& Checker::report(Code code, std::string message, Span span, std::string label) {
  Place p = place(span);
  Diagnostic& d = found_.report(code, std::move(message)).at(p.span, std::move(label));
  for (const auto& [name, literal] : literals_)
    if (literal.span == d.span) {
      const ParamValue& param = params_.at(name->text);
      d.also(param.value_span, "`" + name->text + "` is `" + literal.text + "`");
      break;
    }
  d.others.insert(d.others.end(), std::make_move_iterator(p.also.begin()), std::make_move_iterator(p.also.end()));
  return d;
}

// Where nothing known is near the name: what there is, the first of it.
std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < 8; ++i) out += (i ? ", `" : "`") + names[i] + "`";
  return out + (names.size() > 8 ? ", …" : "");
}

void Checker::suggest_name(Diagnostic& d, Span span, const std::string& wanted, const std::vector<std::string>& candidates) {
  const std::string near = nearest(wanted, candidates);
  if (near.empty() || near == wanted || wanted.size() < 3) return;  // any two letters are near each other
  d.suggest("did you mean `" + near + "`?");
  if (!frame_->library) d.edit(span, near);
}

Span Checker::callee_span(const ast::Expr& e) const {
  if (e.kind != ast::ExprKind::call || !sources_.text(e.span).starts_with(e.text)) return e.span;
  return {e.span.source, e.span.begin, e.span.begin + static_cast<std::uint32_t>(e.text.size())};
}

ColumnId Checker::find_column(const std::string& name) const {
  const auto found = columns_.find(name);
  return found == columns_.end() ? ColumnId{} : found->second;
}

std::vector<std::string> Checker::column_names() const {
  std::vector<std::string> names;
  for (const Column& c : module_.columns) names.push_back(c.name);
  return names;
}

ColumnId Checker::column_named(const std::string& name, Span span) {
  const ColumnId id = find_column(name);
  if (id.known()) mean(span, Meaning::Kind::column, name, module_.columns[id.index].span);
  if (!id.known() && schema_ok_) {
    Diagnostic& d = report(code::unknown_name, "`" + name + "` is not known in the schema", span, "no column has this name");
    suggest_name(d, span, name, column_names());
    if (d.help.empty()) d.suggest("columns are: " + listed(column_names()));
  }
  return id;
}

ColumnId Checker::column_named(const ast::Expr& e, const std::string& what) {
  if (e.kind == ast::ExprKind::name) return column_named(e.text, e.span);
  report(code::bad_setting, what + " must be a column", e.span);
  return {};
}

std::optional<double> Checker::number(ast::ExprId id) {
  const ast::Expr& e = node(id);
  if (e.kind == ast::ExprKind::number) {
    const Number n = read_number(e.text);
    if (n.kind == Number::integer || n.kind == Number::real) return n.value;
    return {};
  }
  if (e.kind == ast::ExprKind::unary && e.text == "-") {
    const auto v = number(e.args[0]);
    return v ? std::optional(-*v) : std::nullopt;
  }
  if (e.kind == ast::ExprKind::binary) {
    const auto a = number(e.args[0]), b = number(e.args[1]);
    if (!a || !b) return {};
    if (e.text == "+") return *a + *b;
    if (e.text == "-") return *a - *b;
    if (e.text == "*") return *a * *b;
    if (e.text == "/" && *b != 0) return *a / *b;
  }
  return {};
}

std::optional<std::int64_t> Checker::whole(ast::ExprId id) {
  const ast::Expr& e = node(id);
  if (e.kind == ast::ExprKind::number) {
    const Number n = read_number(e.text);
    if (n.kind == Number::integer) return n.whole;
    if (n.kind == Number::real && n.value == std::floor(n.value) && std::fabs(n.value) < 9e15) return static_cast<std::int64_t>(n.value);
    return {};
  }
  const auto v = number(id);
  if (v && *v == std::floor(*v) && std::fabs(*v) < 9e15) return static_cast<std::int64_t>(*v);
  return {};
}

bool Checker::take_settings(const std::vector<ast::Setting>& settings, const std::vector<Option>& options, const std::string& block,
                            const std::vector<std::pair<const char*, const char*>>& aliases) {
  std::map<std::string, Span> seen;
  bool good = true;
  if (meaning_)
    for (const Option& o : options) meaning_->settings[declaration_].emplace_back(o.name);
  for (const ast::Setting& s : settings) {
    if (const auto before = seen.emplace(s.name, s.name_span); !before.second) {
      report(code::duplicate_name, "`" + s.name + "` is set twice", s.name_span, "again").also(before.first->second, "first here").suggest("keep one of the two");
      continue;
    }
    const auto known = std::find_if(options.begin(), options.end(), [&](const Option& o) { return s.name == o.name; });
    if (known != options.end()) {
      known->take(s);
      continue;
    }
    good = false;
    Diagnostic& d = report(code::unknown_setting, "`" + s.name + "` is no setting of " + block, s.name_span, "not known");
    const auto alias = std::find_if(aliases.begin(), aliases.end(), [&](const auto& a) { return s.name == a.first; });
    if (alias != aliases.end()) {
      d.suggest("it is called `" + std::string(alias->second) + "` here").edit(s.name_span, alias->second);
      continue;
    }
    std::vector<std::string> names;
    for (const Option& o : options) names.emplace_back(o.name);
    suggest_name(d, s.name_span, s.name, names);
    if (d.help.empty()) {
      std::string list;
      for (const std::string& n : names) list += (list.empty() ? "" : ", ") + n;
      d.suggest("known are: " + list);
    }
  }
  return good;
}

// A value written in a spec for a column: `tenure = 1`, `Contract = "Month-to-month"`, `Churn = true` or `"Yes"`.
std::optional<Value> Checker::typed_value(const ast::Expr& e, const Column& column) {
  Value v;
  const auto refuse = [&](const std::string& hint) -> std::optional<Value> {
    Diagnostic& d = report(code::type_mismatch, "column `" + column.name + "` takes a " + show(column.type) + ", found `" + text(e.span) + "`", e.span,
                           "not a " + show(column.type));
    d.also(column.span, "declared here");
    if (!hint.empty()) d.suggest(hint);
    return {};
  };
  if (e.kind == ast::ExprKind::null) {
    if (!column.type.nullable) {
      report(code::null_not_allowed, "column `" + column.name + "` takes no null", e.span).also(column.span, "declared " + show(column.type))
          .suggest("declare it `" + spell({column.type.scalar, true}) + "`, or give a value");
      return {};
    }
    v.null = true;
    return v;
  }
  const bool negative = e.kind == ast::ExprKind::unary && e.text == "-" && node(e.args[0]).kind == ast::ExprKind::number;
  const ast::Expr& literal = negative ? node(e.args[0]) : e;
  const Number n = literal.kind == ast::ExprKind::number ? read_number(literal.text) : Number{};
  const double sign = negative ? -1 : 1;
  switch (column.type.scalar) {
    case Scalar::boolean:
      if (e.kind == ast::ExprKind::boolean) v.integer = e.text == "true";
      else if (e.kind == ast::ExprKind::string && !column.true_word.empty() && (e.text == column.true_word || e.text == column.false_word))
        v.integer = e.text == column.true_word;
      else return refuse("write `true` or `false`" + (column.true_word.empty() ? "" : ", or \"" + column.true_word + "\" or \"" + column.false_word + "\""));
      return v;
    case Scalar::integer:
      if (n.kind != Number::integer) return refuse("write a whole number");
      v.integer = negative ? -n.whole : n.whole;
      break;
    case Scalar::real:
    case Scalar::real32:
      if (n.kind != Number::integer && n.kind != Number::real) return refuse("write a number");
      v.real = sign * n.value;
      if (column.type.scalar == Scalar::real32) v.real = static_cast<float>(v.real);
      break;
    case Scalar::duration:
      if (n.kind != Number::duration) return refuse("write a number with a unit: `30m`, `7d`");
      v.integer = negative ? -n.whole : n.whole;
      break;
    case Scalar::date:
    case Scalar::timestamp: {
      const Moment m = e.kind == ast::ExprKind::date ? read_moment(e.text) : Moment{};
      if (m.kind == Moment::bad || (m.kind == Moment::timestamp && column.type.scalar == Scalar::date)) return refuse("write a date: `@2024-01-31`");
      v.integer = m.kind == Moment::date && column.type.scalar == Scalar::timestamp ? m.value * 86'400'000'000 : m.value;
      break;
    }
    case Scalar::image: return refuse("leave it out: a picture is no constant");
    default:
      if (e.kind != ast::ExprKind::string) return refuse("write a text in quotes");
      v.text = e.text;
      if (!column.one_of.empty() && std::find(column.one_of.begin(), column.one_of.end(), v.text) == column.one_of.end()) {
        Diagnostic& d = report(code::out_of_range, "column `" + column.name + "` never is \"" + v.text + "\"", e.span).also(column.span, "its values are listed here");
        const std::string near = nearest(v.text, column.one_of);
        if (!near.empty()) d.suggest("did you mean \"" + near + "\"?").edit(e.span, "\"" + near + "\"");
        return {};
      }
      if (std::string why; !column.pattern.empty() && !Pattern::compile(column.pattern, why)->matches(v.text)) {
        report(code::out_of_range, "column `" + column.name + "` never is \"" + v.text + "\"", e.span, "does not match").also(column.span, "its pattern is declared here");
        return {};
      }
      return v;
  }
  {
    const double x = column.type.scalar == Scalar::real || column.type.scalar == Scalar::real32 ? v.real : static_cast<double>(v.integer);
    const Bounds& b = column.bounds;
    if ((b.low && (b.low_open ? x <= *b.low : x < *b.low)) || (b.high && (b.high_open ? x >= *b.high : x > *b.high))) {
      report(code::out_of_range, "column `" + column.name + "` never is " + text(e.span), e.span, "outside its bounds").also(column.span, "declared here");
      return {};
    }
  }
  return v;
}

}  // namespace mlp::checking
