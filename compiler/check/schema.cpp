// Columns: types, constraints, attributes, families p0..p783.
#include <algorithm>
#include <cmath>

#include "base/codes/types.h"
#include "base/pattern.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

constexpr std::int64_t most_of_family = 100'000;  // columns, or numbers of a picture

// p0 and p783 → "p", 0, 783, and the width that leading zeros ask for.
bool family(const std::string& first, const std::string& last, std::string& stem, std::int64_t& from, std::int64_t& to, std::size_t& width) {
  std::size_t digits = first.size();
  while (digits > 0 && first[digits - 1] >= '0' && first[digits - 1] <= '9') --digits;
  stem = first.substr(0, digits);
  const std::string a = first.substr(digits);
  if (a.empty() || a.size() > 9 || !last.starts_with(stem)) return false;
  const std::string b = last.substr(digits);
  if (b.empty() || b.size() > 9 || b.find_first_not_of("0123456789") != std::string::npos) return false;
  from = std::stoll(a);
  to = std::stoll(b);
  width = a.size() > 1 && a[0] == '0' ? a.size() : 0;
  return from <= to;
}

}  // namespace

void Checker::check_schema_of(const ast::Source& source) {
  std::vector<std::string> names;
  const ast::Schema* used = nullptr;
  for (const ast::Schema& s : file_.schemas) {
    if (s.head.name == source.schema) used = used ? used : &s;
    if (std::find(names.begin(), names.end(), s.head.name) != names.end())
      report(code::duplicate_name, "schema `" + s.head.name + "` is declared twice", s.head.name_span, "again").suggest("remove one of the two");
    names.push_back(s.head.name);
  }
  if (used) return check_schema(*used);
  Diagnostic& d = report(code::unknown_name, "there is no schema `" + source.schema + "`", source.schema_span, "not known");
  suggest_name(d, source.schema_span, source.schema, names);
  if (d.help.empty()) d.suggest("declare it: `schema " + source.schema + " { column: type … }`");
}

void Checker::check_schema(const ast::Schema& schema) {
  if (schema.columns.empty()) {
    report(code::missing_declaration, "schema `" + schema.head.name + "` has no columns", schema.head.name_span, "empty").suggest("name each column and its type: `age: int`");
    return;
  }
  schema_ok_ = true;
  for (const ast::Field& field : schema.columns) check_field(field);
}

void Checker::check_field(const ast::Field& field) {
  Column c;
  c.name = field.name;
  c.span = field.name_span;
  c.description = !field.description.empty() ? field.description : field.doc;
  c.type.nullable = field.type.nullable;
  const auto scalar = read_scalar(field.type.name);
  if (scalar) {
    c.type.scalar = *scalar;
  } else {
    std::vector<std::string> words(std::begin(ir::enum_words<Scalar>::words), std::end(ir::enum_words<Scalar>::words));
    const Span span{field.type.span.source, field.type.span.begin, field.type.span.begin + static_cast<std::uint32_t>(field.type.name.size())};
    Diagnostic& d = report(code::unknown_type, "there is no type `" + field.type.name + "`", span, "not known");
    static const std::map<std::string, const char*> foreign = {{"double", "float"}, {"integer", "int"}, {"str", "string"}, {"boolean", "bool"},
                                                               {"datetime", "timestamp"}, {"number", "float"}, {"int64", "int"}, {"float64", "float"},
                                                               {"varchar", "string"}, {"enum", "category"}, {"factor", "category"}};
    if (const auto f = foreign.find(field.type.name); f != foreign.end()) d.suggest("it is called `" + std::string(f->second) + "` here").edit(span, f->second);
    else suggest_name(d, span, field.type.name, words);
    if (d.help.empty()) d.suggest("types are: bool int float float32 string category text id timestamp date duration image");
    schema_ok_ = false;  // what uses the column stays silent
    return;
  }
  if (c.type.scalar == Scalar::image) {
    if (!take_image(field.type, c.image)) {
      schema_ok_ = false;
      return;
    }
  } else if (!field.type.shape.empty()) {
    report(code::unknown_type, "a column holds one value, not a vector", field.type.span).suggest("declare a family of columns: `p0..p9 : " + field.type.name + "`");
    schema_ok_ = false;
    return;
  }
  for (const ast::Attribute& a : field.attributes) {
    if (a.name == "pii") c.pii = true;
    else if (a.name == "protected") c.protected_ = true;
    else if (a.name == "label") c.label = true;
    else if (a.name == "future") c.future = true;
    else if (a.name == "group") c.group = true;
    else if (a.name == "event_time") {
      c.event_time = true;
      if (c.type.scalar != Scalar::timestamp && c.type.scalar != Scalar::date)
        report(code::type_mismatch, "`@event_time` marks a `timestamp` or a `date`", a.span, "`" + c.name + "` is a " + show(c.type)).suggest("mark a column of type `timestamp` or `date`");
      else
        for (const Column& other : module_.columns)
          if (other.event_time)
            report(code::duplicate_name, "`@event_time` marks one column, and `" + other.name + "` has it", a.span, "again").also(other.span, "first here").suggest("mark the moment that a row describes");
    } else {
      Diagnostic& d = report(code::unknown_attribute, "there is no attribute `@" + a.name + "`", a.span, "not known");
      const std::string near = nearest(a.name, {"pii", "protected", "event_time", "label", "future", "group"});
      if (!near.empty()) d.suggest("did you mean `@" + near + "`?").edit(a.span, "@" + near);
      else d.suggest("attributes are: @pii @protected @event_time @label @future @group");
    }
  }
  for (const ast::Constraint& constraint : field.constraints) check_constraint(c, constraint);

  std::vector<std::string> names{field.name};
  if (!field.last_name.empty()) {
    std::string stem;
    std::int64_t from = 0, to = 0;
    std::size_t width = 0;
    if (!family(field.name, field.last_name, stem, from, to, width)) {
      report(code::bad_family, "`" + field.name + ".." + field.last_name + "` is no family of columns", field.name_span, "no rising numbers after one name")
          .suggest("write the first and the last name: `p0..p783`");
      schema_ok_ = false;
      return;
    }
    if (to - from >= most_of_family) {
      report(code::bad_family, "a family of " + std::to_string(to - from + 1) + " columns is too large", field.name_span).suggest("at most 100,000 columns");
      schema_ok_ = false;
      return;
    }
    names.clear();
    for (std::int64_t i = from; i <= to; ++i) {
      std::string digits = std::to_string(i);
      if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
      names.push_back(stem + digits);
    }
  }
  for (std::string& name : names) {
    if (const ColumnId before = find_column(name); before.known()) {
      report(code::duplicate_name, "column `" + name + "` is declared twice", field.name_span, "again")
          .also(module_.columns[before.index].span, "first here").suggest("remove one of the two");
      continue;
    }
    if (const auto param = params_.find(name); param != params_.end()) {
      report(code::duplicate_name, "column `" + name + "` has the name of a param", field.name_span, "again").also(param->second.span, "the param").suggest("rename the param");
      params_.erase(param);
    }
    columns_[name] = {static_cast<std::int32_t>(module_.columns.size())};
    Column one = c;
    one.name = std::move(name);
    module_.columns.push_back(std::move(one));
  }
}

