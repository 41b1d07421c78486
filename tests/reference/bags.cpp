#include "tests/reference/bags.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "stdlib/builtins/kernels.h"

namespace mlp::reference {
namespace {

struct WordRange {
  std::uint32_t first, last;
};
struct LowerRun {
  std::uint32_t first, last, step;
  std::int32_t delta;
};
#include "stdlib/builtins/unicode.inc"

using Points = std::vector<char32_t>;

bool in_word(char32_t c) {
  return std::any_of(std::begin(word_ranges), std::end(word_ranges), [&](const WordRange& r) { return c >= r.first && c <= r.last; });
}
constexpr char32_t stray = 0x80000000;  // a byte that begins no code point: it stays as it is, and ends a word
// The code point that begins at `text[i]`, and how many bytes follow it; a stray byte has none.
char32_t point(const std::string& text, std::size_t i, std::size_t& more) {
  const auto first = static_cast<unsigned char>(text[i]);
  more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  char32_t c = more == 0 ? first : first & (0x3fu >> more);
  bool good = first < 0x80 || first >= 0xc2;
  for (std::size_t k = 1; k <= more && good; ++k) {
    good = i + k < text.size() && (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
    if (good) c = c << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
  }
  constexpr char32_t least[] = {0, 0x80, 0x800, 0x10000};
  if (good && c >= least[more] && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff)) return c;
  more = 0;
  return stray | first;
}
Points lower(const std::string& text) {
  Points out;
  std::vector<std::size_t> sigmas;  // places of what was a capital sigma
  for (std::size_t i = 0; i < text.size();) {
    std::size_t more = 0;
    char32_t c = point(text, i, more);
    i += more + 1;
    if (c == 0x130) {
      out.insert(out.end(), {U'i', char32_t{0x307}});
      continue;
    }
    const bool sigma = c == 0x3a3;
    for (const LowerRun& r : lower_runs)
      if (c >= r.first && c <= r.last && (c - r.first) % r.step == 0) {
        c = static_cast<char32_t>(static_cast<std::int64_t>(c) + r.delta);
        break;
      }
    out.push_back(c);
    if (sigma) sigmas.push_back(out.size() - 1);
  }
  for (const std::size_t at : sigmas)
    if (at > 0 && in_word(out[at - 1]) && (at + 1 == out.size() || !in_word(out[at + 1]))) out[at] = 0x3c2;  // at the end of a word
  return out;
}
bool is_space(char32_t c) {
  static const std::set<char32_t> others = {0x20, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000};
  return (c >= 0x9 && c <= 0xd) || (c >= 0x1c && c <= 0x1f) || (c >= 0x2000 && c <= 0x200a) || others.count(c) > 0;
}
std::string utf8(const Points& points) {
  std::string out;
  for (const char32_t c : points) {
    if (c < 0x80 || (c & stray)) out += static_cast<char>(c);
    else if (c < 0x800) out += {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
    else if (c < 0x10000) out += {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3f)), static_cast<char>(0x80 | (c & 0x3f))};
    else out += {static_cast<char>(0xf0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3f)), static_cast<char>(0x80 | (c >> 6 & 0x3f)), static_cast<char>(0x80 | (c & 0x3f))};
  }
  return out;
}
template <class Test>
std::vector<Points> runs(const Points& points, Test test) {
  std::vector<Points> out;
  bool inside = false;
  for (const char32_t c : points) {
    const bool now = test(c);
    if (now && !inside) out.emplace_back();
    if (now) out.back().push_back(c);
    inside = now;
  }
  return out;
}

}  // namespace

