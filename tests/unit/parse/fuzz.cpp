// Soups of tokens and of bytes, from a fixed seed: nothing crashes, and what parses survives formatting. MLP_FUZZ=N runs N times
// as much, from other seeds.
#include <gtest/gtest.h>

#include <random>
#include <utility>

#include "tests/unit/parse/spec.h"

namespace {

const std::vector<std::string> pieces = {
    "pipeline", "schema", "source", "table", "expect", "features", "split", "model", "test", "deploy", "monitor", "fn", "layer", "tune", "from", "predict",
    "serves", "require", "invariant", "monotone", "increasing", "given", "within", "budget", "warn", "alert", "for", "by", "matches", "one_of",
    "except", "if", "then", "else", "and", "or", "not", "in", "let", "true", "false", "null", "a", "b", "x1", "größe", "`a b`", "`in`", "|>", "->",
    "..", "==", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "^", "@", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}", "1", "0.5", "15%",
    "30d", "64MiB", "1e-3", "1_000", "@2024-01-31", "@pii", "\"text\"", "\"a\\n\\\"\"", "\n", "\n", "\n\n", "// note\n", "/// doc\n", "\"open\n", ";",
    "&&", "#", "'q'", "\t", "\r\n", "\xEF\xBB\xBF", "\xC3", "$"};

// Entries and declarations that are whole, to reach deep states.
const std::vector<std::string> lines = {
    "pipeline p \"what\"", "schema S {", "a : int in 0..5 \"d\" @pii", "b : float? >= 0 <= 1", "p0..p9 : int", "c : bool from (\"Y\", \"N\") // words",
    "d : category one_of (\"x\", // first\n \"y\")", "}", "source s: S = csv(\"a.csv\", null = [\"\", \"NA\"])", "expect s {", "rows >= 5_000",
    "missing(a) < 1%", "features x from s {", "a, b", "each(float) except (a, b) |> impute(median) // note\n |> log1p", "y = if a > 1 then b else c |> f",
    "/// documented", "z = -a ^ -b ^ 2 * (3 + 4) % 2", "split s { train = 70%, test = 30%, by = hash(a) }", "model m = gbdt {", "predict log(a) from x",
    "depth = 6 // deep", "test m {", "require test.auc >= production.auc - 0.005", "invariant a, b within 1%", "monotone increasing a",
    "given { a = 1, b = \"x\" } expect prediction > 0.4", "deploy d serves m {", "serve on a > 1", "budget { latency <= 5ms, size <= 10MiB }", "http = listen(8080)",
    "monitor d {", "drift x warn psi > 0.1, alert psi > 0.25 for 5m", "labels a by b within 45d", "fn f(a: float, n: int = 3) -> float = a / n",
    "fn g(v: float[n]?) -> float {", "let m = mean(v)", "v - m", "layer l(v: float[.., n], units: int) -> float[units] {", "let w = v[0, 1..2, ..] @ v[..-1]", "tune m { a in 3..8 }", "", "// comment"};

int times() {
  const char* wanted = std::getenv("MLP_FUZZ");
  return wanted ? std::atoi(wanted) : 1;
}
std::size_t bytes_seen = 0;
struct Count : testing::Environment {
  void TearDown() override { std::printf("%zu bytes of soup\n", bytes_seen); }
};
const auto* const count = testing::AddGlobalTestEnvironment(new Count);

void check(const std::string& text) {
  bytes_seen += text.size();
  const std::string breach = breach_of(text);
  ASSERT_EQ(breach, "") << "for the input:\n" << text << "\n(end)";
}

TEST(Fuzz, TokenSoup) {
  std::mt19937 random(20240131 + static_cast<unsigned>(times()) - 1);
  for (int i = 0; i < 8'000 * times(); ++i) {
    std::string text;
    for (auto n = random() % 40; n > 0; --n) (text += pieces[random() % pieces.size()]) += random() % 4 ? " " : "";
    ASSERT_NO_FATAL_FAILURE(check(text));
  }
}

TEST(Fuzz, LineSoup) {
  std::mt19937 random(7 + static_cast<unsigned>(times()) - 1);
  for (int i = 0; i < 4'000 * times(); ++i) {
    std::string text;
    for (auto n = random() % 25; n > 0; --n) {
      std::string line = lines[random() % lines.size()];
      if (random() % 6 == 0) line += " " + pieces[random() % pieces.size()];
      text += line + (random() % 12 ? "\n" : " ");
    }
    ASSERT_NO_FATAL_FAILURE(check(text));
  }
}

