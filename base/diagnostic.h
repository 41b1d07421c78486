// Diagnostics: what went wrong, where, why and what to do. One catalogue for compiler and runtime.
#pragma once
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/span.h"

namespace mlp {

// Process exit codes, and what a diagnostic of that kind means for the caller.
enum class Exit { ok = 0, finding = 1, usage = 2, environment = 3, bug = 70 };

enum class Severity { error, warning };

// Names a row of the catalogue: 312 for E0312, 10312 for W0312. The names stand in base/codes, a header for each range,
// so that a new code of one range does not rebuild what speaks of another.
enum class Code : int {};
constexpr Code code_number(const char* text) {
  int value = text[0] == 'W' ? 1 : 0;
  for (int i = 1; i < 5; ++i) value = value * 10 + (text[i] - '0');
  return Code{value};
}

struct CodeInfo {
  const char* code;         // "E0312" or "W0101"
  const char* name;         // identifier, snake case
  Severity severity;        // from the letter of the code
  Exit exit;                // exit code of a command that stops on it
  const char* title;        // one line
  const char* explanation;  // the text of `mlp explain CODE`: cause, example, remedy
};
const std::vector<CodeInfo>& catalogue();
const CodeInfo& info(Code code);
const CodeInfo* find_code(std::string_view text);  // "E0312", any case; nullptr when unknown

struct Label {
  Span span;
  std::string text;
};
struct Edit {  // a machine-applicable replacement
  Span span;
  std::string replacement;
};
// A place in data rather than in a spec. Row 0 means "the whole file"; rows count from 1, without the header.
struct DataPlace {
  std::string file;
  std::int64_t row = 0;
  std::string column;
  std::string value;
};

struct Diagnostic {
  Code code{};
  std::string message{};  // lower case, no full stop, code in backticks
  Span span{};            // the primary place, as small as it can be
  std::string label{};    // what stands at the primary place
  std::vector<Label> others{};
  std::vector<std::string> notes{};
  std::string help{};  // what to do; empty when nothing useful can be said
  std::vector<Edit> fix{};
  std::optional<DataPlace> data{};

  // Builders, so that a report reads as one expression.
  Diagnostic& at(Span s, std::string text = {}) { span = s; label = std::move(text); return *this; }
  Diagnostic& also(Span s, std::string text) { others.push_back({s, std::move(text)}); return *this; }
  Diagnostic& note(std::string text) { notes.push_back(std::move(text)); return *this; }
  Diagnostic& suggest(std::string text) { help = std::move(text); return *this; }
  Diagnostic& edit(Span s, std::string replacement) { fix.push_back({s, std::move(replacement)}); return *this; }
  Diagnostic& in_data(DataPlace place) { data = std::move(place); return *this; }
};

// Collects what a compiler phase finds; phases go on after an error where that is useful.
class Diagnostics {
 public:
  Diagnostic& report(Code code, std::string message) {
    list_.push_back({.code = code, .message = std::move(message)});
    return list_.back();  // valid until the next report
  }
  void add(Diagnostic d) { list_.push_back(std::move(d)); }
  bool has_errors() const;
  const std::vector<Diagnostic>& all() const { return list_; }
  std::vector<Diagnostic> take() { return std::move(list_); }

 private:
  std::vector<Diagnostic> list_;
};

// A fault of input or environment that ends the current command. Thrown by the runtime and by the engine.
class Failure : public std::exception {
 public:
  explicit Failure(Diagnostic d) : diagnostic(std::move(d)) {}
  Failure(Code code, std::string message, std::string help = {}) {
    diagnostic.code = code;
    diagnostic.message = std::move(message);
    diagnostic.help = std::move(help);
  }
  const char* what() const noexcept override { return diagnostic.message.c_str(); }
  Diagnostic diagnostic;
};

// Our own fault: exit 70, and the message says that it is ours.
class Bug : public std::exception {
 public:
  Bug(std::string text, const char* file, int line);
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};
#define MLP_BUG(text) throw ::mlp::Bug((text), __FILE__, __LINE__)
#define MLP_CHECK(condition) \
  do { if (!(condition)) MLP_BUG("check failed: " #condition); } while (0)

// The candidate nearest to `wanted` (edit distance, case folded), or "" when none is near. For "did you mean".
std::string nearest(std::string_view wanted, const std::vector<std::string>& candidates);

}  // namespace mlp
