// The patterns of `matches "…"`: whole-value regular expressions that run in time linear in the text, on any input.
// Literals, `.`, `[a-z]`, `[^…]`, `\d \w \s \D \W \S` (ASCII), `\` before punctuation, `\n \r \t`, `( )`, `(?: )`, `|`,
// `* + ? {n} {n,} {n,m}` (a following `?` is accepted, it changes nothing for whole values), `^`, `$`. Code points,
// not bytes. No back references, no look-around: those cannot run in linear time. At most 1,000 bytes.
// Thompson's construction, simulated on the set of reachable states (Thompson 1968; Cox, "Regular Expression Matching
// Can Be Simple And Fast", 2007).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlp {

class Pattern {
 public:
  // Nothing and the reason in `error` when the text is no pattern.
  static std::optional<Pattern> compile(std::string_view text, std::string& error);
  bool matches(std::string_view text) const;

  enum class Op : std::uint8_t { one_of, split, jump, begin, end, done };
  struct Step {             // x, y: jumps relative to this step; one_of: x is the set
    Op op = Op::done;
    std::int32_t x = 0, y = 0;
  };
  using Ranges = std::vector<std::pair<char32_t, char32_t>>;  // both ends included

 private:
  std::vector<Step> steps_;
  std::vector<Ranges> sets_;
};

}  // namespace mlp
