// CSV records out of a stream of bytes: RFC 4180, with any delimiter, LF, CRLF or CR, and a BOM passed over.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/values/parse.h"

namespace mlp::score {

// Fills at most `size` bytes and says how many; 0 = the end.
using ByteSource = std::function<std::size_t(char* to, std::size_t size)>;
ByteSource memory_source(std::string_view bytes);
ByteSource file_source(int fd, const std::string& name);  // throws Failure on a read error

// A window over a ByteSource. Bytes from `mark` on stay in memory.
class Window {
 public:
  static constexpr std::size_t readable = 64;  // bytes behind end() that may be read
  explicit Window(ByteSource source) : source_(std::move(source)), buffer_((std::size_t{1} << 16) + readable) {}
  char* at(std::size_t position) { return buffer_.data() + position; }
  std::size_t mark = 0;          // begin of the record being read
  std::size_t end() const { return end_; }
  // Gets more bytes behind end(); false at the end of the source. Moves the bytes from `mark` to the front: positions
  // are then less by what it returns in `moved`. Throws std::length_error when a record is longer than 64 MiB.
  bool more(std::size_t& moved);

 private:
  ByteSource source_;
  std::vector<char> buffer_;
  std::size_t end_ = 0;
  bool finished_ = false;
};

class CsvReader {
 public:
  CsvReader(ByteSource source, std::string name) : window_(std::move(source)), name_(std::move(name)) {}
  void set_delimiter(char delimiter) { delimiter_ = delimiter; }
  // The first record as it stands, without its line end, not consumed: to find the delimiter in. "" at the end.
  std::string_view peek_line();
  // The next record; its cells are valid until the next call. False at the end. Records without any character are passed
  // over unless `keep_empty`. Throws Failure (no CSV) with the number of the record, counted from 0.
  bool next(std::vector<std::string_view>& cells, bool keep_empty);
  // Records that lie whole in what has been read already and have `width` cells, at most `most`; the texts of the cells,
  // record by record. It stops before what is not plain: the end of what was read, another width, an empty line, a quote
  // inside a quoted cell. Then next() goes on.
  values::Texts plain(std::size_t width, std::size_t most);
  std::int64_t records() const { return records_; }

 private:
  [[noreturn]] void fail(const std::string& message) const;
  bool get(std::size_t& position, char& c);
  void skip_bom();
  Window window_;
  std::string name_;
  char delimiter_ = ',';
  std::int64_t records_ = 0;
  std::size_t position_ = 0;
  bool started_ = false;
  std::vector<std::pair<std::size_t, std::size_t>> ranges_;  // begin and end of each cell, from the mark
  std::vector<std::uint64_t> marks_;     // of the window
  bool marked_ = false;
  std::vector<values::Span> spans_;
};

// Lines, without their line ends. Throws Failure when a line is longer than 64 MiB.
class LineReader {
 public:
  LineReader(ByteSource source, std::string name) : window_(std::move(source)), name_(std::move(name)) {}
  bool next(std::string_view& line);  // valid until the next call
  std::int64_t lines() const { return lines_; }

 private:
  Window window_;
  std::string name_;
  std::int64_t lines_ = 0;
  std::size_t position_ = 0;
};

}  // namespace mlp::score
