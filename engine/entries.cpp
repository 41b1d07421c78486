#include "engine/entries.h"

#include <algorithm>

namespace mlp::engine {

void pack_table(Packer& out, const NamedColumns& columns, const values::Table& table) {
  std::int64_t rows = table.rows, count = static_cast<std::int64_t>(columns.size());
  out(rows, count);
  for (const auto& [column_name, id] : columns) {
    std::string name = column_name, texts;
    values::ColumnData column;
    const values::ColumnData& from = table.columns[id.index];
    std::vector<std::int64_t> ends;
    for (const mlp_string& s : from.strings) {
      texts.append(s.data, static_cast<std::size_t>(s.size));
      ends.push_back(static_cast<std::int64_t>(texts.size()));
    }
    column.reals = from.reals, column.integers = from.integers, column.booleans = from.booleans, column.present = from.present;
    out(name, column.reals, column.integers, column.booleans, column.present, texts, ends);
  }
}

values::Table unpack_table(std::string_view bytes, const flow::Program& program) {
  Unpacker in(bytes);
  values::Table table;
  std::int64_t count = 0;
  in(table.rows, count);
  table.columns.resize(program.columns.size());
  for (std::size_t i = 0; i < program.columns.size(); ++i) table.columns[i].layout = values::layout_of(program.columns[i].type.scalar);
  for (; count > 0; --count) {
    std::string name, texts;
    std::vector<std::int64_t> ends;
    in(name);
    const auto at = std::find_if(program.columns.begin(), program.columns.end(), [&](const Column& c) { return c.name == name; });
    MLP_CHECK(at != program.columns.end());  // the key names the columns
    values::ColumnData& column = table.columns[at - program.columns.begin()];
    in(column.reals, column.integers, column.booleans, column.present, texts, ends);
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
      column.strings.push_back(column.storage.keep({texts.data() + begin, static_cast<std::size_t>(end - begin)}));
      begin = end;
    }
    MLP_CHECK(column.size() == table.rows);
  }
  return table;
}

}  // namespace mlp::engine
