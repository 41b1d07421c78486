// Moments, spans of time and plain numbers: what does not combine, and what to write instead.
#include <algorithm>

#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

bool Checker::units_clash(std::string_view callee, const std::vector<Argument>& args, Span span) {
  if (args.empty()) return false;
  for (const Argument& a : args)
    if (a.value.items.size() != 1 || module_.exprs[a.value.items[0].value.index].op == ir::ExprOp::table) return false;
  const auto scalar = [&](std::size_t i) { return type_of(args[i].value.items[0].value).scalar; };
  const auto moment = [&](std::size_t i) { return scalar(i) == Scalar::timestamp || scalar(i) == Scalar::date; };
  const auto timed = [&](std::size_t i) { return moment(i) || scalar(i) == Scalar::duration; };
  const auto written = [&](std::size_t i) { return text(args[i].value.span); };
  const auto literal = [&](std::size_t i) {  // a number as written, which a unit may follow
    const ir::Expr& e = module_.exprs[args[i].value.items[0].value.index];
    const std::string t = written(i);
    return e.op == ir::ExprOp::constant && !t.empty() && t.find_first_not_of("0123456789._") == std::string::npos;
  };
  const bool mendable = !frame_->library;
  const auto wrap = [&](Diagnostic& d, std::size_t i, const char* function) {
    d.suggest("write `" + std::string(function) + "(" + written(i) + ")`");
    if (mendable) d.edit(args[i].value.span, std::string(function) + "(" + written(i) + ")");
  };
  const std::string shown = spelled_operator(callee);
  if (shown == callee || args.size() != 2) {  // a function of numbers that is given a time
    for (std::size_t i = 0; i < args.size(); ++i) {
      if (!timed(i) || args[i].value.span == span) continue;
      const auto rows = find_builtins(callee);
      const bool wants_number = std::any_of(rows.begin(), rows.end(), [&](const Builtin* b) {
        return i < b->parameters.size() && b->parameters[i].type.shape == BuiltinShape::scalar && is_number(b->parameters[i].type.type.scalar);
      });
      const bool has_time = std::any_of(rows.begin(), rows.end(), [&](const Builtin* b) {
        return i < b->parameters.size() && b->parameters[i].type.shape == BuiltinShape::scalar && b->parameters[i].type.type.scalar >= Scalar::timestamp;
      });
      if (!wants_number || has_time) continue;
      Diagnostic& d = report(code::unit_mismatch, "`" + shown + "` takes a number, and `" + written(i) + "` is a " + show(type_of(args[i].value.items[0].value)), args[i].value.span, "has a unit");
      if (scalar(i) == Scalar::duration) wrap(d, i, "hours");
      else d.suggest("take a part of it, as `hour(v)`, or the time since another moment: `days(" + written(i) + " - …)`");
      return true;
    }
    return false;
  }
  if (!timed(0) && !timed(1)) return false;
  const auto clash = [&](const std::string& what) -> Diagnostic& {
    Diagnostic& d = report(code::unit_mismatch, what, span, "different units");
    if (mendable)
      for (std::size_t i = 0; i < 2; ++i) d.also(args[i].value.span, show(type_of(args[i].value.items[0].value)));
    return d;
  };
  const auto numeric = [&](std::size_t i) { return is_number(scalar(i)); };
  const std::size_t time = timed(0) ? 0 : 1, other = 1 - time;
  const bool sum = callee == "add" || callee == "sub", compared = callee == "eq" || callee == "ne" || callee == "lt" || callee == "le" || callee == "gt" || callee == "ge";
  if (moment(0) && moment(1) && scalar(0) != scalar(1) && (callee == "sub" || compared)) {
    Diagnostic& d = clash("a date and a timestamp do not combine by `" + shown + "`");
    wrap(d, scalar(0) == Scalar::date ? 0 : 1, "to_timestamp");
    return true;
  }
  if (moment(0) && moment(1) && callee == "add") {
    Diagnostic& d = clash("a moment cannot be added to a moment");
    d.suggest("the time between them is `" + written(0) + " - " + written(1) + "`");
    if (mendable && text(span).find('+') != std::string::npos) d.edit(span, written(0) + " - " + written(1));
    return true;
  }
  if (scalar(time) == Scalar::date && scalar(other) == Scalar::duration && sum && time == 0) {
    Diagnostic& d = clash("a duration goes with a timestamp, and `" + written(time) + "` is a `date`");
    wrap(d, time, "to_timestamp");
    return true;
  }
  if (scalar(0) == Scalar::duration && moment(1) && sum) {
    Diagnostic& d = clash(callee == "add" ? "a duration is added to a moment, not a moment to a duration" : "a moment cannot be taken from a duration");
    d.suggest("write `" + written(1) + " " + shown + " " + written(0) + "`");
    if (mendable && callee == "add" && scalar(1) == Scalar::timestamp) d.edit(span, written(1) + " + " + written(0));
    return true;
  }
  if (numeric(other) && (sum || compared)) {
    Diagnostic& d = clash("a " + show(type_of(args[time].value.items[0].value)) + " and a number do not combine by `" + shown + "`");
    if (moment(time) && compared) {
      d.suggest("compare with a moment, as `@2024-01-31`, or compare a part of it: `year(" + written(time) + ")`");
      if (mendable && scalar(time) <= Scalar::date) d.edit(args[time].value.span, "year(" + written(time) + ")");
    } else if (literal(other)) {
      const bool wrapped = scalar(time) == Scalar::date;
      d.suggest("say the unit, as `" + written(other) + "d` for days" + (wrapped ? ", and make a timestamp of the date" : ""));
      if (mendable) {
        if (wrapped && time == 0) d.edit(args[time].value.span, "to_timestamp(" + written(time) + ")");
        d.edit(args[other].value.span, written(other) + "d");
      }
    } else if (scalar(time) == Scalar::duration) {
      wrap(d, time, "days");
    } else {
      d.suggest("say the unit: a moment later is `" + written(time) + " + 1d`");
    }
    return true;
  }
  if (scalar(time) == Scalar::duration && numeric(other) && (callee == "mul" || callee == "div" || callee == "mod" || callee == "pow")) {
    Diagnostic& d = clash("a duration and a number do not combine by `" + shown + "`");
    if (callee == "mul" && time == 1 && scalar(other) == Scalar::integer) {
      d.suggest("write the duration first: `" + written(1) + " * " + written(0) + "`");
      if (mendable) d.edit(span, written(1) + " * " + written(0));
    } else {
      wrap(d, time, "hours");
    }
    return true;
  }
  return false;
}

}  // namespace mlp::checking
