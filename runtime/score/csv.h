// CSV records out of a stream of bytes: RFC 4180, with any delimiter, LF, CRLF or CR, and a BOM passed over.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/score/marks.h"
#include "runtime/values/parse.h"

namespace mlp::score {

// Fills at most `size` bytes and says how many; 0 = the end.
using ByteSource = std::function<std::size_t(char* to, std::size_t size)>;
ByteSource memory_source(std::string_view bytes);
ByteSource file_source(int fd, const std::string& name);  // throws Failure on a read error

constexpr std::size_t max_record = std::size_t{64} << 20;  // bytes of a record or a line

// Whole records or lines, out of Pieces (runtime/score/pieces.h).
struct Piece {
  std::vector<char> bytes;       // Window::readable more of them than `size` at least
  std::size_t size = 0;
};

// A window over a ByteSource. Bytes from `mark` on stay in memory.
class Window {
 public:
  static constexpr std::size_t readable = 64;  // bytes behind end() that may be read
  Window() = default;                          // of nothing, until it takes a piece
  explicit Window(ByteSource source) : source_(std::move(source)), buffer_((std::size_t{1} << 16) + readable) {}
  void take(Piece& piece);                     // shows the piece, and nothing after it; `piece` gets the memory that was here
  ByteSource rest(std::size_t from);           // what has been read from `from` on, then the source
  char* at(std::size_t position) { return buffer_.data() + position; }
  std::size_t mark = 0;          // begin of the record being read
  std::size_t end() const { return end_; }
  // Gets more bytes behind end(); false at the end of the source, and then all stays where it is. Moves the bytes from `mark` to the front: positions
  // are then less by what it returns in `moved`. Throws std::length_error when a record reaches max_record.
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
  explicit CsvReader(std::string name) : name_(std::move(name)) {}  // of pieces
  void take(Piece& piece);                                          // its records are next; no BOM is looked for
  ByteSource rest() { return window_.rest(position_); }             // the bytes behind the last record; the reader must outlive it
  char delimiter() const { return delimiter_; }
  void set_delimiter(char delimiter) { delimiter_ = delimiter; }
  // The first record as it stands, without its line end, not consumed: to find the delimiter in. "" at the end.
  std::string_view peek_line();
  // The next record; its cells are valid until the next call. False at the end. Records without any character are passed
  // over unless `keep_empty`. Throws Failure: no CSV.
  bool next(std::vector<std::string_view>& cells, bool keep_empty);
  // Records that lie whole in what has been read already and have `width` cells, at most `most`; the texts of the cells,
  // record by record. It stops before what is not plain: the end of what was read, another width, an empty line. Then next()
  // goes on.
  values::Texts plain(std::size_t width, std::size_t most);

 private:
  [[noreturn]] void fail(const std::string& message) const;
  bool get(std::size_t& position, char& c);
  void skip_bom();
  Window window_;
  std::string name_;
  char delimiter_ = ',';
  std::size_t position_ = 0;
  bool started_ = false;
  std::vector<std::pair<std::size_t, std::size_t>> ranges_;  // begin and end of each cell, from the mark
  // Where the cells from position_ on end, as far as it has been looked for: places in the window, with the highest bit where
  // a quote stands in the cell that neither opens nor closes it.
  void find_ends();
  std::vector<std::uint32_t> ends_;
  std::size_t first_end_ = 0, last_end_ = 0;  // those of them that are still to come
  std::size_t word_ = 0;                      // the 64 bytes that are looked at next
  Quotes quotes_;
  bool odd_ = false;                          // since the last end
  bool marked_ = false;                       // all this shows the window as it is
  std::vector<values::Span> spans_;
};

// Lines of pieces, without their line ends. Throws Failure when a line is longer than 64 MiB.
class LineReader {
 public:
  explicit LineReader(std::string name) : name_(std::move(name)) {}
  void take(Piece& piece);                // its lines are next, counted from 1
  bool next(std::string_view& line);  // valid until the next call
  std::int64_t lines() const { return lines_; }

 private:
  Window window_;
  std::string name_;
  std::int64_t lines_ = 0;
  std::size_t position_ = 0;
};

}  // namespace mlp::score
