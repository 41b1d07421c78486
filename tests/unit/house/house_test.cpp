// The rules of the house: who may include whom, that maps do not rot, and that every diagnostic is provoked by a test.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "base/diagnostic.h"

namespace fs = std::filesystem;

namespace {

const fs::path root = MLP_SOURCE_DIR;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Files that the project owns, as paths from its root.
std::vector<std::string> files() {
  std::vector<std::string> list;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name[0] == '.' || name.rfind("build", 0) == 0 || name == "third_party" || name == "node_modules")) {
      it.disable_recursion_pending();
      continue;
    }
    if (it->is_regular_file()) list.push_back(fs::relative(it->path(), root).string());
  }
  std::sort(list.begin(), list.end());
  return list;
}

bool starts(const std::string& text, const std::string& with) { return text.rfind(with, 0) == 0; }
bool code_file(const std::string& file) { return file.ends_with(".cpp") || file.ends_with(".h") || file.ends_with(".def"); }

// The includes of a file: "quoted" ones of the project, and <angled> ones.
std::vector<std::string> includes(const std::string& file) {
  static const std::regex line(R"re(^\s*#\s*include\s+["<]([^">]+)[">])re");
  std::vector<std::string> list;
  std::istringstream in(read(root / file));
  std::string text;
  std::smatch match;
  while (std::getline(in, text))
    if (std::regex_search(text, match, line)) list.push_back(match[1]);
  return list;
}

const std::vector<std::string> verbs = {"parse", "format", "check", "plan", "lower", "onnx", "codegen", "emit"};

std::string verb_of(const std::string& file) {
  for (const std::string& verb : verbs)
    if (starts(file, "compiler/" + verb + "/")) return verb;
  return {};
}

// What each top-level house may include.
const std::map<std::string, std::set<std::string>> houses = {
    {"base", {"base"}},
    {"abi", {"abi"}},
    {"stdlib", {"stdlib", "abi", "base"}},
    {"compiler", {"compiler", "base", "abi", "stdlib"}},
    {"runtime", {"runtime", "base", "abi", "stdlib"}},
    {"engine", {"engine", "compiler", "runtime", "base", "abi", "stdlib"}},
    {"lsp", {"lsp", "compiler", "base", "abi", "stdlib"}},
    {"cli", {"cli", "lsp", "engine", "compiler", "runtime", "base", "abi", "stdlib"}},
};

// Rooms of the runtime, in the order in which they may see each other: a room sees those to its left.
const std::vector<std::string> runtime_order = {"base", "device", "product", "values", "pictures", "fit", "model", "data", "learn", "package", "registry", "score", "monitor", "serve", "capi", "artifact"};

TEST(House, IncludesFollowTheRules) {
  std::vector<std::string> breaches;
  for (const std::string& file : files()) {
    if (!code_file(file)) continue;
    const std::string house = file.substr(0, file.find('/'));
    if (!houses.count(house)) continue;
    for (const std::string& include : includes(file)) {
      const bool llvm = starts(include, "llvm/") || starts(include, "lld/");
      if (llvm && !starts(file, "compiler/codegen/") && !starts(file, "compiler/emit/")) breaches.push_back(file + " sees LLVM: " + include);
      if (starts(include, "clang/") && !starts(file, "compiler/codegen/c/")) breaches.push_back(file + " sees clang: " + include);
      if ((include.find("antlr4") != std::string::npos || starts(include, "Millrace")) && !starts(file, "compiler/parse/")) breaches.push_back(file + " sees ANTLR: " + include);
      if (include == "duckdb.h" && !starts(file, "runtime/data/")) breaches.push_back(file + " sees DuckDB");
      if ((include == "png.h" || include == "jpeglib.h") && !starts(file, "runtime/pictures/")) breaches.push_back(file + " sees a decoder of pictures");
      if (starts(include, "sqlite3") && !starts(file, "runtime/registry/")) breaches.push_back(file + " sees SQLite");
      if (!fs::exists(root / include)) continue;
      const std::string other = include.substr(0, include.find('/'));
      if (houses.count(other) && !houses.at(house).count(other)) breaches.push_back(file + " includes " + include);
      const std::string verb = verb_of(file), included = verb_of(include);
      if (!verb.empty() && !included.empty() && verb != included) breaches.push_back(file + " (a verb) includes another: " + include);
      if (starts(file, "compiler/ir/") && !included.empty()) breaches.push_back(file + " (a noun) includes a verb: " + include);
      if (starts(file, "runtime/") && starts(include, "runtime/")) {
        const auto place = [](const std::string& f) {
          const std::string room = f.substr(8, f.find('/', 8) - 8);
          return std::find(runtime_order.begin(), runtime_order.end(), room) - runtime_order.begin();
        };
        if (place(include) > place(file)) breaches.push_back(file + " looks up the flow: " + include);
      }
    }
  }
  for (const std::string& breach : breaches) ADD_FAILURE() << breach;
}

