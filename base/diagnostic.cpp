#include "base/diagnostic.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace mlp {

const std::vector<CodeInfo>& catalogue() {
  static const std::vector<CodeInfo> table = {
#define MLP_DIAGNOSTIC(code, name, exit, title, explanation) \
  {#code, #name, #code[0] == 'W' ? Severity::warning : Severity::error, Exit::exit, title, explanation},
#include "base/codes/all.def"
#undef MLP_DIAGNOSTIC
  };
  return table;
}

const CodeInfo& info(Code code) {
  static const std::map<Code, const CodeInfo*> rows = [] {
    std::map<Code, const CodeInfo*> result;
    for (const CodeInfo& row : catalogue()) result[code_number(row.code)] = &row;
    return result;
  }();
  return *rows.at(code);
}

const CodeInfo* find_code(std::string_view text) {
  for (const CodeInfo& row : catalogue()) {
    const std::string_view known = row.code;
    if (known.size() == text.size() &&
        std::equal(known.begin(), known.end(), text.begin(), [](char a, char b) { return a == std::toupper(static_cast<unsigned char>(b)); }))
      return &row;
  }
  return nullptr;
}

bool Diagnostics::has_errors() const {
  return std::any_of(list_.begin(), list_.end(), [](const Diagnostic& d) { return info(d.code).severity == Severity::error; });
}

Bug::Bug(std::string text, const char* file, int line) : text_(std::move(text) + " (" + file + ":" + std::to_string(line) + ")") {}

std::string nearest(std::string_view wanted, const std::vector<std::string>& candidates) {
  const auto fold = [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); };
  std::string best;
  std::size_t best_distance = std::min<std::size_t>(wanted.size() / 4 + 1, 3) + 1;  // a guess must be near to be of help
  for (const std::string& candidate : candidates) {
    // Optimal string alignment distance: insert, delete, replace, swap neighbours.
    const std::size_t n = wanted.size(), m = candidate.size();
    if (n > 200 || m > 200) continue;
    std::vector<std::vector<std::size_t>> d(n + 1, std::vector<std::size_t>(m + 1));
    for (std::size_t i = 0; i <= n; ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= m; ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= n; ++i)
      for (std::size_t j = 1; j <= m; ++j) {
        const bool same = fold(wanted[i - 1]) == fold(candidate[j - 1]);
        d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same ? 0 : 1)});
        if (i > 1 && j > 1 && fold(wanted[i - 1]) == fold(candidate[j - 2]) && fold(wanted[i - 2]) == fold(candidate[j - 1]))
          d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    if (d[n][m] < best_distance) {
      best_distance = d[n][m];
      best = candidate;
    }
  }
  return best;
}

}  // namespace mlp
