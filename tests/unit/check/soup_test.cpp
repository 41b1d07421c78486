// Specs of the corpus with tokens lost, doubled, swapped and put in: whatever parses goes through formatter and checker. Nothing
// crashes or hangs, every finding can be shown, what is accepted holds. MLP_FUZZ=N runs N times as much, from other seeds.
#include <chrono>
#include <random>

#include "compiler/diag/report.h"
#include "compiler/format/format.h"
#include "tests/unit/check/checked.h"

namespace mlp {
namespace {

// Rough tokens, with the blanks behind them: words, numbers, texts, signs.
std::vector<std::string> tokens_of(const std::string& text) {
  std::vector<std::string> out;
  const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80; };
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    if (text[i] == '"') end = std::min(text.find('"', i + 1), text.size() - 1) + 1;
    else if (word(text[i])) while (end < text.size() && word(text[end])) ++end;
    while (end < text.size() && (text[end] == ' ' || text[end] == '\n') && text[end - 1] != '/') ++end;
    out.push_back(text.substr(i, end - i));
    i = end;
  }
  return out;
}

TEST(Soup, OfTheCorpus) {
  std::vector<std::string> corpus;
  for (const bool failing : {false, false, false, true})  // mostly from those that are near to being accepted
    for (const fs::path& path : specs(failing)) corpus.push_back(read(path));
  std::vector<std::vector<std::string>> tokens;
  std::vector<std::string> pool;
  for (const std::string& text : corpus) {
    tokens.push_back(tokens_of(text));
    pool.insert(pool.end(), tokens.back().begin(), tokens.back().end());
  }
  const char* wanted = std::getenv("MLP_FUZZ");
  const int times = wanted ? std::atoi(wanted) : 1;
  std::size_t checked = 0, accepted = 0, bytes = 0;
  double slowest = 0;
  for (int seed = 0; seed < times; ++seed) {
    std::mt19937 random(static_cast<unsigned>(4711 + seed));
    for (int i = 0; i < 2'000; ++i) {
      std::vector<std::string> soup = tokens[random() % tokens.size()];
      for (auto changes = random() % 2 ? 1 : random() % 5; changes > 0 && soup.size() > 2; --changes) {
        const std::size_t at = random() % soup.size(), other = random() % soup.size();
        switch (random() % 5) {
          case 0: soup.erase(soup.begin() + static_cast<std::ptrdiff_t>(at)); break;
          case 1: soup.insert(soup.begin() + static_cast<std::ptrdiff_t>(at), soup[other]); break;
          case 2: std::swap(soup[at], soup[other]); break;
          case 3: soup[at] = soup[other]; break;
          default: soup[at] = pool[random() % pool.size()];
        }
      }
      std::string text;
      for (const std::string& token : soup) text += token;
      bytes += text.size();
      const auto start = std::chrono::steady_clock::now();
      const Checked c("soup.mlp", text);
      slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      SCOPED_TRACE("seed " + std::to_string(seed) + ":\n" + text + "\n(end)");
      const std::vector<diag::Findings> all = {{"soup.mlp", &c.sources, c.diagnostics.all()}};
      for (const diag::Format format : {diag::Format::json, diag::Format::sarif, diag::Format::junit, diag::Format::github, diag::Format::gitlab}) ASSERT_FALSE(diag::report(all, format).empty() && !all[0].list.empty());
      for (const Diagnostic& d : c.diagnostics.all()) {
        ASSERT_EQ(d.span.source, c.spec) << d.message;
        ASSERT_LE(d.span.end, text.size()) << d.message;
        ASSERT_EQ(std::count(d.message.begin(), d.message.end(), '`') % 2, 0) << d.message;
        for (const Edit& e : d.fix) ASSERT_TRUE(e.span.source == c.spec && e.span.begin <= e.span.end && e.span.end <= text.size()) << d.message;
      }
      ++checked;
      if (c.diagnostics.has_errors()) continue;
      ++accepted;
      ASSERT_EQ(sem::verify(c.module), std::vector<std::string>{});
      Diagnostics faults;
      SourceMap sources;
      const std::string formatted = format(sources, parse(sources, sources.add("soup.mlp", text), faults));
      const Checked again("soup.mlp", formatted);
      ASSERT_EQ(again.diagnostics.has_errors(), false) << formatted << again.text();
      ASSERT_EQ(format(again.sources, parse(again.sources, again.spec, faults)), formatted);
    }
  }
  EXPECT_LT(slowest, 5.0);
  std::printf("%zu soups of %zu bytes, %zu accepted, the slowest took %.1f ms\n", checked, bytes, accepted, slowest * 1e3);
}

}  // namespace
}  // namespace mlp
