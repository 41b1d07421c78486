#include "compiler/parse/parse.h"

#include <algorithm>

#include "base/codes/syntax.h"
#include "compiler/parse/build.h"
#include "compiler/parse/layout.h"
#include "compiler/parse/messages.h"

namespace mlp {
namespace {

using Parser = mlp_grammar::MillraceParser;

// ANTLR asks tokens for their text only in its own messages, which are not used; type and order are all it needs.
std::vector<std::unique_ptr<antlr4::Token>> for_antlr(const std::vector<parsing::Token>& tokens) {
  std::vector<std::unique_ptr<antlr4::Token>> out;
  out.reserve(tokens.size());
  for (const parsing::Token& t : tokens) out.push_back(std::make_unique<antlr4::CommonToken>(static_cast<std::size_t>(t.type), std::string()));
  return out;
}

// Hands the findings on in the order of the text; tokens, brackets and grammar each report in a pass of their own.
struct Flush {
  Diagnostics& from;
  Diagnostics& to;
  ~Flush() {
    std::vector<Diagnostic> list = from.take();
    std::stable_sort(list.begin(), list.end(), [](const Diagnostic& a, const Diagnostic& b) { return a.span.begin < b.span.begin; });
    // Between a bracket that is not closed and the place where it should have been, the grammar stumbles over nothing else.
    std::vector<Span> open;
    for (const Diagnostic& d : list)
      if (d.code == code::unclosed_bracket && !d.others.empty()) open.push_back({d.span.source, d.span.begin, d.others[0].span.begin});
    std::erase_if(list, [&](const Diagnostic& d) {
      return d.code == code::unexpected && std::any_of(open.begin(), open.end(), [&](Span s) { return s.begin <= d.span.begin && d.span.begin <= s.end; });
    });
    if (list.size() >= parsing::most_findings) {
      list.resize(parsing::most_findings);
      list.back().note("there may be more; a file is given up after " + std::to_string(parsing::most_findings) + " findings");
    }
    for (Diagnostic& d : list) to.add(std::move(d));
  }
};

}  // namespace

ast::File parse(const SourceMap& sources, std::int32_t source, Diagnostics& reported) {
  Diagnostics diagnostics;
  const Flush flush{diagnostics, reported};
  parsing::Scan scan = parsing::scan(sources, source, diagnostics);
  ast::File file;
  file.source = source;
  if (!scan.usable) return file;
  const std::vector<parsing::Token> tokens = parsing::layout(sources, source, std::move(scan.tokens), diagnostics);

  antlr4::ListTokenSource list(for_antlr(tokens));
  antlr4::CommonTokenStream stream(&list);
  Parser parser(&stream);
  parser.removeErrorListeners();
  Parser::FileContext* tree = nullptr;
  bool recovered = false;
  // Fast way first: the weaker prediction, giving up at the first error. Then the thorough way, with recovery.
  parser.setErrorHandler(std::make_shared<antlr4::BailErrorStrategy>());
  parser.getInterpreter<antlr4::atn::ParserATNSimulator>()->setPredictionMode(antlr4::atn::PredictionMode::SLL);
  try {
    tree = parser.file();
  } catch (const antlr4::ParseCancellationException&) {
    recovered = true;
    parser.reset();
    parser.setErrorHandler(std::make_shared<parsing::ErrorStrategy>(sources, source, tokens, diagnostics));
    parser.getInterpreter<antlr4::atn::ParserATNSimulator>()->setPredictionMode(antlr4::atn::PredictionMode::LL);
    tree = parser.file();
  }
  return parsing::build(tree, sources, source, tokens, scan, recovered, diagnostics);
}

}  // namespace mlp
