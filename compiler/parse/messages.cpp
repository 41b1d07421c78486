#include "compiler/parse/messages.h"

#include <algorithm>

#include "base/codes/syntax.h"

namespace mlp::parsing {
namespace {

using P = mlp_grammar::MillraceParser;
using Set = antlr4::misc::IntervalSet;
constexpr int eof = -1;

bool has(const Set& set, int type) { return set.contains(static_cast<std::ptrdiff_t>(type)); }
bool wants_value(const Set& expected) { return has(expected, P::NUMBER) && has(expected, P::LPAREN); }
bool wants_end(const Set& expected) { return has(expected, P::NEWLINE) || has(expected, eof) || expected == Set::of(P::RBRACE); }

// The signs and words of a set, without those that only stand for "a name".
std::vector<std::string> literals(const Set& expected, const antlr4::dfa::Vocabulary& vocabulary) {
  std::vector<std::string> out;
  for (const std::ptrdiff_t t : expected.toList()) {
    if (t < 0 || t == P::NEWLINE || t == P::RBRACE || (has(expected, P::IDENTIFIER) && t <= P::EXCEPT)) continue;
    const std::string literal = vocabulary.getLiteralName(static_cast<std::size_t>(t));  // with single quotes around it
    if (literal.size() > 2) out.push_back(literal.substr(1, literal.size() - 2));
  }
  return out;
}

std::string describe(const Set& expected, const std::vector<std::string>& literals) {
  std::vector<std::string> parts;
  if (has(expected, P::IDENTIFIER)) parts.push_back("a name");
  if (has(expected, P::STRING)) parts.push_back("a text");
  for (const std::string& l : literals) parts.push_back("`" + l + "`");
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : i + 1 == parts.size() ? " or " : ", ") + parts[i];
  return out.empty() ? "something else" : out;
}

}  // namespace

std::string ErrorStrategy::shown(std::size_t token) const {
  if (tokens_[token].type == eof) return "the end of the file";
  if (tokens_[token].type == P::NEWLINE) return "the end of the line";
  const std::string_view t = text(token);
  if (tokens_[token].type == P::QUOTED) return std::string(t) + (t.size() > 1 && t.ends_with('`') ? "" : "`");  // it may lack its end
  if (t.size() <= 40) return "`" + std::string(t) + "`";
  return tokens_[token].type == P::STRING ? "a text" : "`" + std::string(t.substr(0, 37)) + "…`";
}

Span ErrorStrategy::span(std::size_t token) const {
  const Token& t = tokens_[token];
  if ((t.type == P::NEWLINE || t.type == eof) && token > 0) return {source_, tokens_[token - 1].end, tokens_[token - 1].end};
  return {source_, t.begin, t.end};
}

// Scan and layout have reported the cause of an error here: a bracket that was put in, a stray sign, a text on this line that
// is not closed.
bool ErrorStrategy::follows_from_another(std::size_t token) const {
  const Token& t = tokens_[token];
  if (t.after_stray || (t.begin == t.end && t.type != eof)) return true;
  for (std::size_t i = token; i < tokens_.size() && (i == token || !tokens_[i].first_on_line); ++i)
    if (tokens_[i].unclosed) return true;
  for (std::size_t i = token; i-- > 0 && !tokens_[i + 1].first_on_line;)
    if (tokens_[i].unclosed) return true;
  return false;
}

