// Labels with a declared order: `cut : category ordered ("Fair", "Good", "Ideal")`. Comparisons and ranks of such values become
// chains of `if` over the labels, so whatever runs an expression knows nothing of orders.
#include <algorithm>

#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

// The labels of a value from the lowest to the highest, where all that it may be has one declared order.
const std::vector<std::string>* Checker::order_of(ir::ExprId id) const {
  const ir::Expr& e = module_.exprs[id.index];
  if (!is_text(e.type.scalar)) return nullptr;
  if (e.op == ir::ExprOp::column && e.column.known()) {
    const Column& c = module_.columns[e.column.index];
    return c.ordered ? &c.one_of : nullptr;
  }
  if (e.op == ir::ExprOp::aggregate) return order_of(e.args[0]);  // most_frequent: one of its values
  if (e.op != ir::ExprOp::select && !(e.op == ir::ExprOp::call && e.callee == "coalesce")) return nullptr;
  // Of two alternatives: the same order, or the order of one and a label of it.
  const ir::ExprId a = e.args[e.args.size() - 2], b = e.args[e.args.size() - 1];
  const std::vector<std::string>* left = order_of(a);
  const std::vector<std::string>* right = order_of(b);
  if (left && right) return *left == *right ? left : nullptr;
  const std::vector<std::string>* order = left ? left : right;
  const ir::Expr& other = module_.exprs[(left ? b : a).index];
  if (!order || other.op != ir::ExprOp::constant) return nullptr;
  return other.value.null || std::find(order->begin(), order->end(), other.value.text) != order->end() ? order : nullptr;
}

// How many labels are lower than the value. Null for a null; for a text that is no label, null where `open`, else -1: a row that
// breaks the schema is scored with a warning, and ranks below all.
Operand Checker::rank_of(ir::ExprId v, const std::vector<std::string>& labels, bool open, Span span) {
  const auto position = [&](std::int64_t i) {
    Value rank;
    rank.integer = i;
    return value(constant({Scalar::integer, false}, std::move(rank), span), span);
  };
  Value none;
  none.null = true;
  Operand result = open ? value(constant({Scalar::integer, true}, std::move(none), span), span) : position(-1);
  for (std::size_t i = labels.size(); i-- > 0;) {
    Value label;
    label.text = labels[i];
    bool matched = false;
    const Operand is = call_builtin("eq", {{"", {}, value(v, span)}, {"", {}, value(constant({Scalar::string, false}, std::move(label), span), span)}}, span, span, matched, true);
    result = select({is, position(static_cast<std::int64_t>(i)), result}, span);
  }
  return result;
}

// cut >= "Good": a comparison of ranks. Nothing where neither side has an order.
std::optional<Operand> Checker::compare_ordered(std::string_view name, const std::vector<Argument>& args, Span span) {
  if ((name != "lt" && name != "le" && name != "gt" && name != "ge") || args.size() != 2) return {};
  const ir::ExprId sides[] = {args[0].value.items[0].value, args[1].value.items[0].value};
  const std::vector<std::string>* orders[] = {order_of(sides[0]), order_of(sides[1])};
  if (!orders[0] && !orders[1]) return {};
  const std::vector<std::string> labels = orders[0] ? *orders[0] : *orders[1];  // a copy: what follows adds expressions
  const auto refuse = [&](std::size_t i, const std::string& what, const std::string& label) -> Diagnostic& {
    Diagnostic& d = report(code::bad_order, what, args[i].value.span, label);
    if (const Column* c = ordered_column(sides[1 - i])) d.also(c->span, "its order is declared here");
    return d;
  };
  std::vector<Argument> ranks;
  for (std::size_t i = 0; i < 2; ++i) {
    const ir::Expr e = module_.exprs[sides[i].index];
    if (orders[i]) {
      if (*orders[i] != labels) {
        refuse(i, "two different orders cannot be compared", "other labels").suggest("compare ranks, if that is meant: `rank(a) < rank(b)`");
        return poison();
      }
      ranks.push_back({"", {}, rank_of(sides[i], labels, false, span)});
    } else if (e.op == ir::ExprOp::constant && is_text(e.type.scalar) && !e.value.null) {
      const auto at = std::find(labels.begin(), labels.end(), e.value.text);
      if (at == labels.end()) {
        Diagnostic& d = refuse(i, "\"" + e.value.text + "\" is no label of this order", "not among its labels");
        const std::string near = nearest(e.value.text, labels);
        if (near.empty()) d.suggest("labels are: " + listed(labels));
        else d.suggest("did you mean \"" + near + "\"?");
        if (!near.empty() && !frame_->library) d.edit(e.span, "\"" + near + "\"");
        return poison();
      }
      Value rank;
      rank.integer = at - labels.begin();
      ranks.push_back({"", {}, value(constant({Scalar::integer, false}, std::move(rank), e.span), e.span)});
    } else {
      refuse(i, "a value with an order is compared with " + (is_text(e.type.scalar) ? std::string("a text that has none") : "a " + show(e.type)), "has no declared order")
          .suggest("compare with a label: `>= \"" + labels.front() + "\"`, or give both the same order");
      return poison();
    }
  }
  bool matched = false;
  return call_builtin(name, ranks, span, span, matched, true);
}

