// What the tests of the data room share: a directory that goes away, and short words for schemas.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/data/read.h"
#include "runtime/values/parse.h"

namespace mlp::data {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "millrace-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Column field(const std::string& name, Scalar scalar, bool nullable = false) {
  Column out;
  out.name = name;
  out.type = {scalar, nullable};
  return out;
}

inline ReadRequest request(const std::filesystem::path& base, std::vector<std::string> paths, std::vector<Column> schema, Format format = Format::csv) {
  ReadRequest out;
  out.source.name = "rows";
  out.source.format = format;
  out.source.paths = std::move(paths);
  out.base = base;
  out.schema = std::move(schema);
  for (std::size_t i = 0; i < out.schema.size(); ++i) out.wanted.push_back({static_cast<std::int32_t>(i)});
  return out;
}

// A table as text, a row a line, cells parted by |, null as ~.
inline std::string show(const std::vector<Column>& schema, const values::Table& table) {
  std::string out;
  for (std::int64_t row = 0; row < table.rows; ++row) {
    for (std::size_t c = 0; c < schema.size(); ++c) {
      const values::ColumnData& column = table.columns[c];
      out += c == 0 ? "" : "|";
      if (column.size() == 0) out += "-";
      else out += column.is_present(row) ? values::spell(schema[c], column.cell(row)) : "~";
    }
    out += "\n";
  }
  return out;
}

inline Diagnostic failure_of(const ReadRequest& request) {
  try {
    read(request);
  } catch (const Failure& f) {
    return f.diagnostic;
  }
  ADD_FAILURE() << "no failure";
  return {};
}

}  // namespace mlp::data