void ErrorStrategy::report(antlr4::Parser* parser, std::size_t at, std::size_t rule, const Set& expected) {
  const Token& found = tokens_[at];
  if (follows_from_another(at) || enough(diagnostics_)) return;
  const std::vector<std::string> words = literals(expected, parser->getVocabulary());
  const std::string after = at > 0 && tokens_[at - 1].type != P::NEWLINE && tokens_[at - 1].type != P::LBRACE ? " after " + shown(at - 1) : "";
  const auto fresh = [&](std::string message, std::string label) -> Diagnostic& {
    return diagnostics_.report(code::unexpected, std::move(message)).at(span(at), std::move(label));
  };
  const bool word_of_language = found.type >= P::IF && found.type <= P::NULL_;
  const std::string quoted = "`" + std::string(text(at)) + "`";

  const bool may_end = has(expected, P::AT) || has(expected, P::NEWLINE) || has(expected, eof) || has(expected, P::RPAREN) || has(expected, P::RBRACKET);
  if (found.type == P::ATTRIBUTE && may_end) {
    fresh("unexpected " + shown(at) + after, "an attribute of a field").suggest("the product of two tensors is written with blanks: `v @ w`").edit(span(at), "@ " + std::string(text(at).substr(1)));
  } else if (rule == P::RuleFile || rule == P::RuleDeclaration) {
    if (has(expected, P::NEWLINE) || (at > 0 && tokens_[at - 1].type != P::NEWLINE))
      fresh("unexpected " + shown(at) + after, "the declaration has ended").suggest("each declaration starts on a line of its own");
    else
      fresh("expected a declaration, found " + shown(at), "no declaration starts like this")
          .suggest(std::string("declarations are ") + declaration_words);
  } else if (wants_value(expected)) {
    auto& d = fresh("expected a value" + after + ", found " + shown(at), "a value is missing");
    if (found.type == P::IF) d.suggest("put the `if` into brackets: `(if … then … else …)`");
    else if (word_of_language && found.type != P::THEN && found.type != P::ELSE)
      d.suggest(quoted + " is a word of the language; as the name of a column it stands in backticks").edit(span(at), quoted);
    else if (found.type == P::DOT) d.suggest("a number starts with a digit, as in `0.5`");
    else d.suggest("a value is a name, a number, a text, a call, or an expression in brackets");
  } else if (has(expected, P::IDENTIFIER) && (word_of_language || words.empty())) {
    auto& d = fresh("expected a name" + after + ", found " + shown(at), "a name is missing");
    if (word_of_language) d.suggest(quoted + " is a word of the language; as a name it stands in backticks").edit(span(at), quoted);
    else if (found.type == P::STRING) d.suggest("a name stands without quotes, or in backticks");
  } else if (wants_end(expected)) {
    auto& d = fresh("unexpected " + shown(at) + after, "the entry has ended");
    if (found.type == P::ASSIGN) d.suggest("write `==` to compare");
    else if (found.type == P::NUMBER && at > 0 && text(at - 1).ends_with('%')) d.suggest("`" + std::string(text(at - 1)) + "` is a share; for the remainder of a division leave a space before `%`");
    else if (found.type == P::IF) d.suggest("put the `if` into brackets: `(if … then … else …)`");
    else d.suggest("a new line or a comma ends an entry; an operator or brackets continue it");
  } else {
    const std::string wanted = describe(expected, words);
    auto& d = fresh("expected " + wanted + after + ", found " + shown(at), "expected " + wanted);
    const bool a_word = found.type == P::IDENTIFIER && !words.empty() && words[0][0] >= 'a';
    const std::string near = a_word ? nearest(text(at), words) : "";
    if (!near.empty()) d.suggest("did you mean `" + near + "`?").edit(span(at), near);
    else if (words.size() == 1 && words[0] == "=" && (found.type == P::COLON || found.type == P::EQ)) d.suggest("a setting is written `name = value`").edit(span(at), "=");
    else if (words.size() == 1 && words[0] == ":" && found.type == P::ASSIGN && rule != P::RuleSource) d.suggest("a field is written `name : type`").edit(span(at), ":");
    else if (rule == P::RuleSource && found.type == P::ASSIGN) d.suggest("a source names its schema: `source name: Schema = …`");
    else if (words.size() == 1 && words[0] == "{") d.suggest("the body stands in `{ }`");
    else if (words.size() == 1 && words[0] == "->") d.suggest("a result type follows `->`");
    else if (words.size() == 1 && at > 0) d.suggest("write `" + words[0] + "` here").edit({source_, tokens_[at - 1].end, tokens_[at - 1].end}, " " + words[0]);
  }
}

void ErrorStrategy::reportError(antlr4::Parser* parser, const antlr4::RecognitionException& e) {
  if (inErrorRecoveryMode(parser)) return;
  beginErrorCondition(parser);
  Set expected = e.getExpectedTokens();
  const auto* ctx = dynamic_cast<antlr4::ParserRuleContext*>(e.getCtx());
  const std::size_t rule = ctx ? ctx->getRuleIndex() : std::size_t{P::RuleFile};
  if (const auto* dead_end = dynamic_cast<const antlr4::NoViableAltException*>(&e)) {
    // Where several tokens were needed to decide, the set belongs to the first of them; the last is the one that is wrong.
    if (dead_end->getStartToken() != dead_end->getOffendingToken()) expected = rule == P::RuleModelEntry || rule == P::RuleDeployEntry || rule == P::RuleTuneEntry ? Set::of(P::ASSIGN) : Set::of(P::RBRACE);
  }
  report(parser, e.getOffendingToken()->getTokenIndex(), rule, expected);
}

antlr4::Token* ErrorStrategy::recoverInline(antlr4::Parser* parser) { throw antlr4::InputMismatchException(parser); }

// To the end of the entry: the next NEWLINE of this body, or the bracket that closes the body.
void ErrorStrategy::skip_entry(antlr4::Parser* parser) {
  int depth = 0;
  for (;;) {
    const auto type = static_cast<int>(parser->getTokenStream()->LA(1));
    if (type == eof || (depth == 0 && (type == P::NEWLINE || type == P::RBRACE))) return;
    if (type == P::LBRACE) ++depth;
    if (type == P::RBRACE) --depth;
    parser->consume();
  }
}

void ErrorStrategy::recover(antlr4::Parser* parser, std::exception_ptr) { skip_entry(parser); }

// Called before each optional part and loop. Acts on the loops over the entries of a body: what follows an entry must be
// a separator or the end of the body, what opens a body must be an entry or its end.
void ErrorStrategy::sync(antlr4::Parser* parser) {
  const auto& atn = parser->getInterpreter<antlr4::atn::ParserATNSimulator>()->atn;
  antlr4::atn::ATNState* state = atn.states[parser->getState()];
  const Set expected = atn.nextTokens(state);
  const auto next = [&] { return static_cast<std::ptrdiff_t>(parser->getTokenStream()->LA(1)); };
  if (expected.contains(antlr4::Token::EPSILON) || expected.contains(next())) return;
  if (!has(expected, P::RBRACE) && !has(expected, eof)) return;
  const bool between = has(expected, P::NEWLINE);
  if (!between && has(expected, P::RPAREN)) return;
  if (!inErrorRecoveryMode(parser)) {
    beginErrorCondition(parser);
    report(parser, parser->getCurrentToken()->getTokenIndex(), parser->getContext()->getRuleIndex(), expected);
  }
  skip_entry(parser);
  if (between) return;
  while (!expected.contains(next()) && next() == P::NEWLINE) {
    parser->consume();
    if (!expected.contains(next())) skip_entry(parser);
  }
}

}  // namespace mlp::parsing
