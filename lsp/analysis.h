// One state of a document, parsed and checked: every name with what it is, where it stands and where it is declared.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/driver/driver.h"
#include "compiler/parse/lexemes.h"

namespace mlp::lsp {

enum class Sort { pipeline, schema, source, table, features, model, deployment, param, column, feature, function, parameter, local, builtin, setting, type };
std::string_view spell(Sort sort);  // as messages say it

struct Symbol {
  Sort sort = Sort::column;
  std::string name;
  Span at;
  Span declared;  // unknown for what is built in
  bool declaration() const { return at == declared; }
};

class Analysis {
 public:
  Analysis(const std::string& name, std::string text);
  Analysis(const Analysis&) = delete;

  Meaning meaning;
  driver::Unit unit;
  const std::vector<ast::File>& library;
  std::vector<Lexeme> words;
  std::vector<Symbol> symbols;  // of the document, by place

  std::string_view text() const { return unit.sources.text(0); }
  std::string text(Span span) const { return std::string(unit.sources.text(span)); }
  const Symbol* symbol_at(std::uint32_t offset) const;                     // the name that the offset touches
  std::vector<const Symbol*> uses_of(const Symbol& symbol) const;          // and the declaration, where it is in the document
  const ast::Function* function(Span declared) const;                      // of the document or the library
  const ast::Function* layer(Span declared) const;  // nullptr: it is none
  const ast::File& file_of(Span span) const;
  std::string signature(const ast::Function& function) const;              // name(a: float, p: float = 1%) -> float
  const ast::Field* field(Span declared) const;
  const Column* column(const std::string& name) const;
  const ast::FeatureEntry* entry_at(std::uint32_t offset) const;
  // The aggregates that a feature rests on, as flow names them; empty when the document has errors.
  std::vector<std::string> fitted_names(const std::string& feature) const;

 private:
  void find_symbols();
  mutable std::optional<flow::Program> program_;
};

bool touches(Span span, std::uint32_t offset);

}  // namespace mlp::lsp