// A good spec with some bytes changed, and sheer noise.
TEST(Fuzz, ByteSoup) {
  std::mt19937 random(99 + static_cast<unsigned>(times()) - 1);
  const std::string good = slurp(std::filesystem::path(MLP_SOURCE_DIR) / "tests/parse/tour.mlp");
  ASSERT_FALSE(good.empty());
  for (int i = 0; i < 3'000 * times(); ++i) {
    std::string text = good.substr(random() % good.size(), random() % 400);
    for (auto n = random() % 4; n > 0 && !text.empty(); --n) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text.erase(at, 1 + random() % 5); break;
        case 1: text[at] = static_cast<char>(random()); break;
        default: text.insert(at, pieces[random() % pieces.size()]);
      }
    }
    ASSERT_NO_FATAL_FAILURE(check(text));
  }
  for (int i = 0; i < 3'000 * times(); ++i) {
    std::string text;
    for (auto n = random() % 60; n > 0; --n) text += static_cast<char>(random() % 3 ? random() % 96 + 32 : random());
    ASSERT_NO_FATAL_FAILURE(check(text));
  }
}

// Grows specs by the rules of the grammar, with comments and line breaks wherever they may stand.
class Grower {
 public:
  explicit Grower(unsigned seed) : random_(seed) {}
  std::string spec() {
    std::string out;
    for (auto n = 1 + pick(6); n > 0; --n) out += between() + declaration() + ends({"\n", "\n", "  // behind\n", "\n\n\n"});
    return out + between();
  }

 private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool rarely() { return pick(8) == 0; }
  std::string ends(const std::vector<std::string>& choices) { return choices[pick(static_cast<unsigned>(choices.size()))]; }
  std::string between() { return rarely() ? ends({"// alone\n", "\n// apart\n\n", "/// why\n", "/// why\n// and\n///  more\n", "\n"}) : ""; }
  std::string name() { return ends({"a", "b", "tenure", "by", "model", "größe", "`a b`", "train", "given", "x_1", "except", "for"}); }
  std::string quoted() { return ends({"\"x\"", "\"\"", "\"a \\\"b\\\" \\\\ \\n\"", "\"// no\"", "\"\\u{1F600}\\u{7}é\""}); }
  std::string description() { return rarely() ? " " + quoted() : ""; }
  // Inside round and square brackets, and after operators.
  std::string loose() { return rarely() ? ends({"\n", " // in\n", "\n  // in\n", "\n\n", " "}) : ""; }

