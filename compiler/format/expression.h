// Expressions as documents: brackets only where precedence needs them, comments where they stood.
#pragma once
#include "compiler/format/doc.h"
#include "compiler/ir/ast/ast.h"

namespace mlp::formatting {

// The comments in the order of the text; each is taken once.
class Comments {
 public:
  Comments(const SourceMap& sources, const std::vector<ast::Comment>& list) : sources_(sources), list_(list) {}
  struct Taken {
    std::string text;
    Span span;
    bool own_line;
  };
  bool any_before(std::uint32_t offset) const { return next_ < list_.size() && list_[next_].span.begin < offset; }
  Taken take();
  const ast::Comment* peek() const { return next_ < list_.size() ? &list_[next_] : nullptr; }

 private:
  const SourceMap& sources_;
  const std::vector<ast::Comment>& list_;
  std::size_t next_ = 0;
};

class Expressions {
 public:
  Expressions(const ast::File& file, Comments& comments) : file_(file), comments_(comments) {}
  DocPtr operator()(ast::ExprId id) { return expression(id, 0); }
  DocPtr tight(ast::ExprId id);  // what stands beside a comparison sign
  DocPtr conditions(const std::vector<ast::ExprId>& values, std::uint32_t end);  // { a, b } of a budget
  DocPtr list(char open, const std::vector<ast::ExprId>& values, char close, std::uint32_t end);  // ("a", "b") of a constraint
  std::uint32_t begin(ast::ExprId id) const;  // the first byte of the leftmost part

 private:
  DocPtr expression(ast::ExprId id, int least);
  DocPtr bare(const ast::Expr& e);
  DocPtr chain(const ast::Expr& e, int level);
  DocPtr pipeline(const ast::Expr& e);
  DocPtr conditional(const ast::Expr& e);
  DocPtr items(std::string open, const std::vector<DocPtr>& heads, const std::vector<ast::ExprId>& values, const std::vector<Span>& head_spans,
               std::string close, bool spaced, std::uint32_t end, int least = 0);
  DocPtr call(const ast::Expr& e);
  DocPtr step(const ast::Expr& e);
  DocPtr comments_before(std::uint32_t offset);

  const ast::File& file_;
  Comments& comments_;
};

}  // namespace mlp::formatting
