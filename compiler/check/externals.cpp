// Functions of C: extern fn haversine(a: float, b: float, c: float, d: float) -> float from "geo.c".
#include <algorithm>

#include "base/codes/types.h"
#include "base/files.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

bool crosses(const ast::TypeRef& type) { return type.shape.empty() && (type.name == "bool" || type.name == "int" || type.name == "float"); }

}  // namespace

bool Checker::check_external(const ast::Function& f) {
  bool good = true;
  const auto refuse = [&](const std::string& what, Span span, const std::string& hint) {
    report(code::external_type, what, span, "cannot go to C").suggest(hint);
    good = false;
  };
  for (const ast::Parameter& p : f.parameters) {
    if (!crosses(p.type)) refuse("parameter `" + p.name + "` of `" + f.head.name + "` is a `" + text(p.type.span) + "`, and C takes `bool`, `int` and `float`", p.type.span, "pass a number that is made of it");
    else if (p.type.nullable) refuse("parameter `" + p.name + "` of `" + f.head.name + "` may be null, and C knows no null", p.type.span, "declare it `" + p.type.name + "`: a null argument gives null without a call");
  }
  if (!crosses(f.result)) refuse("`" + f.head.name + "` gives a `" + text(f.result.span) + "`, and C gives `bool`, `int` and `float`", f.result.span, "give a number");
  else if (f.result.nullable && f.result.name != "float") refuse("`" + f.head.name + "` may give null, which only a `float` can say, with NaN", f.result.span, "declare it `" + f.result.name + "`, or `float?`");
  return good && f.source >= 0;  // a file that cannot be read is reported where it is read
}

// A call that stays one: C is not inlined into the expression. Its callee holds the digest of the text.
Operand Checker::call_external(const FunctionRef& ref, std::vector<Operand> bound, Span span) {
  const ast::Function& f = *ref.function;
  used_functions_.insert(&f);
  if (std::any_of(bound.begin(), bound.end(), [](const Operand& o) { return o.vector; })) {
    std::vector<Argument> args;
    for (Operand& o : bound) args.push_back({"", {}, std::move(o)});
    return map_over(args, span, [&](std::vector<Argument> row) {
      std::vector<Operand> one;
      for (Argument& a : row) one.push_back(std::move(a.value));
      return call_external(ref, std::move(one), span);
    });
  }
  const std::string source(sources_.text(f.source));
  ir::External external;
  external.name = f.head.name;
  external.callee = f.head.name + "#" + sha256(source).substr(0, 16);
  external.file = f.file;
  external.text = source;
  external.result = *read_scalar(f.result.name);
  external.span = f.head.name_span;
  ir::Expr e;
  e.op = ir::ExprOp::call;
  e.callee = external.callee;
  e.type = {external.result, f.result.nullable};
  e.span = span;
  for (std::size_t i = 0; i < bound.size(); ++i) {
    external.parameters.push_back(*read_scalar(f.parameters[i].type.name));
    const ir::ExprId id = bound[i].items[0].value;
    e.args.push_back(id);
    e.stage = std::max(e.stage, stage_of(id));
    e.type.nullable = e.type.nullable || type_of(id).nullable;
  }
  if (std::none_of(module_.externals.begin(), module_.externals.end(), [&](const ir::External& x) { return x.callee == external.callee; })) module_.externals.push_back(std::move(external));
  return value(add(std::move(e)), span);
}

}  // namespace mlp::checking
