// Params: typed constants that can be set from outside. Where one is named, its literal stands.
#include <algorithm>
#include <cmath>

#include "base/codes/modules.h"
#include "base/codes/types.h"
#include "base/pattern.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

// What the value of a param is written like, by its type.
const char* example(Scalar scalar) {
  switch (scalar) {
    case Scalar::boolean: return "write `true` or `false`";
    case Scalar::integer: return "write a whole number: `30`";
    case Scalar::real:
    case Scalar::real32: return "write a number: `0.5`, `15%`";
    case Scalar::duration: return "write a number with a unit: `30m`, `7d`";
    case Scalar::date: return "write a date: `@2024-01-31`";
    case Scalar::timestamp: return "write a moment: `@2024-01-31T12:30:00`";
    default: return "write a text in quotes";
  }
}

bool moment(Scalar s) { return s == Scalar::date || s == Scalar::timestamp; }

}  // namespace

void Checker::check_params() {
  for (const ast::Param& p : file_.params) {
    const std::string& name = p.head.name;
    if (const auto before = params_.find(name); before != params_.end()) {
      report(code::duplicate_name, "param `" + name + "` is declared twice", p.head.name_span, "again").also(before->second.span, "first here").suggest("remove one of the two");
      continue;
    }
    ParamValue& v = params_[name];
    v.span = p.head.name_span;
    v.value_span = file_[p.value].span;
    v.poison = true;
    const auto scalar = read_scalar(p.type.name);
    static const std::set<std::string> words = {"train", "valid", "test", "production", "cv", "prediction", "rows"};
    if (words.count(name)) {
      report(code::bad_param, "`" + name + "` has a meaning of its own in `test` blocks", p.head.name_span, "cannot be a param").suggest("choose another name");
    } else if (scalar == Scalar::image) {
      report(code::unknown_type, "a picture is no param", p.type.span, "columns have this type").suggest("declare a column: `picture : image[28, 28]`");
    } else if (!scalar || !p.type.shape.empty() || p.type.nullable) {
      const Span span{p.type.span.source, p.type.span.begin, p.type.span.begin + static_cast<std::uint32_t>(p.type.name.size())};
      Diagnostic& d = report(code::unknown_type, scalar ? "a param has one value, which is never null" : "there is no type `" + p.type.name + "`", scalar ? p.type.span : span, scalar ? "" : "not known");
      if (scalar) d.edit(p.type.span, p.type.name).suggest("write `" + p.type.name + "`");
      else suggest_name(d, span, p.type.name, {std::begin(ir::enum_words<Scalar>::words), std::end(ir::enum_words<Scalar>::words)});
    } else {
      v.column.name = name;
      v.column.type = {*scalar == Scalar::real32 ? Scalar::real : *scalar, false};
      v.column.span = p.head.name_span;
      for (const ast::Constraint& c : p.constraints) check_constraint(v.column, c);
      v.poison = !take_param(v, p.value, p.set);
    }
    if (!v.poison) module_.params.push_back({name, v.column.type, v.literal.text, p.set, !p.head.description.empty() ? p.head.description : p.head.doc, p.head.name_span});
  }
}