std::vector<std::string> terms_of(const std::string& text, TermKind by, std::int64_t shortest, std::int64_t longest) {
  const Points points = lower(text);
  std::vector<std::string> out;
  const auto size = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
  const auto part = [](const Points& from, std::int64_t begin, std::int64_t n) { return utf8(Points(from.begin() + begin, from.begin() + begin + n)); };
  if (by == TermKind::words) {
    std::vector<std::string> words;
    for (const Points& word : runs(points, in_word))
      if (word.size() >= 2) words.push_back(utf8(word));
    for (std::int64_t n = shortest; n <= longest; ++n)
      for (std::int64_t i = 0; i + n <= size(words); ++i) {
        std::string term = words[static_cast<std::size_t>(i)];
        for (std::int64_t k = 1; k < n; ++k) term += " " + words[static_cast<std::size_t>(i + k)];
        out.push_back(term);
      }
  } else if (by == TermKind::chars) {
    Points plain;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!is_space(points[i])) {
        plain.push_back(points[i]);
        continue;
      }
      std::size_t end = i + 1;
      while (end < points.size() && is_space(points[end])) ++end;
      plain.push_back(end - i > 1 ? U' ' : points[i]);
      i = end - 1;
    }
    for (std::int64_t n = shortest; n <= longest; ++n)
      for (std::int64_t i = 0; i + n <= size(plain); ++i) out.push_back(part(plain, i, n));
  } else {
    for (Points word : runs(points, [](char32_t c) { return !is_space(c); })) {
      word.insert(word.begin(), U' ');
      word.push_back(U' ');
      for (std::int64_t n = shortest; n <= longest; ++n) {
        for (std::int64_t i = 0; i + n <= size(word); ++i) out.push_back(part(word, i, n));
        if (n > size(word) && n == shortest) out.push_back(utf8(word));  // a word shorter than every term
      }
    }
  }
  return out;
}

fit::FittedTable fit_terms(const flow::Aggregate& a, const std::vector<mlp_string>& strings, const std::vector<std::uint8_t>& present) {
  std::map<std::string, std::int64_t> in_rows;
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < strings.size(); ++i) {
    if (!present.empty() && !present[i]) continue;
    ++rows;
    const std::vector<std::string> all = terms_of({strings[i].data, static_cast<std::size_t>(strings[i].size)}, static_cast<TermKind>(a.parameters.at(0)),
                                                  static_cast<std::int64_t>(a.parameters.at(1)), static_cast<std::int64_t>(a.parameters.at(2)));
    for (const std::string& term : std::set<std::string>(all.begin(), all.end())) ++in_rows[term];
  }
  std::vector<std::pair<std::int64_t, std::string>> kept;  // by falling number of rows, then by bytes
  for (const auto& [term, count] : in_rows)
    if (static_cast<double>(count) >= a.parameters.at(3) && static_cast<double>(count) <= a.parameters.at(4) * static_cast<double>(rows)) kept.emplace_back(-count, term);
  std::sort(kept.begin(), kept.end());
  if (a.parameters.at(5) > 0 && static_cast<double>(kept.size()) > a.parameters.at(5)) kept.resize(static_cast<std::size_t>(a.parameters.at(5)));
  std::map<std::string, double> weights;
  for (const auto& [count, term] : kept) weights[term] = a.parameters.at(6) != 0 ? 1 + mlp_log(static_cast<double>(1 + rows) / static_cast<double>(1 - count)) : 1;
  fit::FittedTable out;
  for (const auto& [term, weight] : weights) {
    out.keys.push_back(term);
    out.values.push_back(weight);
  }
  out.values.push_back(0);
  return out;
}

std::vector<mlp_term> bag_of(const ir::Feature& feature, const fit::Fitted& fitted, const std::string& text) {
  const BagSettings& s = feature.bag;
  std::map<std::int64_t, double> counts;
  for (const std::string& term : terms_of(text, s.by, s.shortest, s.longest)) {
    if (s.buckets > 0) {
      ++counts[mlp_text_hash_bucket(term.data(), static_cast<std::int64_t>(term.size()), s.buckets)];
      continue;
    }
    const std::vector<std::string>& keys = fitted.tables.at(static_cast<std::size_t>(feature.slot.index)).keys;
    const auto at = std::lower_bound(keys.begin(), keys.end(), term);
    if (at != keys.end() && *at == term) ++counts[at - keys.begin()];
  }
  std::vector<mlp_term> out;
  double squares = 0;
  for (const auto& [term, count] : counts) {
    double value = s.binary ? 1 : s.sublinear ? 1 + mlp_log(count) : count;
    if (s.buckets == 0) value *= fitted.tables[static_cast<std::size_t>(feature.slot.index)].values[static_cast<std::size_t>(term)];
    out.push_back({term, value});
    squares += value * value;
  }
  if (s.norm && squares > 0)
    for (mlp_term& t : out) t.value /= std::sqrt(squares);
  return out;
}

double digest(const mlp_term* terms, std::int64_t size) {
  double sum = static_cast<double>(size);
  for (std::int64_t i = 0; i < size; ++i) sum += static_cast<double>(terms[i].term + 1) * terms[i].value;
  return sum;
}

}  // namespace mlp::reference
