#include "lsp/context.h"

#include <algorithm>

namespace mlp::lsp {
namespace {

// Signs after which a line goes on.
bool goes_on(const Lexeme& word, std::string_view text) {
  return word.kind == LexemeKind::sign && text != ")" && text != "]" && text != "}" && text != "?" && text != "{";
}

}  // namespace

Context context_at(const SourceMap& sources, const std::vector<Lexeme>& words, std::uint32_t offset) {
  Context context;
  context.word = {0, offset, offset};
  context.levels.emplace_back();
  const auto end_entry = [&](bool comma) {
    Level& level = context.levels.back();
    level.entry.clear();
    level.commas = comma ? level.commas + 1 : level.commas;
  };
  const Lexeme* previous = nullptr;
  for (std::size_t i = 0; i < words.size() && words[i].span.begin < offset; ++i) {
    const Lexeme& word = words[i];
    const std::string text(sources.text(word.span));
    const bool name = word.kind == LexemeKind::name || word.kind == LexemeKind::keyword || word.kind == LexemeKind::attribute;
    if (word.kind == LexemeKind::comment || word.kind == LexemeKind::documentation) {
      context.silent = true;  // until its line ends
      continue;
    }
    if (word.kind == LexemeKind::text && offset < word.span.end) context.silent = true;
    if (name && offset <= word.span.end) {
      context.word = word.span;
      break;
    }
    Level& level = context.levels.back();
    if (word.kind == LexemeKind::newline) {
      context.silent = false;
      std::size_t next = i + 1;
      while (next < words.size() && (words[next].kind == LexemeKind::newline || words[next].kind == LexemeKind::comment)) ++next;
      const std::string_view follows = next < words.size() && words[next].span.begin < offset ? sources.text(words[next].span) : std::string_view();
      const bool open = level.bracket == '(' || level.bracket == '[' || (previous && goes_on(*previous, sources.text(previous->span)));
      if (!open && follows != "|>" && follows != "then" && follows != "else") end_entry(false);
      continue;
    }
    previous = &word;
    if (context.levels.size() == 1 && level.entry.empty()) context.declaration = word.span.begin;
    if (text == "{" || text == "(" || text == "[") {
      context.levels.push_back({text[0], {}, 0});
    } else if (text == "}" || text == ")" || text == "]") {
      if (context.levels.size() == 1) continue;  // closes nothing
      const std::string opened(1, context.levels.back().bracket);
      context.levels.pop_back();
      context.levels.back().entry.push_back(opened);
    } else if (text == ",") {
      end_entry(true);
    } else {
      level.entry.push_back(text);
    }
  }
  return context;
}

}  // namespace mlp::lsp