  std::string list(const std::string& open, const std::string& close, unsigned least, int depth, bool named) {
    std::string out = open + loose();
    const unsigned n = least + pick(3);
    for (unsigned i = 0; i < n; ++i) out += (i ? "," + loose() + " " : "") + (named && pick(3) == 0 ? name() + " = " : "") + expression(depth - 1) + loose();
    return out + (n > 0 && rarely() ? "," : "") + close;
  }
  std::string record(int depth) {
    std::string out = "{";
    static const std::vector<std::string> keys = {"p", "q", "`r s`"};
    const unsigned n = pick(3);
    for (unsigned i = 0; i < n; ++i) out += (i ? ends({", ", "\n", " // r\n"}) : ends({" ", "\n", ""})) + keys[i] + " = " + expression(depth - 1);
    return out + ends({" }", "\n}", "}"});
  }
  std::string expression(int depth) {
    if (depth <= 0) return ends({name(), name(), "1", "0.5", "15%", "30d", "64MiB", "1e-3", "@2024-01-31", "true", "null", quoted()});
    const auto e = [&] { return expression(depth - 1); };
    const auto inner = [&] { return "(" + loose() + e() + loose() + ")"; };
    switch (pick(17)) {
      case 0: return inner() + ends({" + ", " - ", "*", " / ", " @ ", " % ", "^", " < ", " == ", " and ", " or ", ".."}) + loose() + inner();
      case 1: return name() + ends({" + ", " - ", " * ", " ^ ", " >= ", " and "}) + loose() + name() + ends({" + ", " * ", " ^ -", " or not ", " - "}) + inner();
      case 2: return "-" + inner();
      case 3: return "(not " + inner() + ")";
      case 4: return "(if " + e() + loose() + " then " + e() + loose() + " else " + e() + ")";
      case 5: return inner() + loose() + " |> " + name() + loose() + "\n |> f" + list("(", ")", 0, depth, true);
      case 6: case 7: return name() + list("(", ")", 0, depth, true);
      case 8: return list("[", "]", 0, depth, false);
      case 9: return record(depth);
      case 10: return name() + "." + name();
      case 11: return "f(a)" + list(" except (", ")", 1, depth, false);
      case 12: return "-" + name() + " ^ -" + name() + " ^ " + name();
      case 13: return "if " + e() + " then " + e() + " else if " + inner() + " then " + e() + " else " + inner();
      case 15: {
        std::string out = pick(2) ? inner() : name();
        out += "[" + loose();
        for (unsigned i = 0, n = 1 + pick(2); i < n; ++i) out += (i ? ", " : "") + ends({name(), inner(), "..", name() + "..", ".." + inner(), "1..-1", "-n..", "a + 1..b * 2"});
        return out + loose() + "]";
      }
      case 14: return name() + " // first\n |> f // second\n\n // own\n |> g";
      default: return e();
    }
  }
  template <class Entry>
  std::string body(Entry entry, unsigned least = 0) {
    const bool one_line = rarely();
    std::string out = one_line ? " { " : ends({" {\n", " { // brace\n", " {\n\n"});
    const unsigned n = least + pick(4);
    for (unsigned i = 0; i < n; ++i) {
      out += one_line ? "" : between();
      out += entry() + (one_line ? (i + 1 < n ? ", " : "") : ends({"\n", "\n", " // behind\n", ",\n", "\n\n"}));
    }
    return out + (one_line ? "" : between()) + "}";
  }
  std::string setting() { return name() + " = " + expression(3); }
  std::string declaration() {
    switch (pick(11)) {
      case 0: return "pipeline " + name() + description();
      case 1: return "schema " + name() + description() + body([&] {
        std::string out = rarely() ? "p0..p9" : name();
        out += " : " + ends({"int", "float?", "category", "float[2]", "float[n, 3]?", "float[..]", "float[.., n + 1]"});
        for (auto n = pick(3); n > 0; --n)
          out += ends({" in 0..1", " >= -1", " < 2", " matches \"x+\"", " one_of" + list("(", ")", 1, 1, false), " from (\"Y\",\n\"N\")", " @pii", " @label"});
        return out + description();
      });
      case 2: return "source " + name() + ": " + name() + " = " + expression(3) + description();
      case 3: return "expect " + name() + description() + body([&] { return expression(3); });
      case 4: return "features " + name() + " from " + name() + body([&] { return (pick(2) ? name() + " = " : "") + expression(4) + description(); });
      case 5: return "split " + name() + body([&] { return setting(); });
      case 6: {
        bool first = true;
        return "model " + name() + " = gbdt" + body([&] {
          const bool predict = std::exchange(first, false) && pick(2);
          return predict ? "predict " + expression(2) + " from " + name() : setting();
        });
      }
      case 7: return "test " + name() + body([&] {
        return ends({"require " + expression(3), "invariant a, `given`" + std::string(pick(2) ? " within 1%" : ""), "monotone decreasing a", "given " + record(2) + " expect " + expression(2)});
      });
      case 8: {
        bool first = true;
        return "deploy " + name() + " serves " + name() + body([&] {
          if (!std::exchange(first, false) || pick(2)) return setting();
          return pick(2) ? "budget" + body([&] { return expression(2); }, 1) : "serve on " + expression(2);
        });
      }
      case 9: return "monitor " + name() + body([&] {
        return ends({"drift x warn psi > 0.1, alert psi > 0.2 for 5m", "labels a by b within 45d", "latency", "drift `by` alert " + expression(2)});
      });
      default: {
        const std::string head = ends({"fn ", "layer "}) + name() + "(a: float, b: float[n]? = " + expression(1) + ")" + std::string(pick(2) ? " -> float" : "") + description();
        if (pick(2)) return head + " = " + expression(4);
        std::string out = head + " {\n";
        for (auto n = pick(3); n > 0; --n) out += between() + "let " + name() + " = " + expression(2) + ends({"\n", " // let\n"});
        return out + expression(3) + "\n}";
      }
    }
  }

  std::mt19937 random_;
};

TEST(Fuzz, GrownSpecs) {
  for (unsigned seed = 0; seed < 2'500 * static_cast<unsigned>(times()); ++seed) {
    const std::string text = Grower(seed).spec();
    const Spec spec(text);
    ASSERT_TRUE(spec.good()) << "seed " << seed << ":\n" << text << "\n(end)\n" << spec.rendered();
    ASSERT_NO_FATAL_FAILURE(check(text)) << "seed " << seed;
  }
}

}  // namespace
