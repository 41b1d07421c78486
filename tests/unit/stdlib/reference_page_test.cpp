// docs/stdlib.md says what the table of builtins and the library say. MLP_UPDATE_GOLDENS=1 writes it anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "stdlib/builtins/builtins.h"
#include "stdlib/stdlib.h"

namespace mlp {
namespace {

std::string cell(std::string_view text) {  // `|` ends a cell
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

// `name(a: int, b: int) -> int`, one line for each overload of a name, then what it does.
std::string page() {
  std::string out =
      "# Functions\n\n"
      "Written from `stdlib/builtins/builtins.def` and the files of `stdlib/`; a test keeps this page in step, and runs every example\n"
      "through the whole compiler. `T?` may be null; a function of a null is null, but where `T?` is a parameter. An example `over v = [...]` is\n"
      "fitted on these rows.\n\n"
      "## The library, in the language\n";
  for (const LibraryFile& file : library_files()) {
    std::istringstream lines{std::string(file.text)};
    std::string line, doc, examples;
    std::getline(lines, line);
    out += "\n### " + std::string(file.name.substr(0, file.name.size() - 4)) + "\n" + line.substr(3) + "\n\n| | | |\n| --- | --- | --- |\n";
    while (std::getline(lines, line)) {
      if (line.starts_with("/// example")) {
        const std::string example = line.substr(line.starts_with("/// example: ") ? 13 : 12);
        examples += (examples.empty() ? "`" : "<br>`") + cell(example) + "`";
      } else if (line.starts_with("/// ")) {
        doc += (doc.empty() ? "" : " ") + line.substr(4);
      } else if (line.starts_with("fn ")) {
        const std::size_t end = line.find_first_of("={", line.find("->"));
        std::string head = line.substr(3, end - 3);
        while (head.ends_with(' ')) head.pop_back();
        out += "| `" + cell(head) + "` | " + cell(doc) + " | " + examples + " |\n";
        doc.clear();
        examples.clear();
      }
    }
  }
  out += "\n## Built in\n";
  const auto section = [&](const char* title, BuiltinKind kind) {
    out += std::string("\n### ") + title + "\n\n| | | |\n| --- | --- | --- |\n";
    const Builtin* before = nullptr;
    std::string signatures, example;
    const auto flush = [&] {
      if (before) out += "| " + signatures + " | " + cell(before->doc) + " | " + example + " |\n";
    };
    for (const Builtin& row : builtins()) {
      if (row.kind != kind) continue;
      const bool joined = before && before->name == row.name && before->doc == row.doc;
      if (!joined) {
        flush();
        signatures.clear();
        example.clear();
      }
      signatures += (signatures.empty() ? "`" : "<br>`") + std::string(row.name) + std::string(row.signature) + "`";
      if (!row.example.empty()) example += (example.empty() ? "`" : "<br>`") + cell(row.example) + "`";
      before = &row;
    }
    flush();
  };
  section("functions of a row", BuiltinKind::function);
  section("aggregates over the train rows", BuiltinKind::aggregate);
  section("fitted tables, for `code` and `lookup`", BuiltinKind::table);
  return out;
}

TEST(ReferencePage, IsInStep) {
  const std::string path = MLP_SOURCE_DIR "/docs/stdlib.md", now = page();
  if (std::getenv("MLP_UPDATE_GOLDENS")) std::ofstream(path, std::ios::binary) << now;
  std::ifstream in(path, std::ios::binary);
  std::stringstream there;
  there << in.rdbuf();
  EXPECT_EQ(there.str(), now) << "MLP_UPDATE_GOLDENS=1 writes docs/stdlib.md anew";
}

}  // namespace
}  // namespace mlp
