// A stream of bytes cut behind whole records or lines, so that several threads can read the pieces at once. Where it is cut
// depends on how the bytes arrive, the records do not: the pass over quotes and line ends follows CsvReader's rules.
#pragma once
#include <exception>
#include <functional>

#include "runtime/score/csv.h"
#include "runtime/score/marks.h"

namespace mlp::score {

class Pieces {
 public:
  static constexpr std::size_t usual = std::size_t{1} << 19;   // bytes of a piece, where no record is longer
  static constexpr std::size_t few = std::size_t{1} << 10;     // the same where rows name pictures, which take longer than their bytes tell
  static constexpr char lines = 0;                             // a delimiter: each LF ends a record, quotes mean nothing
  // waits: whether the source would have to be waited for; what is whole is then handed over at once.
  Pieces(ByteSource source, std::function<bool()> waits, char delimiter, std::size_t target) : source_(std::move(source)), waits_(std::move(waits)), delimiter_(delimiter), target_(target) {}
  // False at the end. What the source throws is thrown on when the whole records before it have been handed over. A record
  // that reaches max_record stands alone and unfinished; nobody can read on behind it.
  bool next(Piece& piece);

 private:
  void scan(const Piece& piece);
  void scan_odd(const char* bytes, std::size_t from, std::size_t end, std::uint64_t marks, const Quotes& before);
  void end_line(const char* bytes, std::size_t at);
  bool ends_cell(char c) const { return c == delimiter_ || c == '\n' || c == '\r'; }
  ByteSource source_;
  std::function<bool()> waits_;
  char delimiter_;
  std::size_t target_;
  std::vector<char> rest_;             // what has been read of the next piece
  bool ended_ = false;
  std::exception_ptr error_;
  // Of the piece that is being filled:
  std::size_t scanned_ = 0, cut_ = 0;  // cut_: the end of the last whole record
  Quotes quotes_;                      // at scanned_
};

}  // namespace mlp::score
