#include "base/pattern.h"

#include <algorithm>
#include <iterator>

namespace mlp {
namespace {

constexpr char32_t last_code_point = 0x10FFFF;
constexpr char32_t bad_byte = 0x110000;  // a byte that is no UTF-8 reads as this plus the byte: only negated sets hold it
constexpr std::size_t longest_pattern = 1000, most_steps = 20000;
constexpr int deepest = 100, most_repeats = 1000;

char32_t decode(std::string_view text, std::size_t& i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char c = byte(i);
  const int more = c < 0x80 ? 0 : c >= 0xC2 && c <= 0xDF ? 1 : c >= 0xE0 && c <= 0xEF ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : -1;
  if (more == 0) return ++i, c;
  if (more < 0 || i + static_cast<std::size_t>(more) >= text.size()) return ++i, bad_byte + c;
  char32_t code = c & (0x3F >> more);
  for (int k = 1; k <= more; ++k) {
    const unsigned char next = byte(i + static_cast<std::size_t>(k));
    if ((next & 0xC0) != 0x80) return ++i, bad_byte + c;
    code = code << 6 | (next & 0x3F);
  }
  i += static_cast<std::size_t>(more) + 1;
  return code;
}

using Ranges = Pattern::Ranges;
using Step = Pattern::Step;
using Op = Pattern::Op;
using Fragment = std::vector<Step>;

Ranges negated(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end());
  Ranges out;
  char32_t next = 0;
  for (const auto& [low, high] : ranges) {
    if (low > next) out.emplace_back(next, static_cast<char32_t>(low - 1));
    next = std::max<char32_t>(next, high + 1);
  }
  out.emplace_back(next, bad_byte + 255);
  return out;
}

struct Compiler {
  std::string_view text;
  std::size_t at = 0;
  int depth = 0;
  std::string error;
  std::vector<Ranges> sets;

  bool fail(const std::string& reason) {
    if (error.empty()) error = reason + " at byte " + std::to_string(at + 1);
    return false;
  }
  bool more() const { return at < text.size(); }
  bool take(char c) { return more() && text[at] == c ? (++at, true) : false; }

  Fragment set(Ranges ranges) {
    sets.push_back(std::move(ranges));
    return {{Op::one_of, static_cast<std::int32_t>(sets.size() - 1), 0}};
  }

