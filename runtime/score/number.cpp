// Numbers as text: what std::to_chars gives, with a short way for probabilities, of which most outputs consist.
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "runtime/score/score.h"

namespace mlp::score {
namespace {

struct Scale {
  int digits = 0;                // behind the point: the fewest with 10^-digits <= one unit in the last place
  std::uint64_t power = 1;       // 5^digits
};
constexpr int lowest = 9;        // of [2^-9, 1), where fixed notation is never longer than scientific
constexpr std::array<Scale, lowest> scales = [] {
  std::array<Scale, lowest> out{};
  for (int i = 0; i < lowest; ++i) {
    Scale& s = out[static_cast<std::size_t>(i)];
    s.digits = ((53 + i) * 30103 + 99999) / 100000;  // log10(2) = 0.30103
    for (int d = 0; d < s.digits; ++d) s.power *= 5;
  }
  return out;
}();

// Eight digits of a number below 10^8 as text, the first in the lowest byte: halves, quarters, eighths side by side.
std::uint64_t eight_digits(std::uint32_t n) {
  std::uint64_t v = n / 10000 | static_cast<std::uint64_t>(n % 10000) << 32;
  const std::uint64_t hundreds = (v * 10486 >> 20) & 0x7f0000007f;
  v = hundreds | (v - 100 * hundreds) << 16;
  const std::uint64_t tens = (v * 103 >> 10) & 0x000f000f000f000f;
  return (tens | (v - 10 * tens) << 8) + 0x3030303030303030;
}

// The shortest digits for a double m / 2^q in [2^-9, 1): every number nearer to it than half a unit in the last place
// reads back as it. Exact, in units of 10^-digits / 2^shift, in which m is m 5^digits and half a unit 5^digits / 2.
// Returns the end of the text; null where another way must be gone: outside, and at powers of two, whose gap below is half.
char* probability(char* out, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto below = static_cast<std::uint64_t>(1022 - static_cast<std::int64_t>(bits >> 52));
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
  if (below >= lowest || fraction == 0) return nullptr;
  const Scale& scale = scales[below];
  const int shift = 53 + static_cast<int>(below) - scale.digits;
  const unsigned __int128 exact = static_cast<unsigned __int128>(fraction | std::uint64_t{1} << 52) * scale.power;
  const std::uint64_t unit = std::uint64_t{1} << shift, rest = static_cast<std::uint64_t>(exact) & (unit - 1);
  auto n = static_cast<std::uint64_t>(exact >> shift);
  if (rest == unit / 2) return nullptr;
  // A digit less, where one such number is near enough; there is at most one, and with still fewer digits it is the same.
  const std::uint64_t last = n % 10, down = last * unit + rest, up = 10 * unit - down;
  const bool shorter = 2 * std::min(down, up) < scale.power;
  if (shorter) n = n - last + (down < up ? 0 : 10);
  else n += rest > unit / 2;
  constexpr std::uint64_t e8 = 100'000'000, e16 = e8 * e8;
  const std::uint64_t high = n / e16, low = n % e16;
  std::memcpy(out, "0.000", 5);
  char* p = out + 2 + scale.digits - 16;
  for (std::uint64_t rest_high = high, at = 1; rest_high != 0; rest_high /= 10, ++at) *(p - at) = static_cast<char>('0' + rest_high % 10);
  for (const std::uint64_t part : {low / e8, low % e8}) {
    const std::uint64_t text = eight_digits(static_cast<std::uint32_t>(part));
    std::memcpy(p, &text, 8);
    p += 8;
  }
  if (shorter)
    while (*(p - 1) == '0') --p;
  return p;
}

}  // namespace

void append_number(std::string& out, double value) {
  char buffer[40];
  char* end = probability(buffer, value);
  if (!end) end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}
std::string number_text(double value) {
  std::string out;
  append_number(out, value);
  return out;
}

}  // namespace mlp::score
