#include "runtime/score/pieces.h"

#include <algorithm>
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
  if (const std::size_t wanted = std::max(target, rest_.size()) + Window::readable; bytes.size() != wanted) bytes = std::vector<char>(wanted);
  std::copy(rest_.begin(), rest_.end(), bytes.begin());
  piece.size = rest_.size();
  scanned_ = cut_ = closed_ = 0;
  quoted_ = false;
  while (!ended_) {
    scan(piece);
    if (cut_ > 0 ? piece.size >= target || waits_() : piece.size >= max_record) break;
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
  const std::size_t from = scanned_, size = piece.size - from, words = (size + 63) / 64;
  if (marks_.size() < words) marks_.resize(words);
  mark(bytes + from, words, '"', marks_.data());
  if (size % 64 != 0) marks_[words - 1] &= (std::uint64_t{1} << size % 64) - 1;
  scanned_ = piece.size;
  for (std::size_t w = 0; w < words; ++w)
    for (std::uint64_t marks = marks_[w]; marks != 0; marks &= marks - 1) {
      const std::size_t at = from + 64 * w + static_cast<std::size_t>(std::countr_zero(marks));
      if (bytes[at] == '"') {
        // A quote opens at the begin of a cell, or behind the quote that closed it: then the two are one inside of it.
        if (quoted_) closed_ = at + 1;
        if (quoted_ || at == 0 || at == closed_ || bytes[at - 1] == delimiter_ || bytes[at - 1] == '\n' || bytes[at - 1] == '\r') quoted_ = !quoted_;
      } else if (!quoted_) {
        // Whether a CR stands alone is seen by what follows it.
        if (bytes[at] == '\r' && at + 1 == piece.size) scanned_ = at;
        else if (bytes[at] == '\n' || bytes[at + 1] != '\n') cut_ = at + 1;
      }
    }
}

}  // namespace mlp::score