// Fills in the literal; false, and reported, when the value does not fit.
bool Checker::take_param(ParamValue& v, ast::ExprId id, bool set) {
  const Code code = set ? code::bad_set : code::bad_param;
  const Type type = v.column.type;
  const Span span = node(id).span;
  bool silent = false;
  for (std::vector<ast::ExprId> open{id}; !open.empty();) {
    const ast::Expr& e = file_[open.back()];
    open.pop_back();
    open.insert(open.end(), e.args.begin(), e.args.end());
    if (e.kind != ast::ExprKind::name) continue;
    const auto known = params_.find(e.text);
    const bool itself = known != params_.end() && &known->second == &v;
    if (known != params_.end() && !itself) {
      silent = silent || known->second.poison;
      continue;
    }
    if (set) break;  // a word where another literal is wanted
    Diagnostic& d = report(code::unknown_name, itself ? "param `" + e.text + "` is made of itself" : "no param above is called `" + e.text + "`", e.span, "not known");
    std::vector<std::string> names;
    for (const auto& [name, unused] : params_)
      if (name != v.column.name) names.push_back(name);
    suggest_name(d, e.span, e.text, names);
    if (d.help.empty()) d.suggest("a param is made of literals and of params that stand above it");
    return false;
  }
  if (silent) return false;
  const auto refuse = [&] {
    report(code, "param `" + v.column.name + "` is a " + show(type) + ", found `" + text(span) + "`", span, "not a " + show(type))
        .also(v.span, "declared here").suggest(example(type.scalar));
    return false;
  };
  // Texts, durations and moments are literals; numbers and truth values may be computed.
  ast::Expr literal = node(id);
  const bool negative = literal.kind == ast::ExprKind::unary && literal.text == "-" && node(literal.args[0]).kind == ast::ExprKind::number;
  Value value;
  if (is_text(type.scalar)) {
    if (literal.kind != ast::ExprKind::string) return refuse();
    value.text = literal.text;
  } else if (type.scalar == Scalar::duration) {
    const ast::Expr& amount = negative ? node(literal.args[0]) : literal;
    const Number n = amount.kind == ast::ExprKind::number ? read_number(amount.text) : Number{};
    if (n.kind != Number::duration) return refuse();
    value.integer = negative ? -n.whole : n.whole;
    literal = {.kind = ast::ExprKind::number, .text = (negative ? "-" : "") + amount.text};
  } else if (moment(type.scalar)) {
    const Moment m = literal.kind == ast::ExprKind::date ? read_moment(literal.text) : Moment{};
    if (m.kind == Moment::bad || (m.kind == Moment::timestamp && type.scalar == Scalar::date)) return refuse();
    const bool widen = m.kind == Moment::date && type.scalar == Scalar::timestamp;
    value.integer = widen ? m.value * 86'400'000'000 : m.value;
    if (widen) literal.text += "T00:00:00";
  } else {
    if (set && (literal.kind == ast::ExprKind::name || literal.kind == ast::ExprKind::string)) return refuse();
    Operand o = eval(id);
    if (o.poison) return false;
    const bool one = o.items.size() == 1 && !o.vector && module_.exprs[o.items[0].value.index].op == ir::ExprOp::constant;
    const ir::ExprId given = one && type_of(o.items[0].value).scalar != Scalar::boolean ? convert(o.items[0].value, type.scalar) : one ? o.items[0].value : ir::ExprId{};
    if (!given.known() || type_of(given).scalar != type.scalar || module_.exprs[given.index].value.null) return refuse();
    value = module_.exprs[given.index].value;
    literal = {};
    if (type.scalar == Scalar::boolean) {
      literal.kind = ast::ExprKind::boolean;
      literal.text = value.integer ? "true" : "false";
    } else {
      literal.kind = ast::ExprKind::number;
      literal.text = type.scalar == Scalar::integer ? std::to_string(value.integer) : ir::exact(value.real);
      if (type.scalar == Scalar::real && !std::isfinite(value.real)) return refuse();
      if (type.scalar == Scalar::real && literal.text.find_first_of(".e") == std::string::npos) literal.text += ".0";  // stays a float
    }
  }
  // The constraint of the param.
  const Column& c = v.column;
  const double x = type.scalar == Scalar::real ? value.real : static_cast<double>(value.integer);
  const bool outside = (c.bounds.low && (c.bounds.low_open ? x <= *c.bounds.low : x < *c.bounds.low)) || (c.bounds.high && (c.bounds.high_open ? x >= *c.bounds.high : x > *c.bounds.high));
  const bool unlisted = !c.one_of.empty() && std::find(c.one_of.begin(), c.one_of.end(), value.text) == c.one_of.end();
  std::string why;
  const bool unlike = !c.pattern.empty() && !Pattern::compile(c.pattern, why)->matches(value.text);
  if (outside || unlisted || unlike) {
    Diagnostic& d = report(code, "`" + text(span) + "` is no value that param `" + c.name + "` may have", span, outside ? "outside its bounds" : unlisted ? "not among its values" : "does not match");
    d.also(v.span, "its constraint is declared here");
    const std::string near = unlisted ? nearest(value.text, c.one_of) : "";
    if (!near.empty()) d.suggest("did you mean \"" + near + "\"?");
    return false;
  }
  v.literal = std::move(literal);
  return true;
}

// The literal of a param, in the place of its name.
const ast::Expr& Checker::substituted(const ast::Expr& name) const {
  if (frame_->library || frame_->locals.count(name.text)) return name;
  const auto param = params_.find(name.text);
  if (param == params_.end() || param->second.poison) return name;
  ast::Expr& e = literals_[&name];
  e = param->second.literal;
  e.span = name.span;
  return e;
}

}  // namespace mlp::checking
