// Syntax errors in the words of the user, and how the parser goes on after one.
#pragma once
#include "MillraceParser.h"
#include "compiler/parse/scan.h"

namespace mlp::parsing {

inline constexpr const char* declaration_words = "pipeline, import, param, schema, source, table, expect, features, split, model, tune, test, deploy, monitor, fn, extern fn, loss and layer";

// After an error the rest of its entry is skipped; the brackets are in pairs, so the body around it goes on.
class ErrorStrategy : public antlr4::DefaultErrorStrategy {
 public:
  ErrorStrategy(const SourceMap& sources, std::int32_t source, const std::vector<Token>& tokens, Diagnostics& diagnostics)
      : text_(sources.text(source)), source_(source), tokens_(tokens), diagnostics_(diagnostics) {}
  void reportError(antlr4::Parser* parser, const antlr4::RecognitionException& e) override;
  void recover(antlr4::Parser* parser, std::exception_ptr e) override;
  antlr4::Token* recoverInline(antlr4::Parser* parser) override;
  void sync(antlr4::Parser* parser) override;

 private:
  void skip_entry(antlr4::Parser* parser);
  void report(antlr4::Parser* parser, std::size_t at, std::size_t rule, const antlr4::misc::IntervalSet& expected);
  std::string_view text(std::size_t token) const { return text_.substr(tokens_[token].begin, tokens_[token].end - tokens_[token].begin); }
  std::string shown(std::size_t token) const;
  bool follows_from_another(std::size_t token) const;
  Span span(std::size_t token) const;

  std::string_view text_;
  std::int32_t source_;
  const std::vector<Token>& tokens_;
  Diagnostics& diagnostics_;
};

}  // namespace mlp::parsing
