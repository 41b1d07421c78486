// Rows of a request out of CSV and JSON: names matched to columns, what is missing or doubled found, values given to a
// RowBuilder.
#pragma once
#include "runtime/score/csv.h"
#include "runtime/score/frame.h"
#include "runtime/score/score.h"

namespace mlp::score {

// CSV with a header, in any order of columns. The delimiter is what the source says, else the one of , ; tab | that finds
// most of the columns in the header. A source without header: all columns of the schema, or all of the request, in order.
class CsvRequest {
 public:
  struct Layout {
    char delimiter = ',';
    std::size_t width = 0;                // values in each record; 0 = there is none
    std::vector<std::int32_t> column_of;  // by place in the record: request column, or -1
  };
  CsvRequest(const package::Signature& signature, ByteSource source, const std::string& name);  // reads the header
  // Rows that are laid out as those of another, in pieces of what followed its header.
  CsvRequest(const package::Signature& signature, const Layout& layout, const std::string& name);
  void take(Piece& piece) { reader_.take(piece); }
  const Layout& layout() const { return layout_; }
  ByteSource rest() { return reader_.rest(); }  // the bytes behind what has been read; this must outlive it
  bool next(RowBuilder& rows);  // a row, or some that are at hand; false at the end

 private:
  void read_header();
  void match(const std::vector<std::string>& header);
  void match_places(std::size_t width);
  const package::Signature& signature_;
  std::string name_;
  CsvReader reader_;
  Layout layout_;
  std::vector<std::string_view> cells_;
};

// JSON objects, one a row. Keeps the order of keys of the row before, which the next row mostly shares.
class JsonRequest {
 public:
  explicit JsonRequest(const package::Signature& signature);
  void read(const Json& json, std::size_t object, RowBuilder& rows);             // one row from an object
  void value(const Json& json, std::size_t node, std::size_t column, RowBuilder& rows) {  // one value
    if (noting_) noted_.push_back({json.begin(node), json.end(node), column});
    const bool string = json.kind(node) == JsonKind::string;
    value(json.kind(node), string ? json.string(node, scratch_) : json.raw(node), string ? 0 : json.behind(node), column, rows);
  }
  // The same; of a string what it says. `readable` bytes behind the text may be read.
  void value(JsonKind kind, std::string_view text, std::size_t readable, std::size_t column, RowBuilder& rows);
  // From now on, where the values stand that are read, for JsonFrame.
  void note(bool noting) {
    noting_ = noting;
    noted_.clear();
  }
  std::vector<JsonFrame::Hole>& noted() { return noted_; }

 private:
  std::size_t find(std::string_view key, std::size_t place);
  bool nearly_there(std::size_t column);
  const package::Signature& signature_;
  std::vector<std::pair<std::string, std::size_t>> sorted_;  // names and their columns
  struct Seen {
    std::string key;
    std::size_t column;  // or none
  };
  std::vector<Seen> last_;  // by place of the key in the row
  std::vector<std::int64_t> filled_;  // by column: the row that it was last filled in
  std::int64_t row_ = 0;
  std::string scratch_, key_;
  bool noting_ = false;
  std::vector<JsonFrame::Hole> noted_;
  std::vector<std::string> unknown_;   // keys of the last row that lacked a column
  enum class Near : std::uint8_t { not_asked, yes, no };
  std::vector<Near> near_;             // by column: whether one of them is nearly its name
};

// "the input has no column `tenure`", with the nearest of the (first) names that it has.
Failure missing_columns(const std::vector<std::string>& missing, const std::vector<std::string>& present, const std::string& input);

}  // namespace mlp::score
