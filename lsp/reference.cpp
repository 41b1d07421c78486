#include "lsp/reference.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "embedded_language.h"

namespace mlp::lsp {
namespace {

// The cells of a table's row, without blanks around them; nothing for any other line.
std::vector<std::string_view> cells(std::string_view line) {
  std::vector<std::string_view> list;
  if (!line.starts_with("| ")) return list;
  line.remove_prefix(1);
  for (std::size_t end; (end = line.find('|')) != std::string_view::npos; line.remove_prefix(end + 1)) {
    std::string_view cell = line.substr(0, end);
    while (cell.starts_with(' ')) cell.remove_prefix(1);
    while (cell.ends_with(' ')) cell.remove_suffix(1);
    list.push_back(cell);
  }
  return list;
}

}  // namespace

std::string setting_reference(const std::string& model_kind, const std::string& setting) {
  std::string_view text = embedded_language[0].bytes;
  bool within = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::vector<std::string_view> row = cells(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.size() < 3) {
      within = within && row.size() > 0;
      continue;
    }
    if (row[1] == "default") within = row[0] == "`" + model_kind + "`";
    else if (within && row[0].find("`" + setting + "`") != std::string_view::npos)
      return std::string(row[0]) + " · default " + std::string(row[1]) + (row[2].empty() ? "" : "\n\n" + std::string(row[2]));
  }
  return {};
}

}  // namespace mlp::lsp
