// Ten thousand random edits: the server lives, and what it then says of the document is what it says of the same text opened anew.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "tests/unit/lsp/client.h"

namespace mlp::lsp_test {
namespace {

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::size_t edits() {
  const char* const wanted = std::getenv("MLP_LSP_EDITS");
  return wanted ? std::stoul(wanted) : 10'000;
}

TEST(LspRandom, EditsNeverBreakASessionAndItsStateIsTheText) {
  Client client;
  client.initialize();
  const std::string everything = read(MLP_SOURCE_DIR "/tests/format/everything.mlp");
  ASSERT_GT(everything.size(), 500u);
  const std::string uri = "file:///edited.mlp", twin = "file:///twin.mlp";
  std::string text = everything;
  client.open(uri, text);
  std::mt19937_64 random(7);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % std::max<std::size_t>(n, 1)); };
  const std::vector<std::string> words = {" ", "\n", "\r\n", ",", "(", ")", "{", "}", "[", "]", "\"", "`", "|>", "=", "==", ":", "..", "@pii", "@2024-01-31", "//", "///", "if ", " then ", " else ", "let ", "fn f(",
                                          "schema", "features x from ", "predict ", "require ", "given ", "15%", "1e9", "null", "tenure", "each(float)", "except", "ä", "😀", "\t", "^", "-", "->", "test.", "impute", "expect"};
  const auto boundary = [&] {  // an offset that splits no character
    std::size_t at = below(text.size() + 1);
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    if (at > 0 && at < text.size() && text[at] == '\n' && text[at - 1] == '\r') --at;  // nor a line break
    return at;
  };
  const std::vector<std::string> questions = {"hover", "completion", "signatureHelp", "definition", "references", "documentHighlight", "documentSymbol", "foldingRange",
                                              "prepareRename", "rename", "codeAction", "formatting", "semanticTokens/full", "inlayHint"};
  const std::size_t total = edits();
  std::int64_t version = 1;
  std::size_t answered = 0;
  for (std::size_t done = 0; done < total;) {
    std::vector<Json> changes;
    for (std::size_t i = 0, n = 1 + below(8); i < n && done < total; ++i, ++done) {
      std::size_t begin = boundary(), end = begin;
      std::string inserted;
      switch (below(10)) {
        case 0: {  // take something away
          end = std::min(text.size(), begin + below(40));
          while (end < text.size() && ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80 || (text[end] == '\n' && text[end - 1] == '\r'))) ++end;
          break;
        }
        case 1: {  // copy a piece
          std::size_t from = boundary(), to = std::min(text.size(), from + below(60));
          while (to < text.size() && (static_cast<unsigned char>(text[to]) & 0xC0) == 0x80) ++to;
          inserted = text.substr(from, to - from);
          break;
        }
        case 2: inserted = std::string(1, static_cast<char>(' ' + below(95))); break;
        default: inserted = words[below(words.size())];
      }
      if (text.size() > 2 * everything.size() || below(400) == 0) {  // start again from something that has sense
        changes.push_back(whole(everything));
        text = everything;
        continue;
      }
      changes.push_back(change_of(position_at(text, begin), position_at(text, end), inserted));
      text.replace(begin, end - begin, inserted);
    }
    client.change(uri, changes, ++version);
    if (below(4) == 0) {
      const Json range = {{"start", position_at(text, boundary())}, {"end", position_at(text, text.size())}};
      const Answer answer = client.request("textDocument/" + questions[below(questions.size())],
                                           {{"textDocument", {{"uri", uri}}}, {"position", range["start"]}, {"range", range}, {"newName", "renamed"}, {"context", {{"includeDeclaration", true}}}});
      ++answered;
      ASSERT_TRUE(answer.error.is_null() || answer.error["code"] == -32803) << answer.error << "\n" << text;
    }
    if (done % 100 < 5) {
      client.open(twin, text, version);
      const auto all = [&](const std::string& of) {
        const Json d = {{"textDocument", {{"uri", of}}}};
        Json said = client.result("textDocument/semanticTokens/full", d);
        said["symbols"] = client.result("textDocument/documentSymbol", d);
        said["form"] = client.result("textDocument/formatting", d);
        Json found = client.diagnostics(of, version);
        for (Json& f : found) {  // these name the document
          f.erase("relatedInformation");
          if (f["code"] == "E0252") f.erase("message");
        }
        said["found"] = found;
        return said;
      };
      ASSERT_EQ(all(uri), all(twin)) << text;
    }
  }
  EXPECT_GT(answered, total / 40);
  client.result("shutdown", nullptr);
  client.notify("exit", nullptr);
  EXPECT_EQ(client.finish(), 0);
}

// The figure that the project promises: diagnostics within 100 ms of a keystroke in a spec of 500 lines. Wall time on an idle
// machine; where others work, as much processor time of the server.
TEST(LspFigure, DiagnosticsWithinATenthOfASecondOfAKeystroke) {
  std::ostringstream spec;
  spec << "pipeline wide\nschema Row {\n";
  for (int i = 0; i < 200; ++i) spec << "  c" << i << " : float?  >= 0  \"column " << i << "\"\n";
  spec << "  label : bool\n}\nsource rows_in: Row = csv(\"wide.csv\")\nfeatures x from rows_in {\n";
  for (int i = 0; i < 200; ++i) spec << "  f" << i << " = c" << i << " |> impute(median) |> clip_outliers |> log1p |> standardize\n";
  for (int i = 0; i < 85; ++i) spec << "  r" << i << " = coalesce(c" << i << ", 0) / max(coalesce(c" << i + 1 << ", 1), 1)\n";
  spec << "}\nsplit rows_in { train = 70%, valid = 15%, test = 15%, by = random }\nmodel m = gbdt {\n  predict label from x\n  trees = 10\n}\n\n\n\n";
  std::string text = spec.str();
  ASSERT_EQ(std::count(text.begin(), text.end(), '\n'), 500);
  Client client;
  client.initialize();
  const std::string uri = "file:///wide.mlp";
  client.open(uri, text);
  ASSERT_EQ(client.diagnostics(uri, 1), Json::array());
  // A feature is typed into the middle of the block, letter by letter; on the way it is broken and unknown again and again.
  const std::string typed = "  typed = c7 |> impute(mean) |> (c8 + log1p(c9\n";
  std::size_t at = text.find("  f100 =");
  double slowest = 0, most_work = 0, before = client.processor_seconds();
  std::int64_t version = 1;
  std::size_t findings = 0;
  for (const char letter : typed) {
    const Json place = position_at(text, at);
    const auto start = std::chrono::steady_clock::now();
    client.change(uri, {change_of(place, place, std::string(1, letter))}, ++version);
    findings += client.diagnostics(uri, version).size();
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    const double after = client.processor_seconds();
    most_work = std::max(most_work, after - before);
    before = after;
    text.insert(at++, 1, letter);
  }
  EXPECT_GT(findings, 10u);
  std::cout << "slowest keystroke of " << typed.size() << ": " << slowest * 1e3 << " ms, " << most_work * 1e3 << " ms of processor time (promised: 100)\n";
  EXPECT_TRUE(slowest <= 0.100 || most_work <= 0.100) << slowest << " s, " << most_work << " s of processor time";
}

}  // namespace
}  // namespace mlp::lsp_test
