#include "compiler/ir/ast/ast.h"

#include "compiler/ir/ast/stores.h"

namespace mlp::ast {

namespace {

// Follows `fields` into every node and calls `visit` on each expression id.
template <class Visit>
struct Ids {
  Visit visit;
  void operator()(std::string_view, ExprId& id) { visit(id); }
  template <class T>
  void operator()(std::string_view key, std::vector<T>& list) {
    for (T& item : list) (*this)(key, item);
  }
  template <class T>
  void operator()(std::string_view, T& value) {
    if constexpr (requires { value.fields(*this); }) value.fields(*this);
  }
};

}  // namespace

void append(File& file, const File& imported) {
  File copy = imported;
  const auto shift = static_cast<std::int32_t>(file.exprs.size());
  Ids move{[&](ExprId& id) { if (id.known()) id.index += shift; }};
  std::vector<std::int32_t> before;  // of each kind of declaration: how many there were
  each_store(file, [&](std::string_view word, const auto& store) {
    if (word != "expr" && word != "comment" && word != "order") before.push_back(static_cast<std::int32_t>(store.size()));
  });
  for (DeclRef& d : copy.order) d.index += before[static_cast<std::size_t>(d.kind)];
  copy.comments.clear();  // they are the formatter's, which takes a file alone
  each_member([&](std::string_view word, auto member) {
    for (auto& node : copy.*member) {
      move(word, node);
      (file.*member).push_back(std::move(node));
    }
  });
}

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
    const Expr& e = file.exprs[static_cast<std::size_t>(i)];
    const std::string where = "expr %" + std::to_string(i);
    for (const ExprId arg : e.args)
      if (!arg.known() || arg.index >= i) broken.push_back(where + ": an argument must stand before its user");
    const bool named = e.kind == ExprKind::call || e.kind == ExprKind::record || e.kind == ExprKind::block;
    if (e.arg_names.size() != (named ? e.args.size() : 0)) broken.push_back(where + ": as many names as arguments");
    if (e.arg_name_spans.size() != e.arg_names.size()) broken.push_back(where + ": as many places of names as names");
    if (e.span.known() && e.span.end < e.span.begin) broken.push_back(where + ": a span ends before it begins");
    const auto needs = [&](std::size_t n) { if (e.args.size() != n) broken.push_back(where + ": " + std::to_string(n) + " arguments"); };
    switch (e.kind) {
      case ExprKind::member: case ExprKind::unary: needs(1); break;
      case ExprKind::binary: case ExprKind::range: case ExprKind::pipe: needs(2); break;
      case ExprKind::conditional: needs(3); break;
      case ExprKind::index: if (e.args.size() < 2) broken.push_back(where + ": an index has a value and a part"); break;
      case ExprKind::block: if (e.args.empty()) broken.push_back(where + ": a block has a result"); break;
      case ExprKind::list: case ExprKind::call: case ExprKind::record: break;
      default: needs(0);
    }
  }
  std::vector<std::vector<int>> declared(std::size(ir::enum_words<DeclKind>::words));  // how often each one is in `order`
  std::size_t kind = 0;
  each_store(const_cast<File&>(file), [&](std::string_view word, auto& store) {
    if (word == "expr" || word == "comment" || word == "order") return;
    declared[kind++].resize(store.size());
    Ids ids{[&](ExprId id) {
      if (id.index < -1 || id.index >= count) broken.push_back(std::string(word) + ": %" + std::to_string(id.index) + " names no expression");
    }};
    for (auto& node : store) ids(word, node);
  });
  for (const DeclRef& d : file.order) {
    auto& store = declared[static_cast<std::size_t>(d.kind)];
    if (d.index < 0 || static_cast<std::size_t>(d.index) >= store.size()) broken.push_back("order: names a declaration that is not there");
    else ++store[static_cast<std::size_t>(d.index)];
  }
  for (const auto& store : declared)
    for (const int times : store)
      if (times != 1) broken.push_back("order: every declaration once");
  return broken;
}

}  // namespace mlp::ast