  // The set of an escape; `at` stands behind the backslash.
  bool escape(Ranges& out) {
    if (!more()) return fail("a lone `\\`");
    const char c = text[at++];
    static const Ranges digits{{'0', '9'}}, words{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, blanks{{'\t', '\r'}, {' ', ' '}};
    switch (c) {
      case 'd': out = digits; return true;
      case 'w': out = words; return true;
      case 's': out = blanks; return true;
      case 'D': out = negated(digits); return true;
      case 'W': out = negated(words); return true;
      case 'S': out = negated(blanks); return true;
      case 'n': out = {{'\n', '\n'}}; return true;
      case 'r': out = {{'\r', '\r'}}; return true;
      case 't': out = {{'\t', '\t'}}; return true;
      default: break;
    }
    const auto u = static_cast<unsigned char>(c);
    if (u >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
      --at;
      return fail(std::string("`\\") + c + "` means nothing here");
    }
    out = {{u, u}};
    return true;
  }

  bool bracket(Fragment& out) {
    const bool negative = take('^');
    Ranges ranges;
    for (bool first = true; first || !more() || text[at] != ']'; first = false) {
      if (!more()) return fail("`[` without `]`");
      Ranges one;
      if (take('\\')) {
        if (!escape(one)) return false;
      } else {
        const char32_t c = decode(text, at);
        one = {{c, c}};
      }
      const bool single = one.size() == 1 && one[0].first == one[0].second;
      if (at + 1 < text.size() && text[at] == '-' && text[at + 1] != ']') {
        ++at;
        Ranges other;
        if (take('\\')) {
          if (!escape(other)) return false;
        } else {
          const char32_t c = decode(text, at);
          other = {{c, c}};
        }
        if (!single || other.size() != 1 || other[0].first != other[0].second || other[0].first < one[0].first) return fail("a range that runs backwards");
        one[0].second = other[0].first;
      }
      ranges.insert(ranges.end(), one.begin(), one.end());
    }
    ++at;
    out = set(negative ? negated(std::move(ranges)) : std::move(ranges));
    return true;
  }

  bool atom(Fragment& out) {
    if (take('(')) {
      if (take('?') && !take(':')) return fail("`(?` can only be `(?:`: no look-around");
      if (++depth > deepest) return fail("more than 100 groups inside each other");
      if (!alternatives(out)) return false;
      --depth;
      return take(')') || fail("`(` without `)`");
    }
    if (take('[')) return bracket(out);
    if (take('.')) return out = set(negated({{'\n', '\n'}})), true;
    if (take('^')) return out = {{Op::begin, 0, 0}}, true;
    if (take('$')) return out = {{Op::end, 0, 0}}, true;
    if (text[at] == '*' || text[at] == '+' || text[at] == '?' || text[at] == '{') return fail(std::string("nothing to repeat before `") + text[at] + "`");
    if (take('\\')) {
      Ranges ranges;
      if (!escape(ranges)) return false;
      return out = set(std::move(ranges)), true;
    }
    const char32_t c = decode(text, at);
    if (c > last_code_point) return fail("not UTF-8");
    return out = set({{c, c}}), true;
  }

  bool number(int& out) {
    if (!more() || text[at] < '0' || text[at] > '9') return fail("a number is missing in `{ }`");
    out = 0;
    while (more() && text[at] >= '0' && text[at] <= '9') {
      out = out * 10 + (text[at++] - '0');
      if (out > most_repeats) return fail("more than 1000 repeats");
    }
    return true;
  }

  bool repeated(Fragment& out) {
    Fragment one;
    if (!atom(one)) return false;
    out = std::move(one);
    while (more()) {
      int low = 0, high = -1;  // -1: no end
      if (take('*')) low = 0;
      else if (take('+')) low = 1;
      else if (take('?')) high = 1;
      else if (take('{')) {
        if (!number(low)) return false;
        high = low;
        if (take(',')) {
          high = -1;
          if (more() && text[at] != '}' && !number(high)) return false;
        }
        if (!take('}')) return fail("`{` without `}`");
        if (high >= 0 && high < low) return fail("a repeat that runs backwards");
      } else break;
      take('?');
      const Fragment part = std::move(out);
      out.clear();
      const auto size = static_cast<std::int32_t>(part.size());
      const std::size_t copies = static_cast<std::size_t>(high < 0 ? low + 1 : high);
      if (copies * (part.size() + 2) > most_steps) return fail("a pattern that is too large");
      for (int i = 0; i < low; ++i) out.insert(out.end(), part.begin(), part.end());
      if (high < 0) {
        out.push_back({Op::split, 1, size + 2});
        out.insert(out.end(), part.begin(), part.end());
        out.push_back({Op::jump, -(size + 1), 0});
      }
      for (int i = low; i < high; ++i) {
        out.push_back({Op::split, 1, (high - i) * (size + 1)});
        out.insert(out.end(), part.begin(), part.end());
      }
    }
    return true;
  }

  bool sequence(Fragment& out) {
    out.clear();
    while (more() && text[at] != '|' && text[at] != ')') {
      Fragment next;
      if (!repeated(next)) return false;
      out.insert(out.end(), next.begin(), next.end());
      if (out.size() > most_steps) return fail("a pattern that is too large");
    }
    return true;
  }

  bool alternatives(Fragment& out) {
    if (!sequence(out)) return false;
    while (take('|')) {
      Fragment other;
      if (!sequence(other)) return false;
      Fragment both;
      both.push_back({Op::split, 1, static_cast<std::int32_t>(out.size()) + 2});
      both.insert(both.end(), out.begin(), out.end());
      both.push_back({Op::jump, static_cast<std::int32_t>(other.size()) + 1, 0});
      both.insert(both.end(), other.begin(), other.end());
      out = std::move(both);
      if (out.size() > most_steps) return fail("a pattern that is too large");
    }
    return true;
  }
};

}  // namespace

std::optional<Pattern> Pattern::compile(std::string_view text, std::string& error) {
  error.clear();
  if (text.size() > longest_pattern) return error = "a pattern has at most 1000 bytes", std::nullopt;
  Compiler compiler{.text = text, .error = {}, .sets = {}};
  Pattern out;
  if (!compiler.alternatives(out.steps_) || (compiler.more() && !compiler.fail("`)` without `(`"))) return error = compiler.error, std::nullopt;
  out.steps_.push_back({Op::done, 0, 0});
  out.sets_ = std::move(compiler.sets);
  return out;
}

bool Pattern::matches(std::string_view text) const {
  std::vector<std::int32_t> now, next, stack;
  std::vector<std::size_t> seen(steps_.size(), 0);  // generation that reached a step last
  std::size_t generation = 0;
  bool done = false;
  const auto reach = [&](std::int32_t start, std::size_t position, std::vector<std::int32_t>& into) {
    stack.assign(1, start);
    while (!stack.empty()) {
      const std::int32_t at = stack.back();
      stack.pop_back();
      if (seen[static_cast<std::size_t>(at)] == generation) continue;
      seen[static_cast<std::size_t>(at)] = generation;
      const Step& step = steps_[static_cast<std::size_t>(at)];
      switch (step.op) {
        case Op::one_of: into.push_back(at); break;
        case Op::split: stack.push_back(at + step.y); stack.push_back(at + step.x); break;
        case Op::jump: stack.push_back(at + step.x); break;
        case Op::begin: if (position == 0) stack.push_back(at + 1); break;
        case Op::end: if (position == text.size()) stack.push_back(at + 1); break;
        case Op::done: done = true; break;
      }
    }
  };
  ++generation;
  reach(0, 0, now);
  for (std::size_t position = 0; position < text.size();) {
    if (now.empty()) return false;
    const char32_t c = decode(text, position);
    ++generation;
    done = false;
    next.clear();
    for (const std::int32_t at : now) {
      const Ranges& set = sets_[static_cast<std::size_t>(steps_[static_cast<std::size_t>(at)].x)];
      if (std::any_of(set.begin(), set.end(), [&](const auto& range) { return c >= range.first && c <= range.second; })) reach(at + 1, position, next);
    }
    std::swap(now, next);
  }
  return done;
}

}  // namespace mlp
