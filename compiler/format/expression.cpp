#include "compiler/format/expression.h"

#include <algorithm>

#include "compiler/format/format.h"

namespace mlp::formatting {
namespace {

using ast::Expr, ast::ExprId, ast::ExprKind;

// The rules of grammar/Millrace.g4, from the loosest.
enum Level { pipe_level, conditional_level, or_level, and_level, not_level, comparison_level, range_level, sum_level, product_level, minus_level, power_level, postfix_level, primary_level };

int level_of(const Expr& e) {
  switch (e.kind) {
    case ExprKind::pipe: return pipe_level;
    case ExprKind::conditional: return conditional_level;
    case ExprKind::range: return range_level;
    case ExprKind::unary: return e.text == "not" ? not_level : minus_level;
    case ExprKind::member: case ExprKind::index: return postfix_level;
    case ExprKind::binary:
      if (e.text == "or") return or_level;
      if (e.text == "and") return and_level;
      if (e.text == "+" || e.text == "-") return sum_level;
      if (e.text == "^") return power_level;
      return e.text == "*" || e.text == "/" || e.text == "%" || e.text == "@" ? product_level : comparison_level;
    default: return primary_level;
  }
}

// `each(float) except (a, b)`, which the ast holds as a call
bool is_except(const Expr& e) {
  return e.kind == ExprKind::call && e.text == "except" && e.args.size() >= 2 &&
         std::all_of(e.arg_names.begin(), e.arg_names.end(), [](const std::string& n) { return n.empty(); });
}

// A step of a pipe whose last argument is a record, which stands behind the brackets.
bool takes_record(const ast::File& file, const Expr& e) {
  return e.kind == ExprKind::call && !e.args.empty() && e.arg_names.back().empty() && file[e.args.back()].kind == ExprKind::record;
}

std::string argument_name(const std::string& name) { return name == "null" ? name : format_name(name); }

}  // namespace

Comments::Taken Comments::take() {
  const ast::Comment& c = list_[next_++];
  std::string text(sources_.text(c.span));
  if (text.starts_with("///") && !text.starts_with("////")) text.erase(2, 1);  // documents nothing here, and must not begin to
  return {std::move(text), c.span, c.own_line};
}

std::uint32_t Expressions::begin(ExprId id) const { return file_[id].span.begin; }

// Comments that stand before an offset: the rest of the current line, then lines of their own. Null when there is none.
DocPtr Expressions::comments_before(std::uint32_t offset) {
  std::vector<DocPtr> parts;
  while (comments_.any_before(offset)) {
    const Comments::Taken c = comments_.take();
    if (c.own_line || !parts.empty()) parts.push_back(hard());
    else parts.push_back(text("  "));
    parts.push_back(text(c.text));
  }
  return parts.empty() ? nullptr : sequence(std::move(parts));
}

DocPtr Expressions::expression(ExprId id, int least) {
  const Expr& e = file_[id];
  const int level = is_except(e) ? postfix_level : level_of(e);
  if (level >= least) return bare(e);
  return sequence({text("("), bare(e), text(")")});
}

DocPtr Expressions::bare(const Expr& e) {
  switch (e.kind) {
    case ExprKind::string: return text(format_text(e.text));
    case ExprKind::null: return text("null");
    case ExprKind::name: return text(e.text == ".." || e.text.empty() ? e.text : format_name(e.text));  // axes of a type; the open end of an index
    case ExprKind::number: case ExprKind::boolean: case ExprKind::date: return text(e.text);
    case ExprKind::member: return sequence({expression(e.args[0], postfix_level), text("." + format_name(e.text))});
    case ExprKind::unary:
      if (e.text == "not") return sequence({text("not "), expression(e.args[0], not_level)});
      return sequence({text("-"), expression(e.args[0], minus_level)});
    case ExprKind::range: return sequence({expression(e.args[0], sum_level), text(".."), expression(e.args[1], sum_level)});
    case ExprKind::index: return sequence({expression(e.args[0], postfix_level), items("[", {}, {e.args.begin() + 1, e.args.end()}, {}, "]", false, e.span.end, range_level)});
    case ExprKind::binary: {
      const int level = level_of(e);
      if (level == power_level) return sequence({expression(e.args[0], postfix_level), text(" ^ "), expression(e.args[1], minus_level)});
      return chain(e, level);
    }
    case ExprKind::pipe: return pipeline(e);
    case ExprKind::conditional: return conditional(e);
    case ExprKind::list: return items("[", {}, e.args, {}, "]", false, e.span.end);
    case ExprKind::record: case ExprKind::block: {
      std::vector<DocPtr> heads;
      for (const std::string& n : e.arg_names) heads.push_back(text(format_name(n) + " = "));
      if (e.args.empty()) return text("{}");
      return items("{", heads, e.args, e.arg_name_spans, "}", true, e.span.end);
    }
    case ExprKind::call:
      if (!is_except(e)) return call(e);
      return sequence({expression(e.args[0], postfix_level), text(" except "),
                       items("(", {}, {e.args.begin() + 1, e.args.end()}, {}, ")", false, e.span.end)});
  }
  MLP_BUG("unknown kind of expression");
}

DocPtr Expressions::call(const Expr& e) {
  std::vector<DocPtr> heads;
  for (const std::string& n : e.arg_names) heads.push_back(text(n.empty() ? "" : argument_name(n) + " = "));
  return items(format_name(e.text) + "(", heads, e.args, e.arg_name_spans, ")", false, e.span.end);
}

// group_by(user) { n = count() }
DocPtr Expressions::step(const Expr& e) {
  const Expr& entries = file_[e.args.back()];
  Expr head = e;
  head.args.pop_back();
  head.arg_names.pop_back();
  head.arg_name_spans.pop_back();
  head.span.end = entries.span.begin;
  const DocPtr called = head.args.empty() ? text(format_name(e.text)) : call(head);
  return sequence({called, text(" "), bare(entries)});
}

DocPtr Expressions::tight(ExprId id) { return expression(id, sum_level); }

DocPtr Expressions::conditions(const std::vector<ExprId>& values, std::uint32_t end) { return items("{", {}, values, {}, "}", true, end); }

DocPtr Expressions::list(char open, const std::vector<ExprId>& values, char close, std::uint32_t end) {
  return items(std::string(1, open), {}, values, {}, std::string(1, close), false, end);
}

DocPtr Expressions::items(std::string open, const std::vector<DocPtr>& heads, const std::vector<ExprId>& values, const std::vector<Span>& head_spans,
                          std::string close, bool spaced, std::uint32_t end, int least) {
  std::vector<DocPtr> inner;
  bool commented = false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint32_t from = i < head_spans.size() && head_spans[i].known() ? head_spans[i].begin : begin(values[i]);
    const DocPtr before = comments_before(from);
    if (i > 0) inner.push_back(text(","));
    if (before) {
      inner.push_back(before);
      inner.push_back(hard());
    } else {
      inner.push_back(i > 0 || spaced ? line() : soft());
    }
    if (i < heads.size()) inner.push_back(heads[i]);
    inner.push_back(expression(values[i], least));
  }
  if (const DocPtr after = comments_before(end)) {
    inner.push_back(after);
    commented = true;
  }
  return group(sequence({text(std::move(open)), nest(sequence(std::move(inner))), commented ? hard() : spaced ? line() : soft(), text(std::move(close))}));
}

