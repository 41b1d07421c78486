// tests/plan/*.mlp and tests/lower/*.mlp against the text beside them. MLP_UPDATE_GOLDENS=1 writes that text anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>

#include "base/diagnostic.h"
#include "base/files.h"
#include "compiler/check/check.h"
#include "compiler/lower/lower.h"
#include "compiler/parse/parse.h"
#include "compiler/plan/plan.h"
#include "stdlib/stdlib.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;

sem::Module checked(const fs::path& spec) {
  SourceMap sources;
  Diagnostics diagnostics;
  const std::int32_t source = sources.add(spec.filename().string(), read_file(spec));
  const ast::File file = parse(sources, source, diagnostics);
  std::vector<ast::File> library;
  for (const LibraryFile& text : library_files())
    library.push_back(parse(sources, sources.add(std::string(text.name), std::string(text.text)), diagnostics));
  sem::Module module = check(sources, file, library, diagnostics);
  for (const Diagnostic& d : diagnostics.all()) EXPECT_EQ(info(d.code).severity, Severity::warning) << spec << ": " << d.message;
  EXPECT_EQ(sem::verify(module), std::vector<std::string>{}) << spec;
  return module;
}

// Spans move with every edit of the library; they say nothing about the plan.
std::string without_spans(const std::string& text) { return std::regex_replace(text, std::regex(" (target_)?span=@[0-9:-]*"), ""); }

std::vector<fs::path> specs(const char* room) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(fs::path(MLP_SOURCE_DIR) / "tests" / room))
    if (entry.path().extension() == ".mlp") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  EXPECT_FALSE(found.empty());
  return found;
}

void expect_golden(fs::path path, const std::string& text) {
  const char* update = std::getenv("MLP_UPDATE_GOLDENS");
  if (update && *update == '1') write_whole(path, text);
  EXPECT_EQ(fs::exists(path) ? read_file(path) : "", text) << path << "\nMLP_UPDATE_GOLDENS=1 writes it anew; read the difference first";
}

TEST(Golden, Plan) {
  for (const fs::path& spec : specs("plan")) {
    const std::string text = flow::print(plan(checked(spec), {.disabled = {}, .verify = true}));
    EXPECT_EQ(flow::print(flow::parse_text(text)), text) << spec;
    expect_golden(fs::path(spec).replace_extension(".flow"), without_spans(text));
  }
}

TEST(Golden, Lower) {
  for (const fs::path& spec : specs("lower")) {
    const std::string text = loop::print(lower(plan(checked(spec), {.disabled = {}, .verify = true}), {.disabled = {}, .verify = true}));
    EXPECT_EQ(loop::print(loop::parse_text(text)), text) << spec;
    expect_golden(fs::path(spec).replace_extension(".loop"), text);
  }
}

// Every spec of both folders with each pass off in turn, and with all of them off.
TEST(Golden, EachPassOffStillVerifies) {
  std::vector<fs::path> all = specs("plan");
  for (const fs::path& spec : specs("lower")) all.push_back(spec);
  for (const fs::path& spec : all) {
    const sem::Module module = checked(spec);
    std::vector<std::vector<std::string>> choices{{}};
    for (const auto* list : {&plan_passes(), &lower_passes()})
      for (const PassInfo& pass : *list) {
        choices.push_back({pass.name});
        choices[0].push_back(pass.name);
      }
    for (const std::vector<std::string>& off : choices) {
      const PassOptions options{.disabled = off, .verify = true};
      EXPECT_NO_THROW(lower(plan(module, options), options)) << spec << " without " << off[0];
    }
  }
}

// The same module gives the same text, whatever ran before.
TEST(Golden, Deterministic) {
  const fs::path spec = specs("lower").front();
  const auto text = [&] {
    const flow::Program program = plan(checked(spec), {});
    return flow::print(program) + loop::print(lower(program, {}));
  };
  EXPECT_EQ(text(), text());
}

}  // namespace
}  // namespace mlp
