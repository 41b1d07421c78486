#include "runtime/score/csv.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/codes/command.h"
#include "base/codes/serving.h"
#include "base/diagnostic.h"

namespace mlp::score {

ByteSource memory_source(std::string_view bytes) {
  return [bytes](char* to, std::size_t size) mutable {
    const std::size_t n = std::min(size, bytes.size());
    if (n > 0) std::memcpy(to, bytes.data(), n);
    bytes.remove_prefix(n);
    return n;
  };
}

ByteSource file_source(int fd, const std::string& name) {
  return [fd, name](char* to, std::size_t size) {
    while (true) {
      const ssize_t n = ::read(fd, to, size);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) throw Failure(code::file_unreadable, "cannot read `" + name + "`: " + std::strerror(errno));
    }
  };
}

void Window::take(Piece& piece) {
  buffer_.swap(piece.bytes);
  end_ = piece.size;
  mark = 0;
  finished_ = true;
}

ByteSource Window::rest(std::size_t from) {
  return [this, from](char* to, std::size_t size) mutable {
    if (from == end_) return finished_ ? std::size_t{0} : source_(to, size);
    const std::size_t n = std::min(size, end_ - from);
    std::memcpy(to, buffer_.data() + from, n);
    from += n;
    return n;
  };
}

bool Window::more(std::size_t& moved) {
  moved = 0;
  if (end_ - mark >= max_record) throw std::length_error("a row is longer than 64 MiB");
  if (finished_) return false;
  moved = mark;
  if (mark > 0) {
    std::memmove(buffer_.data(), buffer_.data() + mark, end_ - mark);
    end_ -= mark;
    mark = 0;
  }
  if (end_ == buffer_.size() - readable) buffer_.resize(end_ * 4 + readable);
  const std::size_t n = source_(buffer_.data() + end_, buffer_.size() - readable - end_);
  finished_ = n == 0;
  end_ += n;
  return n > 0;
}

void CsvReader::fail(const std::string& message) const {
  Failure failure(code::request_bad_csv, message, "quotes inside a quoted value are doubled: \"say \"\"hi\"\"\"");
  failure.diagnostic.in_data({name_, 0, "", ""});
  throw failure;
}

void CsvReader::take(Piece& piece) {
  window_.take(piece);
  position_ = 0;
  marked_ = false;
  started_ = true;
}

// The character at `position`, reading on where needed; false at the end.
bool CsvReader::get(std::size_t& position, char& c) {
  while (position >= window_.end()) {
    std::size_t moved = 0;
    bool read = false;
    try {
      read = window_.more(moved);
    } catch (const std::length_error& error) {
      fail(std::string(error.what()) + ": is a quote not closed?");
    }
    position -= moved;
    marked_ = false;
    if (!read) return false;
  }
  c = *window_.at(position);
  return true;
}

void CsvReader::skip_bom() {
  if (started_) return;
  started_ = true;
  std::size_t end = 2;
  char c = 0;
  if (get(end, c) && std::memcmp(window_.at(0), "\xEF\xBB\xBF", 3) == 0) position_ = 3;
}

std::string_view CsvReader::peek_line() {
  skip_bom();
  window_.mark = position_;
  std::size_t at = position_;
  char c = 0;
  bool quoted = false;
  while (get(at, c) && (quoted || (c != '\n' && c != '\r'))) {
    quoted ^= c == '"';
    ++at;
  }
  position_ = window_.mark;
  return {window_.at(position_), at - position_};
}

bool CsvReader::next(std::vector<std::string_view>& cells, bool keep_empty) {
  skip_bom();
  cells.clear();
  while (true) {
    window_.mark = position_;
    ranges_.clear();
    std::size_t at = position_;  // positions are from the buffer's begin, and move with it: kept relative to the mark below
    char c = 0;
    if (!get(at, c)) {
      position_ = at;
      return false;
    }
    bool end_of_record = false;
    while (!end_of_record) {
      std::size_t begin = at - window_.mark, end = begin;
      if (get(at, c) && c == '"') {
        // Quoted: characters move to the front where a doubled quote becomes one.
        ++at;
        begin = end = at - window_.mark;
        while (true) {
          if (!get(at, c)) fail("a quote is never closed");
          // Up to the next quote in one step.
          const char* const from = window_.at(at);
          const auto* const quote = static_cast<const char*>(std::memchr(from, '"', window_.end() - at));
          const std::size_t size = quote ? static_cast<std::size_t>(quote - from) : window_.end() - at;
          if (window_.mark + end != at) std::memmove(window_.at(window_.mark + end), from, size);
          end += size;
          at += size;
          if (!quote) continue;
          ++at;
          if (!get(at, c) || c != '"') break;
          *window_.at(window_.mark + end++) = '"';
          ++at;
        }
        if (get(at, c) && c != delimiter_ && c != '\n' && c != '\r') fail("text follows a closing quote");
      } else {
        while (true) {
          const char* p = window_.at(at);
          const char* const stop = window_.at(window_.end());
          while (p < stop && *p != delimiter_ && *p != '\n' && *p != '\r') ++p;
          at += static_cast<std::size_t>(p - window_.at(at));
          if (p < stop || !get(at, c)) break;
        }
        end = at - window_.mark;
      }
      ranges_.emplace_back(begin, end);
      if (!get(at, c)) end_of_record = true;
      else if (c == delimiter_) ++at;
      else {
        end_of_record = true;
        ++at;
        char after = 0;
        // A CR at the very end of what has been read: look one further, so that CRLF is one line end.
        if (c == '\r' && get(at, after) && after == '\n') ++at;
      }
    }
    position_ = at;
    if (ranges_.size() == 1 && ranges_[0].first == 0 && ranges_[0].second == 0 && !keep_empty) continue;
    break;
  }
  marked_ = false;
  for (const auto& [begin, end] : ranges_) cells.emplace_back(window_.at(window_.mark + begin), end - begin);
  return true;
}

