#include "compiler/ir/ast/ast.h"

namespace mlp::ast {
namespace {

// Every store of a file with the word of its records, in printing order.
template <class F, class Visit>
void each_store(F& f, Visit&& visit) {
  visit("expr", f.exprs);
  visit("pipeline", f.pipelines);
  visit("schema", f.schemas);
  visit("source", f.sources);
  visit("expect", f.expects);
  visit("features", f.features);
  visit("split", f.splits);
  visit("model", f.models);
  visit("test", f.tests);
  visit("deploy", f.deploys);
  visit("monitor", f.monitors);
  visit("function", f.functions);
  visit("comment", f.comments);
  visit("order", f.order);
}

}  // namespace

std::string print(const File& file) {
  ir::Writer w;
  w.line("ast 1");
  each_store(file, [&](std::string_view word, const auto& store) { w.records(word, store); });
  return w.take();
}

File parse_text(std::string_view text) {
  ir::Reader r(text);
  r.expect_word("ast");
  r.expect_word("1");
  File file;
  each_store(file, [&](std::string_view word, auto& store) {
    store = r.records<typename std::remove_reference_t<decltype(store)>::value_type>(word);
  });
  if (!r.at_end()) r.fail("unknown record `" + r.peek_word() + "`");
  if (!file.exprs.empty()) file.source = file.exprs.front().span.source;
  return file;
}

std::vector<std::string> verify(const File& file) {
  std::vector<std::string> broken;
  const auto count = static_cast<std::int32_t>(file.exprs.size());
  for (std::int32_t i = 0; i < count; ++i) {
    const Expr& e = file.exprs[i];
    const std::string where = "expr %" + std::to_string(i);
    for (const ExprId arg : e.args)
      if (!arg.known() || arg.index >= i) broken.push_back(where + ": an argument must stand before its user");
    const bool named = e.kind == ExprKind::call || e.kind == ExprKind::record || e.kind == ExprKind::block;
    if (named && e.arg_names.size() != e.args.size()) broken.push_back(where + ": as many names as arguments");
    const auto needs = [&](std::size_t n) { if (e.args.size() != n) broken.push_back(where + ": " + std::to_string(n) + " arguments"); };
    switch (e.kind) {
      case ExprKind::member: case ExprKind::unary: needs(1); break;
      case ExprKind::binary: case ExprKind::range: case ExprKind::pipe: needs(2); break;
      case ExprKind::conditional: needs(3); break;
      case ExprKind::block: if (e.args.empty()) broken.push_back(where + ": a block has a result"); break;
      case ExprKind::list: case ExprKind::call: case ExprKind::record: break;
      default: needs(0);
    }
  }
  std::size_t declared = 0;
  each_store(file, [&](std::string_view word, const auto& store) {
    if (word != "expr" && word != "comment" && word != "order") declared += store.size();
  });
  if (declared != file.order.size()) broken.push_back("order: every declaration once");
  return broken;
}

}  // namespace mlp::ast
