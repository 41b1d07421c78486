// A count of our own of what a text file holds: its records, where they begin, and which of them are no proper rows.
// DuckDB reads the values; this says how many there must be, so that no row is lost, split or joined unseen. One pass
// over the bytes, a record in memory at a time.
//
// What it guards against, as seen with DuckDB 1.4.4: in strict mode a row with one delimiter too many at its end is
// taken, a row of blanks only is dropped, and blanks before a quote are eaten, all without a word; without strict mode
// every long row is cut; with ignore_errors a row with a bad quote takes others with it, and a JSON line that is no
// object becomes a row of nulls. So flawed records are never shown to DuckDB, and none of its lenient modes is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace mlp::data {

// The bytes of a file, unpacked when they are gzip (told by the first two bytes, not by the name). Throws Failure:
// missing, a directory, unreadable, broken gzip.
class ByteSource {
 public:
  ByteSource(const std::filesystem::path& path, Sha256* digest);  // the digest gets the bytes as they lie on disk
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  std::size_t read(char* out, std::size_t size);  // 0 at the end
  bool gzip() const { return inflater_ != nullptr; }

 private:
  struct Inflater;
  std::size_t read_raw(char* out, std::size_t size);
  std::filesystem::path path_;
  int fd_ = -1;
  Sha256* digest_ = nullptr;
  std::string peeked_;
  std::unique_ptr<Inflater> inflater_;
};

enum class Flaw : std::uint8_t { none, fields, encoding, quoting, json };

// One record of a CSV file as it stands between line ends.
struct Record {
  std::string_view bytes;  // without its line end
  std::int32_t fields = 0;
  Flaw flaw = Flaw::none;  // quoting, encoding
  bool open_quote = false; // the file ended inside a quoted cell
};

struct Census {
  std::vector<std::string> header;    // CSV: the cells of the header; JSON lines: every key that occurs
  char delimiter = ',';
  bool gzip = false;
  std::string line_end = "\n";        // CSV: LF, CRLF or CR; LF when they are mixed
  bool uneven_line_ends = false;
  bool blank_lines_first = false;     // CSV: before the header
  std::int64_t records = 0;           // data rows, flawed ones with them; blank lines are none
  std::int64_t longest = 0;           // bytes
  struct Flawed {
    std::int64_t record;              // from 0
    Flaw flaw;
    std::int32_t fields;
  };
  std::vector<Flawed> flawed;
  std::string first_flawed;           // bytes of the first flawed record
  std::optional<std::int64_t> open_quote{};  // record in which a quote was opened and never closed
  std::int64_t bytes = 0;             // unpacked
};

struct CensusRequest {
  std::filesystem::path path;
  std::string delimiter{};            // "" = found out
  bool header = true;
  std::int32_t fields = 0;            // of a row when there is no header
  Sha256* digest = nullptr;
};
// `each` sees every data record (not the header), with its number, when it is set; it returns false to stop.
using EachRecord = std::function<bool(std::int64_t record, const Record&)>;
Census count_csv(const CensusRequest& request, const EachRecord& each = {});
Census count_jsonl(const CensusRequest& request, const EachRecord& each = {});

std::vector<std::string> split_record(std::string_view record, char delimiter);  // cells, unquoted

}  // namespace mlp::data