// image[28, 28] · image[64, 64, 3]
bool Checker::take_image(const ast::TypeRef& type, ImageShape& shape) {
  const auto refuse = [&](const std::string& what, Span span) {
    report(code::bad_image, what, span).suggest("say height and width, and 3 for pictures in colour: `image[28, 28]`, `image[64, 64, 3]`");
    return false;
  };
  if (type.shape.size() != 2 && type.shape.size() != 3) return refuse(type.shape.empty() ? "a column of pictures says their size" : "a picture has two or three axes, found " + std::to_string(type.shape.size()), type.span);
  std::int64_t* const sizes[] = {&shape.height, &shape.width, &shape.channels};
  for (std::size_t i = 0; i < type.shape.size(); ++i) {
    const Span span = node(type.shape[i]).span;
    const std::optional<std::int64_t> size = whole(type.shape[i]);
    if (!size || *size < 1 || *size > most_of_family) return refuse("the size of a picture is a whole number from 1, found `" + text(span) + "`", span);
    if (i == 2 && *size != 1 && *size != 3) return refuse("a pixel has 1 number (grey) or 3 (red, green, blue), found `" + text(span) + "`", span);
    *sizes[i] = *size;
  }
  if (shape.size() > most_of_family) return refuse("a picture of " + std::to_string(shape.size()) + " numbers is too large: at most 100,000", type.span);
  return true;
}