// The column that gives a value its order.
const Column* Checker::ordered_column(ir::ExprId id) const {
  if (!order_of(id)) return nullptr;
  for (const ColumnId column : columns_of(id))
    if (module_.columns[column.index].ordered) return &module_.columns[column.index];
  return nullptr;
}

// rank(cut), rank(size, ["S", "M", "L"])
Operand Checker::expand_rank(std::vector<Argument> args, Span span, Span name_span) {
  for (std::size_t i = 0; i < args.size(); ++i)
    if (args[i].name == "order" && i == 0 && args.size() == 2) std::swap(args[0], args[1]);
  const auto misnamed = [&](std::size_t i, const char* name) { return i < args.size() && !args[i].name.empty() && args[i].name != name; };
  if (args.empty() || args.size() > 2 || misnamed(0, "v") || misnamed(1, "order")) {
    report(code::no_matching_call, "`rank` takes no `" + describe(args) + "`", name_span, "arguments do not fit").suggest("`rank(cut)`, or `rank(size, [\"S\", \"M\", \"L\"])`");
    return poison();
  }
  if (!need_value(args[0].value, "the argument of `rank`")) return poison();
  if (args[0].value.vector) {
    const std::vector<Argument> rest(args.begin() + 1, args.end());
    return map_over({args[0]}, span, [&](std::vector<Argument> one) {
      one.insert(one.end(), rest.begin(), rest.end());
      return expand_rank(std::move(one), span, name_span);
    });
  }
  const ir::ExprId v = args[0].value.items[0].value;
  if (!is_text(type_of(v).scalar)) {
    report(code::type_mismatch, "`rank` takes a category, found " + show(type_of(v)), args[0].value.span, show(type_of(v))).suggest("numbers and times compare as they are");
    return poison();
  }
  if (args.size() == 1) {
    const std::vector<std::string>* order = order_of(v);
    if (order) return rank_of(v, std::vector<std::string>(*order), false, span);
    report(code::bad_order, "the labels of this value have no declared order", args[0].value.span, "has no order")
        .suggest("declare it in the schema, `ordered (\"low\", \"high\")`, or list the labels: `rank(v, [\"low\", \"high\"])`");
    return poison();
  }
  if (!need_value(args[1].value, "the order of `rank`")) return poison();
  std::vector<std::string> labels;
  for (const Item& item : args[1].value.items) {
    const ir::Expr& e = module_.exprs[item.value.index];
    const bool label = args[1].value.vector && e.op == ir::ExprOp::constant && is_text(e.type.scalar) && !e.value.null;
    if (!label || std::find(labels.begin(), labels.end(), e.value.text) != labels.end() || labels.size() == 256) {
      report(code::bad_order, label ? labels.size() == 256 ? "an order has at most 256 labels" : "\"" + e.value.text + "\" is listed twice" : "an order is a list of texts in quotes", label ? e.span : args[1].value.span)
          .suggest("`rank(size, [\"S\", \"M\", \"L\"])`");
      return poison();
    }
    labels.push_back(e.value.text);
  }
  return rank_of(v, labels, true, span);
}

}  // namespace mlp::checking
