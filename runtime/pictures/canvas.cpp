#include "runtime/pictures/canvas.h"

#include <algorithm>

namespace mlp::pictures {
namespace {

// Two rulers of the same length, `from` marks on one and `to` on the other. Calls take(mark of `to`, how much of a mark of `from` lies under it), where a mark
// of `from` is `to` long and all that lies under a mark of `to` is `from`.
template <class Take> void under(std::int64_t mark, std::int64_t from, std::int64_t to, Take take) {
  const std::int64_t begin = mark * to, end = begin + to;
  for (std::int64_t i = begin / from; i * from < end; ++i) take(i, std::min(end, (i + 1) * from) - std::max(begin, i * from));
}

}  // namespace

Canvas::Canvas(std::int64_t height, std::int64_t width, std::int64_t channels, const ImageShape& to)
    : height_(height), width_(width), channels_(channels), to_(to), line_(static_cast<std::size_t>(width * to.channels)), across_(static_cast<std::size_t>(to.width * to.channels)),
      sums_(static_cast<std::size_t>(to.size())) {}

void Canvas::row(const std::uint8_t* samples) {
  const std::int64_t c = to_.channels;
  const std::uint8_t* line = samples;
  if (channels_ != c) {
    line = line_.data();
    for (std::int64_t x = 0; x < width_; ++x) {
      const std::uint8_t* const p = samples + x * channels_;
      if (c == 1) line_[static_cast<std::size_t>(x)] = static_cast<std::uint8_t>((19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 32768u) >> 16);
      else std::fill_n(line_.begin() + static_cast<std::ptrdiff_t>(3 * x), 3, p[0]);
    }
  }
  std::fill(across_.begin(), across_.end(), 0);
  for (std::int64_t x = 0; x < width_; ++x)
    under(x, width_, to_.width, [&](std::int64_t to, std::int64_t share) {
      for (std::int64_t k = 0; k < c; ++k) across_[static_cast<std::size_t>(to * c + k)] += share * line[x * c + k];
    });
  const auto stride = static_cast<std::int64_t>(across_.size());
  under(next_++, height_, to_.height, [&](std::int64_t to, std::int64_t share) {
    for (std::int64_t i = 0; i < stride; ++i) sums_[static_cast<std::size_t>(to * stride + i)] += share * across_[static_cast<std::size_t>(i)];
  });
}

std::string Canvas::pixels() const {
  const std::int64_t whole = height_ * width_;
  std::string out(sums_.size(), '\0');
  for (std::size_t i = 0; i < sums_.size(); ++i) out[i] = static_cast<char>((sums_[i] + whole / 2) / whole);
  return out;
}

}  // namespace mlp::pictures