void Checker::check_constraint(Column& c, const ast::Constraint& k) {
  const Scalar s = c.type.scalar;
  const bool moment = s == Scalar::date || s == Scalar::timestamp, ordered = is_number(s) || moment || s == Scalar::duration;
  const auto refuse = [&](const std::string& what, const std::string& hint) {
    report(code::bad_constraint, what, k.span, "does not fit a " + show(c.type)).suggest(hint);
  };
  const auto limit = [&](ast::ExprId id) -> std::optional<double> {
    const ast::Expr& e = node(id);
    std::optional<double> v;  // of moments: the days or microseconds that a cell holds
    if (moment) {
      const Moment m = e.kind == ast::ExprKind::date ? read_moment(e.text) : Moment{};
      if (m.kind == Moment::date) v = static_cast<double>(s == Scalar::timestamp ? m.value * 86'400'000'000 : m.value);
      if (m.kind == Moment::timestamp && s == Scalar::timestamp) v = static_cast<double>(m.value);
    } else if (s == Scalar::duration) {
      const Number n = e.kind == ast::ExprKind::number ? read_number(e.text) : Number{};
      if (n.kind == Number::duration) v = static_cast<double>(n.whole);
    } else {
      v = number(id);
    }
    if (!v) {
      Diagnostic& d = report(code::bad_constraint, std::string("a bound must be a ") + (moment ? "date" : s == Scalar::duration ? "duration" : "number") + ", found `" + text(e.span) + "`", e.span, "for a " + show(c.type));
      d.suggest(moment ? "write a date: `@2024-01-31`" : s == Scalar::duration ? "write a number with a unit: `30m`, `7d`" : "write a number");
    }
    return v;
  };
  const auto texts = [&](std::vector<std::string>& into) {
    for (const ast::ExprId id : k.args) {
      const ast::Expr& e = node(id);
      if (e.kind != ast::ExprKind::string) {
        report(code::bad_constraint, "expected a text in quotes, found `" + text(e.span) + "`", e.span);
        return false;
      }
      if (std::find(into.begin(), into.end(), e.text) != into.end()) {
        report(code::bad_constraint, "\"" + e.text + "\" is listed twice", e.span).suggest("remove one of the two");
        return false;
      }
      into.push_back(e.text);
    }
    return true;
  };
  switch (k.kind) {
    case ast::ConstraintKind::in: {
      if (!ordered) return refuse("`in` bounds numbers and times", is_text(s) ? "list the values: `one_of (\"a\", \"b\")`" : "remove it");
      const ast::Expr& range = node(k.args[0]);
      if (range.kind != ast::ExprKind::range) return refuse("`in` takes a range", "`in 0..120`");
      const auto low = limit(range.args[0]), high = limit(range.args[1]);
      if (!low || !high) return;
      if (*low > *high) {
        report(code::bad_constraint, "the range `" + text(range.span) + "` is empty", range.span, "the first bound is greater").suggest("swap the bounds");
        return;
      }
      c.bounds.low = low;
      c.bounds.high = high;
      break;
    }
    case ast::ConstraintKind::compare: {
      if (!ordered) return refuse("`" + k.text + "` bounds numbers and times", "remove it");
      const auto v = limit(k.args[0]);
      if (!v) return;
      if (k.text == ">=" || k.text == ">") c.bounds.low = v, c.bounds.low_open = k.text == ">";
      else if (k.text == "<=" || k.text == "<") c.bounds.high = v, c.bounds.high_open = k.text == "<";
      else return refuse("`" + k.text + "` is no constraint", "use `in`, `>=`, `>`, `<=` or `<`");
      break;
    }
    case ast::ConstraintKind::matches: {
      if (!is_text(s)) return refuse("`matches` constrains texts", "remove it");
      const ast::Expr& e = node(k.args[0]);
      std::string why;
      if (e.kind != ast::ExprKind::string || !Pattern::compile(e.text, why)) {
        report(code::bad_constraint, "the pattern cannot be read" + (why.empty() ? "" : ": " + why), e.span).suggest("patterns know texts, classes `[a-z]` `\\d` `\\w` `\\s`, `.`, groups, `|`, and `*` `+` `?` `{m,n}`");
        return;
      }
      c.pattern = e.text;
      break;
    }
    case ast::ConstraintKind::one_of:
      if (!is_text(s)) return refuse("`one_of` lists texts", ordered ? "bound it: `in 0..10`" : "remove it");
      if (c.ordered) return refuse("the values are listed twice", "keep `ordered`: it says which values there are, too");
      texts(c.one_of);
      break;
    case ast::ConstraintKind::ordered:
      if (!is_text(s)) return refuse("`ordered` lists the labels of a category from the lowest to the highest", ordered ? "a " + show(c.type) + " has an order already: remove it" : "remove it");
      if (!c.one_of.empty()) return refuse("the values are listed twice", "keep `ordered`: it says which values there are, too");
      if (!texts(c.one_of)) return;
      if (c.one_of.size() < 2 || c.one_of.size() > 256) return refuse("an order has 2 to 256 labels, found " + std::to_string(c.one_of.size()), "`ordered (\"low\", \"high\")`");
      c.ordered = true;
      break;
    case ast::ConstraintKind::zone: {
      if (s != Scalar::timestamp) return refuse("`zone` says in which zone the texts of a `timestamp` are local time", s == Scalar::date ? "a `date` is a day of the calendar, in whatever zone" : "remove it");
      const ast::Expr& e = node(k.args[0]);
      if (const std::optional<std::string> rules = zone_rules(e.text, e.span)) c.zone = *rules;
      break;
    }
    case ast::ConstraintKind::from: {
      if (s != Scalar::boolean) return refuse("`from` names the words of a `bool`", is_text(s) ? "list the values: `one_of (…)`" : "remove it");
      std::vector<std::string> words;
      if (!texts(words)) return;
      if (words.size() != 2) return refuse("`from` takes two words, for true and for false", "`from (\"Yes\", \"No\")`");
      c.true_word = words[0];
      c.false_word = words[1];
      break;
    }
  }
  if (c.bounds.low && c.bounds.high && (*c.bounds.low > *c.bounds.high || (*c.bounds.low == *c.bounds.high && (c.bounds.low_open || c.bounds.high_open))))
    report(code::bad_constraint, "no value of `" + c.name + "` can satisfy its constraints", k.span, "contradicts the bound before").suggest("remove one of the two");
}

}  // namespace mlp::checking
