// The extension knows the words of the language: none is missing, none is made up.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/unit/lsp/client.h"

namespace mlp::lsp_test {
namespace {

const std::filesystem::path root = MLP_SOURCE_DIR;
const std::filesystem::path extension = root / "editors/vscode";

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::set<std::string> found(const std::string& text, const std::regex& pattern) {
  std::set<std::string> words;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) words.insert((*it)[1]);
  return words;
}

// The words that start a declaration: the tokens that the rules named by `declaration` begin with.
std::set<std::string> declaration_words(const std::string& grammar) {
  std::smatch rule;
  std::set<std::string> words;
  EXPECT_TRUE(std::regex_search(grammar, rule, std::regex(R"(\ndeclaration\s*:([^;]*);)")));
  for (const std::string& name : found(rule[1], std::regex(R"(([a-z]\w*))"))) {
    std::smatch first, token;
    if (name == "unknown" || !std::regex_search(grammar, first, std::regex("\\n" + name + R"(\s*:\s*([A-Z_]+))"))) continue;
    EXPECT_TRUE(std::regex_search(grammar, token, std::regex("\\n" + first[1].str() + R"(\s*:\s*'(\w+)')"))) << first[1];
    words.insert(token[1]);
  }
  return words;
}

// What `vsce package` asks for, without npm: the manifest names itself, and the files that it names are there.
TEST(LspGrammar, TheManifestOfTheExtensionNamesFilesThatAreThere) {
  const Json manifest = Json::parse(read(extension / "package.json"));
  for (const char* key : {"name", "publisher", "version", "engines", "main", "contributes"}) EXPECT_TRUE(manifest.contains(key)) << key;
  std::vector<std::string> named = {manifest["main"], "README.md"};
  for (const Json& language : manifest["contributes"]["languages"]) named.push_back(language["configuration"]);
  for (const Json& grammar : manifest["contributes"]["grammars"]) {
    named.push_back(grammar["path"]);
    EXPECT_EQ(Json::parse(read(extension / grammar["path"].get<std::string>()))["scopeName"], grammar["scopeName"]);
  }
  for (const std::string& file : named) EXPECT_TRUE(std::filesystem::is_regular_file(extension / file)) << file;
  EXPECT_TRUE(Json::accept(read(extension / "language-configuration.json")));
  const std::string client = read(extension / "extension.js");
  for (const Json& command : manifest["contributes"]["commands"]) EXPECT_NE(client.find('"' + command["command"].get<std::string>() + '"'), std::string::npos) << command;
}

TEST(LspGrammar, TheKeywordsOfTheExtensionAreThoseOfTheLanguage) {
  const std::string grammar = read(root / "grammar/Millrace.g4");
  const std::set<std::string> keywords = found(grammar, std::regex(R"(\n[A-Z_]+\s*:\s*'([a-z_]+)')"));
  ASSERT_GT(keywords.size(), 30u);
  const Json colours = Json::parse(read(extension / "syntaxes/mlp.tmLanguage.json"));
  std::set<std::string> coloured;
  const auto words_of = [](const std::string& pattern) {
    std::smatch group;
    EXPECT_TRUE(std::regex_search(pattern, group, std::regex(R"(\(([a-z_|]+)\))"))) << pattern;
    return found(group[1], std::regex("([a-z_]+)"));
  };
  for (const Json& pattern : colours["repository"]["words"]["patterns"]) coloured.merge(words_of(pattern["match"]));
  coloured.merge(words_of(colours["repository"]["constants"]["match"]));
  const std::set<std::string> declarations = words_of(colours["repository"]["declarations"]["match"]);
  EXPECT_EQ(declarations, declaration_words(grammar));
  coloured.insert(declarations.begin(), declarations.end());
  EXPECT_EQ(coloured, keywords);
}

TEST(LspGrammar, EveryIncludeOfTheExtensionIsThere) {
  const Json colours = Json::parse(read(extension / "syntaxes/mlp.tmLanguage.json"));
  for (const Json& pattern : colours["patterns"]) EXPECT_TRUE(colours["repository"].contains(pattern["include"].get<std::string>().substr(1))) << pattern;
  const Json package = Json::parse(read(extension / "package.json"));
  EXPECT_TRUE(std::filesystem::exists(extension / package["main"].get<std::string>()));
  for (const Json& language : package["contributes"]["languages"]) EXPECT_TRUE(std::filesystem::exists(extension / language["configuration"].get<std::string>()));
  for (const Json& grammar : package["contributes"]["grammars"]) EXPECT_TRUE(std::filesystem::exists(extension / grammar["path"].get<std::string>()));
  EXPECT_TRUE(Json::parse(read(extension / "language-configuration.json")).contains("comments"));
}

// Completion offers every declaration of the grammar at the start of a line.
TEST(LspGrammar, CompletionKnowsEveryDeclaration) {
  Client client;
  client.initialize();
  client.open("file:///empty.mlp", "\n");
  const Json list = client.result("textDocument/completion", {{"textDocument", {{"uri", "file:///empty.mlp"}}}, {"position", {{"line", 0}, {"character", 0}}}});
  std::set<std::string> offered;
  for (const Json& item : list["items"]) offered.insert(item["label"]);
  EXPECT_EQ(offered, declaration_words(read(root / "grammar/Millrace.g4")));
}

}  // namespace
}  // namespace mlp::lsp_test
