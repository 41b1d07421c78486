#include "runtime/score/csv.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

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

constexpr std::uint32_t odd = std::uint32_t{1} << 31;  // in CsvReader::ends_

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

// The cells of a record that end at an odd place hold doubled quotes; false, and nothing changed, where they do not.
bool mend(char* bytes, values::Span* cells, const std::uint32_t* ends, std::size_t width) {
  for (std::size_t c = 0; c < width; ++c)
    if ((ends[c] & odd) != 0 && (cells[c].begin == 0 || !is_quoted(bytes + cells[c].begin - 1, bytes + (ends[c] & ~odd)))) return false;
  for (std::size_t c = 0; c < width; ++c)
    if ((ends[c] & odd) != 0) single_quotes(bytes, cells[c]);
  return true;
}

}  // namespace

void CsvReader::find_ends() {
  static const Marker mark = marker(best_cpu_level());
  static const Placer place = placer(best_cpu_level());
  constexpr std::size_t at_once = 64;
  std::array<Marks, at_once> marks;
  const std::size_t end = window_.end(), count = std::min(at_once, (end + 63) / 64 - word_);
  mark(window_.at(64 * word_), count, delimiter_, marks.data());
  std::copy(ends_.begin() + static_cast<std::ptrdiff_t>(first_end_), ends_.begin() + static_cast<std::ptrdiff_t>(last_end_), ends_.begin());
  last_end_ -= std::exchange(first_end_, 0);
  if (ends_.size() < last_end_ + 64 * at_once) ends_.resize(last_end_ + 64 * at_once);
  std::array<std::uint64_t, at_once> words, odds;
  std::uint64_t any_odd = odd_;
  const auto base = static_cast<std::uint32_t>(64 * word_);
  for (std::size_t w = 0; w < count; ++w) {
    const auto [of_cells, odd_ones] = quotes_.next(marks[w], static_cast<unsigned>(std::min<std::size_t>(64, end - base - 64 * w)));
    words[w] = of_cells;
    odds[w] = odd_ones;
    any_odd |= odd_ones;
  }
  word_ += count;
  std::uint32_t* const from = ends_.data() + last_end_;
  std::uint32_t* const out = place(words.data(), count, base, from);
  // The odd ones go with the next end.
  std::uint32_t* next = from;
  for (std::size_t w = 0; any_odd != 0 && w < count; ++w) {
    for (std::uint64_t ends = words[w]; ends != 0; ends &= ends - 1) {
      const std::uint64_t upto = ends ^ (ends - 1);
      odd_ = odd_ || (odds[w] & upto) != 0;
      odds[w] &= ~upto;
      *next++ |= std::exchange(odd_, false) ? odd : 0;
    }
    odd_ = odd_ || odds[w] != 0;
  }
  last_end_ = static_cast<std::size_t>(out - ends_.data());
}

values::Texts CsvReader::plain(std::size_t width, std::size_t most) {
  char* const bytes = window_.at(0);
  const std::size_t end = window_.end();
  if (!marked_) {
    word_ = position_ / 64;
    quotes_ = Quotes(position_ % 64);
    first_end_ = last_end_ = 0;
    odd_ = false;
    marked_ = true;
  }
  if (spans_.size() < width * most) spans_.resize(width * most);
  values::Span* cells = spans_.data();
  std::size_t rows = 0;
  for (; rows < most; ++rows, cells += width) {
    // One more than the cells, for the LF of a CRLF.
    while (last_end_ - first_end_ <= width && 64 * word_ < end) find_ends();
    if (last_end_ - first_end_ < width) break;
    const std::uint32_t* const ends = ends_.data() + first_end_;
    // Whether the record has that many cells is known when all have been looked at.
    std::uint32_t begin = static_cast<std::uint32_t>(position_), any = 0, delimiters = 0;
    for (std::size_t c = 0; c < width; ++c) {
      const std::uint32_t place = ends[c] & ~odd, quoted = bytes[begin] == '"';
      any |= ends[c];
      cells[c] = {begin + quoted, place - begin - 2 * quoted};
      delimiters += bytes[place] == delimiter_;
      begin = place + 1;
    }
    std::size_t at = begin;
    if (delimiters != width - 1 || bytes[at - 1] == delimiter_ || (width == 1 && at == position_ + 1)) break;
    std::size_t taken = width;
    if (bytes[at - 1] == '\r') {
      if (at == end) break;
      if (bytes[at] == '\n') ++at, ++taken;
    }
    if ((any & odd) != 0 && !mend(bytes, cells, ends, width)) break;
    first_end_ += taken;
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
