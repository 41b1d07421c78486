#include "runtime/score/pieces.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace mlp::score {

bool Pieces::next(Piece& piece) {
  if (ended_ && rest_.empty()) {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return false;
  }
  std::vector<char>& bytes = piece.bytes;
  // The memory of a rare long record is not kept for ever.
  if (const std::size_t wanted = std::max(target_, rest_.size()) + Window::readable; bytes.size() != wanted) bytes = std::vector<char>(wanted);
  std::copy(rest_.begin(), rest_.end(), bytes.begin());
  piece.size = rest_.size();
  scanned_ = cut_ = 0;
  quotes_ = Quotes();
  while (!ended_) {
    scan(piece);
    if (cut_ > 0 ? piece.size >= target_ || waits_() : piece.size >= max_record) break;
    if (piece.size == bytes.size() - Window::readable) bytes.resize(2 * piece.size + Window::readable);
    std::size_t n = 0;
    try {
      n = source_(bytes.data() + piece.size, bytes.size() - Window::readable - piece.size);
    } catch (...) {
      error_ = std::current_exception();
    }
    piece.size += n;
    ended_ = n == 0;
  }
  const std::size_t read = piece.size;
  if (error_) piece.size = cut_;
  else if (!ended_ && cut_ > 0) piece.size = cut_;
  rest_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(piece.size), bytes.begin() + static_cast<std::ptrdiff_t>(error_ ? piece.size : read));
  return piece.size > 0 || next(piece);
}

void Pieces::scan(const Piece& piece) {
  const char* const bytes = piece.bytes.data();
  if (delimiter_ == lines) {
    if (const void* const last = ::memrchr(bytes + scanned_, '\n', piece.size - scanned_)) cut_ = static_cast<std::size_t>(static_cast<const char*>(last) - bytes) + 1;
    scanned_ = piece.size;
    return;
  }
  static const Marker mark = marker(best_cpu_level());
  // Whether a CR ends a line alone is seen by what follows it: at the very end it waits.
  const std::size_t end = piece.size - (piece.size > scanned_ && bytes[piece.size - 1] == '\r');
  // Without quotes the last line end is found from behind.
  if (end > scanned_ && !quotes_.inside() && !std::memchr(bytes + scanned_, '"', end - scanned_)) {
    const void* last = ::memrchr(bytes + scanned_, '\n', end - scanned_);
    if (!last) last = ::memrchr(bytes + scanned_, '\r', end - scanned_);
    if (last) cut_ = static_cast<std::size_t>(static_cast<const char*>(last) - bytes) + 1;
    quotes_ = Quotes(false, ends_cell(bytes[end - 1]), false);
    scanned_ = end;
    return;
  }
  constexpr std::size_t at_once = 64;
  std::array<Marks, at_once> marks;
  while (scanned_ < end) {
    const std::size_t words = std::min(at_once, (end - scanned_ + 63) / 64);
    mark(bytes + scanned_, words, delimiter_, marks.data());
    for (std::size_t w = 0; w < words; ++w) {
      const std::size_t at = scanned_, next = std::min(at + 64, end);
      const Quotes before = quotes_;
      const auto [ends, odd] = quotes_.next(marks[w], static_cast<unsigned>(next - at));
      if (odd != 0) scan_odd(bytes, at, next, marks[w].quotes | marks[w].line_ends, before);
      else if (const std::uint64_t lines_end = ends & marks[w].line_ends; lines_end != 0) end_line(bytes, at + 63 - static_cast<std::size_t>(std::countl_zero(lines_end)));
      scanned_ = next;
    }
  }
}

void Pieces::end_line(const char* bytes, std::size_t at) {
  if (bytes[at] == '\n' || bytes[at + 1] != '\n') cut_ = at + 1;
}

// A word where not each quote opens or closes a cell, quote by quote.
void Pieces::scan_odd(const char* bytes, std::size_t from, std::size_t end, std::uint64_t marks, const Quotes& before) {
  bool quoted = before.inside();
  std::size_t closed = before.behind_quote() ? from : end + 1;  // behind the last quote that closed a cell
  for (; marks != 0; marks &= marks - 1) {
    const std::size_t at = from + static_cast<std::size_t>(std::countr_zero(marks));
    if (at >= end) break;
    if (bytes[at] != '"') {
      if (!quoted) end_line(bytes, at);
    } else if (quoted) {
      quoted = false;
      closed = at + 1;
    } else {
      quoted = at == 0 || at == closed || ends_cell(bytes[at - 1]);
    }
  }
  quotes_ = Quotes(quoted, !quoted && ends_cell(bytes[end - 1]), closed == end);
}

}  // namespace mlp::score