// Operators of one level in a row, from the left; a line breaks after an operator.
DocPtr Expressions::chain(const Expr& e, int level) {
  const int right = level == comparison_level ? range_level : level + 1;
  std::vector<const Expr*> links = {&e};
  const auto same = [&](const Expr& x) { return x.kind == ExprKind::binary && level_of(x) == level && level != comparison_level; };
  while (same(file_[links.back()->args[0]])) links.push_back(&file_[links.back()->args[0]]);
  std::reverse(links.begin(), links.end());
  const DocPtr first = expression(links[0]->args[0], right);
  std::vector<DocPtr> rest;
  for (const Expr* link : links) {
    rest.push_back(text(" " + link->text));
    const DocPtr before = comments_before(begin(link->args[1]));
    if (before) rest.push_back(before);
    rest.push_back(before ? hard() : level == comparison_level ? text(" ") : line());
    rest.push_back(expression(link->args[1], right));
  }
  return group(sequence({first, nest(sequence(std::move(rest)))}));
}

DocPtr Expressions::pipeline(const Expr& e) {
  std::vector<const Expr*> links = {&e};
  while (file_[links.back()->args[0]].kind == ExprKind::pipe) links.push_back(&file_[links.back()->args[0]]);
  std::reverse(links.begin(), links.end());
  const DocPtr first = expression(links[0]->args[0], conditional_level);
  std::vector<DocPtr> rest;
  for (const Expr* link : links) {
    const Expr& stage = file_[link->args[1]];
    const DocPtr before = comments_before(stage.span.begin);
    if (before) rest.push_back(before);
    rest.push_back(before ? hard() : line());
    rest.push_back(text("|> "));
    rest.push_back(stage.kind != ExprKind::call ? bare(stage) : takes_record(file_, stage) ? step(stage) : call(stage));
  }
  return group(sequence({first, nest(sequence(std::move(rest)))}));
}

DocPtr Expressions::conditional(const Expr& e) {
  const DocPtr condition = expression(e.args[0], pipe_level);
  const auto branch = [&](const char* word, ExprId id, int least) {
    const DocPtr before = comments_before(begin(id));
    std::vector<DocPtr> parts;
    if (before) parts.push_back(before);
    parts.push_back(before ? hard() : line());
    parts.push_back(text(word));
    parts.push_back(expression(id, least));
    return sequence(std::move(parts));
  };
  const DocPtr yes = branch("then ", e.args[1], pipe_level);
  const DocPtr no = branch("else ", e.args[2], conditional_level);
  return group(sequence({text("if "), condition, nest(sequence({yes, no}))}));
}

}  // namespace mlp::formatting