namespace {

// Whether a cell that begins with a quote and ends at `end` is quoted whole, all quotes inside of it doubled.
bool is_quoted(const char* begin, const char* end) {
  if (end - begin < 2 || *begin != '"' || end[-1] != '"') return false;
  for (const char* p = begin + 1; p < end - 1; ++p)
    if (*p == '"' && (++p == end - 1 || *p != '"')) return false;
  return true;
}

// Doubled quotes become one; what follows them moves to the front.
void single_quotes(char* bytes, values::Span& cell) {
  char* const begin = bytes + cell.begin;
  char* to = begin;
  for (const char* from = begin; from < begin + cell.size; ++from) {
    *to++ = *from;
    from += *from == '"';
  }
  cell.size = static_cast<std::uint32_t>(to - begin);
}

}  // namespace

void CsvReader::mark(std::size_t first) {
  static const Marker marker_ = marker(best_cpu_level());
  std::array<Marks, Stretch::most> marks;
  stretch_.first = first;
  stretch_.count = std::min(Stretch::most, (window_.end() + 63) / 64 - first);
  marker_(window_.at(64 * first), stretch_.count, delimiter_, marks.data());
  for (std::size_t w = 0; w < stretch_.count; ++w) stretch_.words[w] = stretch_.quotes.next(marks[w]);
}

values::Texts CsvReader::plain(std::size_t width, std::size_t most) {
  char* const bytes = window_.at(0);
  const std::size_t end = window_.end();
  if (position_ == end) return {};
  std::size_t word = position_ / 64, rows = 0, at = position_;  // at: the begin of a cell
  if (!marked_ || word < stretch_.first || word >= stretch_.first + stretch_.count) {
    stretch_.quotes = Quotes(position_ % 64);
    mark(word);
    marked_ = true;
  }
  if (spans_.size() < width * most) spans_.resize(width * most);
  Quotes::Word marks = stretch_.words[word - stretch_.first];
  marks.ends &= ~std::uint64_t{0} << position_ % 64;
  marks.odd &= ~std::uint64_t{0} << position_ % 64;
  std::uint64_t odd = 0;  // not 0: something odd since the mark before
  // The next end of a cell; `end` when there is none.
  const auto next_mark = [&] {
    odd = 0;
    while (marks.ends == 0) {
      odd |= marks.odd;
      if (++word == stretch_.first + stretch_.count) {
        if (64 * word >= end) {
          marks.odd = 0;
          return end;
        }
        mark(word);
      }
      marks = stretch_.words[word - stretch_.first];
    }
    const std::uint64_t upto = marks.ends ^ (marks.ends - 1);
    odd |= marks.odd & upto;
    marks.odd &= ~upto;
    const std::size_t mark_at = 64 * word + static_cast<std::size_t>(std::countr_zero(marks.ends));
    marks.ends &= marks.ends - 1;
    return std::min(mark_at, end);
  };
  values::Span* cell = spans_.data();
  while (rows < most) {
    const values::Span* const first = cell;
    const values::Span* const last = cell + width - 1;
    bool whole = false;
    doubled_.clear();
    while (true) {
      const std::size_t mark_at = next_mark();
      if (mark_at == end) break;
      const bool quoted = bytes[at] == '"';
      if (odd != 0) {
        if (!is_quoted(bytes + at, bytes + mark_at)) break;
        doubled_.push_back(cell);
      }
      *cell = {static_cast<std::uint32_t>(at + quoted), static_cast<std::uint32_t>(mark_at - at - 2 * quoted)};
      at = mark_at + 1;
      if (bytes[mark_at] == delimiter_) {
        if (cell == last) break;
        ++cell;
        continue;
      }
      if (cell != last || (cell == first && mark_at == position_)) break;
      if (bytes[mark_at] == '\r') {
        if (at == end) break;
        if (bytes[at] == '\n') at = next_mark() + 1;
      }
      whole = true;
      break;
    }
    if (!whole) break;
    for (values::Span* const of : doubled_) single_quotes(bytes, *of);
    ++cell;
    ++rows;
    position_ = at;
  }
  return {bytes, spans_.data(), rows, width};
}

void LineReader::take(Piece& piece) {
  window_.take(piece);
  lines_ = 0;
  position_ = 0;
}

bool LineReader::next(std::string_view& line) {
  window_.mark = position_;
  std::size_t searched = position_;
  while (true) {
    const char* const from = window_.at(searched);
    const auto* const found = static_cast<const char*>(std::memchr(from, '\n', window_.end() - searched));
    if (found) {
      const std::size_t end = searched + static_cast<std::size_t>(found - from);
      line = {window_.at(window_.mark), end - window_.mark};
      position_ = end + 1;
      break;
    }
    searched = window_.end();
    std::size_t moved = 0;
    bool read = false;
    try {
      read = window_.more(moved);
    } catch (const std::length_error& error) {
      Failure failure(code::request_bad_json, error.what(), "JSON lines hold one object a line");
      failure.diagnostic.in_data({name_, lines_ + 1, "", ""});
      throw failure;
    }
    searched -= moved;
    if (read) continue;
    position_ = window_.end();
    if (window_.mark == window_.end()) return false;
    line = {window_.at(window_.mark), window_.end() - window_.mark};
    break;
  }
  ++lines_;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return true;
}

}  // namespace mlp::score