TEST(House, EveryRoomIsOneTarget) {
  static const std::regex target(R"((^|\n) *((mlp_room|add_executable|mlp_artifact_runtime)\(|add_library\(mlp_stdlib ))");
  std::set<std::string> rooms;
  for (const std::string& file : files())
    if (file.ends_with(".cpp") && houses.count(file.substr(0, file.find('/')))) rooms.insert(fs::path(file).parent_path().string());
  rooms.erase("stdlib/builtins/bitcode");  // the sources of its parent, compiled once more: to bitcode
  for (const std::string& room : rooms) {
    const std::string text = read(root / room / "CMakeLists.txt");
    EXPECT_EQ(std::distance(std::sregex_iterator(text.begin(), text.end(), target), std::sregex_iterator()), 1) << room << "/CMakeLists.txt";
  }
}

TEST(House, EveryRoomHasAShortReadmeWhosePathsExist) {
  std::set<std::string> rooms;
  for (const std::string& file : files())
    if (code_file(file) && houses.count(file.substr(0, file.find('/')))) rooms.insert(fs::path(file).parent_path().string());
  static const std::regex path(R"(`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.*-]+)+/?)`)");
  for (const std::string& room : rooms) {
    const fs::path readme = root / room / "README.md";
    ASSERT_TRUE(fs::exists(readme)) << room << " has no README.md";
    const std::string text = read(readme);
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 20) << room << "/README.md is longer than 20 lines";
  }
  for (const std::string& file : files()) {
    if (!file.ends_with(".md") || starts(file, "examples/")) continue;
    const std::string text = read(root / file);
    for (std::sregex_iterator it(text.begin(), text.end(), path), end; it != end; ++it) {
      const std::string named = (*it)[1];
      static const std::set<std::string> ours = {"abi", "base", "bench", "cli", "cmake", "compiler", "docs", "editors", "engine", "examples", "grammar", "lsp", "runtime", "scripts", "stdlib", "tests"};
      if (!ours.count(named.substr(0, named.find('/'))) || named.find('*') != std::string::npos) continue;
      EXPECT_TRUE(fs::exists(root / named)) << file << " names `" << named << "`, which is not there";
    }
  }
}

TEST(House, EveryDiagnosticIsProvokedByATest) {
  std::string tests;
  for (const std::string& file : files())
    if (starts(file, "tests/") && file != "tests/unit/house/house_test.cpp") tests += read(root / file);
  for (const mlp::CodeInfo& row : mlp::catalogue())
    EXPECT_NE(tests.find(row.code), std::string::npos) << row.code << " (" << row.name << ") is provoked by no test";
}

TEST(House, EveryDiagnosticIsExplainedAndUsed) {
  std::string code;
  std::set<std::string> seen;
  for (const std::string& file : files())
    if (code_file(file) && !starts(file, "tests/") && !starts(file, "base/codes/")) code += read(root / file);
  for (const mlp::CodeInfo& row : mlp::catalogue()) {
    EXPECT_TRUE(seen.insert(row.code).second) << row.code << " stands twice in the catalogue";
    EXPECT_GE(std::string(row.explanation).size(), 60u) << row.code << " is not explained";
    EXPECT_NE(code.find(std::string("code::") + row.name), std::string::npos) << row.code << " (" << row.name << ") is never reported";
  }
}

TEST(House, NoMachinePathOrUnfinishedWork) {
  for (const std::string& file : files()) {
    if (!code_file(file) || file == "tests/unit/house/house_test.cpp") continue;
    const std::string text = read(root / file);
    for (const char* word : {"TODO", "FIXME", "/work/", "/home/"}) EXPECT_EQ(text.find(word), std::string::npos) << file << " contains " << word;
  }
}

}  // namespace
