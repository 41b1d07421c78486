#include "cli/text_diff.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace mlp::cli {
namespace {

struct Line {
  char sign;  // ' ', '-' or '+'
  std::string_view text;
};

// Each with its newline; the last may lack it.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

// The shortest way from a to b (Myers 1986). Where it is longer than any edit of a spec, all of a goes and all of b comes.
std::vector<Line> script(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  const int n = static_cast<int>(a.size()), m = static_cast<int>(b.size()), most = std::min(n + m, 2000);
  std::vector<std::vector<int>> trace;  // furthest x on each diagonal, after each step
  std::vector<int> reach(2 * static_cast<std::size_t>(most) + 3, 0);
  const auto at = [&](std::vector<int>& v, int k) -> int& { return v[static_cast<std::size_t>(k + most + 1)]; };
  bool found = false;
  for (int d = 0; d <= most && !found; ++d) {
    trace.push_back(reach);
    for (int k = -d; k <= d && !found; k += 2) {
      int x = k == -d || (k != d && at(reach, k - 1) < at(reach, k + 1)) ? at(reach, k + 1) : at(reach, k - 1) + 1;
      while (x < n && x - k < m && a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(x - k)]) ++x;
      at(reach, k) = x;
      found = x >= n && x - k >= m;
    }
  }
  std::vector<Line> out;
  int x = n, y = m;
  if (!found) {
    for (const std::string_view line : a) out.push_back({'-', line});
    for (const std::string_view line : b) out.push_back({'+', line});
    return out;
  }
  for (int d = static_cast<int>(trace.size()) - 1; x > 0 || y > 0; --d) {
    std::vector<int>& before = trace[static_cast<std::size_t>(d)];
    const int k = x - y;
    const bool down = k == -d || (k != d && at(before, k - 1) < at(before, k + 1));
    const int from = d == 0 ? 0 : at(before, down ? k + 1 : k - 1), start = d == 0 ? 0 : from - (down ? k + 1 : k - 1);
    while (x > from && y > start && (d == 0 || x > from + !down) && (d == 0 || y > start + down)) out.push_back({' ', a[static_cast<std::size_t>(--x)]}), --y;
    if (d == 0) break;
    if (down) out.push_back({'+', b[static_cast<std::size_t>(--y)]});
    else out.push_back({'-', a[static_cast<std::size_t>(--x)]});
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

std::string text_diff(const std::string& name, const std::string& before, const std::string& after) {
  if (before == after) return {};
  constexpr std::size_t context = 3;
  const std::vector<Line> all = script(lines_of(before), lines_of(after));
  std::string out = "--- " + name + "\n+++ " + name + "\n";
  std::size_t i = 0, old_line = 1, new_line = 1;
  const auto pass = [&](std::size_t to) {
    for (; i < to; ++i) old_line += all[i].sign != '+', new_line += all[i].sign != '-';
  };
  while (i < all.size()) {
    std::size_t change = i;
    while (change < all.size() && all[change].sign == ' ') ++change;
    if (change == all.size()) break;
    std::size_t last = change;  // of the changes that share a hunk
    for (std::size_t j = change; j < all.size() && j <= last + 2 * context; ++j)
      if (all[j].sign != ' ') last = j;
    pass(std::max(i, change - std::min(change, context)));
    const std::size_t end = std::min(all.size(), last + context + 1), start = i, old_start = old_line, new_start = new_line;
    pass(end);
    const auto range = [](std::size_t from, std::size_t to) { return std::to_string(to > from ? from : from - 1) + "," + std::to_string(to - from); };
    out += "@@ -" + range(old_start, old_line) + " +" + range(new_start, new_line) + " @@\n";
    for (std::size_t j = start; j < end; ++j) {
      out += all[j].sign;
      out += all[j].text;
      if (!all[j].text.ends_with('\n')) out += "\n\\ No newline at end of file\n";
    }
  }
  return out;
}

}  // namespace mlp::cli
