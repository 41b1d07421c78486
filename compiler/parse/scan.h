// text → tokens: lexical faults, comments, documentation, and the limit on nesting.
#pragma once
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "compiler/ir/ast/ast.h"

namespace mlp::parsing {

inline constexpr std::size_t largest_source = std::size_t{4} << 20;  // bytes
inline constexpr std::size_t most_tokens = 250'000;                  // a spec of 300 lines has about 3,000
inline constexpr std::size_t most_findings = 100;                    // of one file; then it is given up
inline constexpr int deepest_nesting = 256;                          // open brackets and unfinished `if`s

struct Token {
  int type = 0;                  // of MillraceLexer
  std::uint32_t begin = 0, end = 0;  // bytes of the source
  bool first_on_line = false;
  bool unclosed = false;         // a text whose closing quote is missing
  bool after_stray = false;      // a sign that is not in the language stood in front of it
  int doc = -1;                  // index into Scan::docs: the /// lines directly above
};

struct Doc {  // consecutive /// lines
  std::string text;          // without the slashes, lines joined by \n
  std::vector<Span> lines;
};

struct Scan {
  std::vector<Token> tokens;  // without comments; NEWLINE tokens still all there; EOF last
  std::vector<Doc> docs;
  std::vector<ast::Comment> comments;
  bool usable = false;        // false: the text is no spec at all (encoding, size, nesting); nothing to parse
};

inline bool enough(const Diagnostics& d) { return d.all().size() >= most_findings; }

Scan scan(const SourceMap& sources, std::int32_t source, Diagnostics& diagnostics);

// The value of a quoted text or name as written with its quotes; bad escapes were reported by scan and stay as they are.
std::string decode(std::string_view quoted);

}  // namespace mlp::parsing
