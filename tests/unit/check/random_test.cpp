// Random expressions over every type and function: the checker either refuses them at a place in the spec, or gives a
// module that holds, with calls that have exactly the types of their builtins.
#include <gtest/gtest.h>

#include <iterator>
#include <random>

#include "tests/unit/check/checked.h"

namespace mlp {
namespace {

constexpr const char* head = R"(schema Row {
  age: int, size: float, debt: float?, small: float32?, city: category, plan: category?, name: string, note: text?
  born: date, seen: timestamp, gone: timestamp?, stay: duration, ok: bool?, flag: bool, left: bool
}
source rows: Row = csv("rows.csv")
model m = gbdt { predict left from x }
)";

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {
    for (const ast::File& file : library().files)
      for (const ast::Function& f : file.functions) functions_.push_back(f.head.name);
    for (const Builtin& b : builtins())
      if (b.name != "and" && b.name != "or" && b.name != "not") functions_.emplace_back(b.name);
  }

  std::string expression(int depth) {
    static const std::vector<std::string> leaves = {"age", "size", "debt", "small", "city", "plan", "name", "note", "born", "seen", "gone", "stay", "ok", "flag", "2.5", "15%",
                                                    "7d", "@2024-01-31", "\"Rome\"", "true", "null", "[age, size]", "[city, plan]", "each(float)", "each(category)", "3", "-1"};
    static const std::vector<std::string> operators = {"+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or"};
    if (depth <= 0 || below(5) == 0) return pick(leaves);
    switch (below(6)) {
      case 0: {
        const std::string left = expression(depth - 1), op = pick(operators);
        return "(" + left + " " + op + " " + expression(depth - 1) + ")";
      }
      case 1: {
        const std::string condition = expression(depth - 1), yes = expression(depth - 1);
        return "(if " + condition + " > 0 then " + yes + " else " + expression(depth - 1) + ")";
      }
      case 2: return "(" + expression(depth - 1) + " == null)";
      case 3: {
        const std::string value = expression(depth - 1);
        return "(" + value + " |> " + pick(functions_) + ")";
      }
      case 4: return "(not " + expression(depth - 1) + ")";
      default: {
        std::string call = pick(functions_) + "(" + expression(depth - 1);
        for (unsigned more = below(3); more > 0; --more) call += ", " + (below(6) ? expression(depth - 2) : std::string("median"));
        return call + ")";
      }
    }
  }
  unsigned below(unsigned n) { return random_() % n; }

 private:
  const std::string& pick(const std::vector<std::string>& list) { return list[below(static_cast<unsigned>(list.size()))]; }
  std::mt19937 random_;
  std::vector<std::string> functions_;
};

TEST(CheckRandom, WhatIsAcceptedHolds) {
  Generator generate(20'241);
  int accepted = 0;
  for (int i = 0; i < 1500; ++i) {
    const std::string text = head + ("features x from rows {\n  f = " + generate.expression(1 + static_cast<int>(generate.below(3))) + "\n}\n");
    const Checked c("random.mlp", text);
    SCOPED_TRACE(text.substr(std::string(head).size()));
    for (const Diagnostic& d : c.diagnostics.all()) EXPECT_EQ(d.span.source, c.spec) << d.message;
    if (c.diagnostics.has_errors()) continue;
    ++accepted;
    EXPECT_EQ(sem::verify(c.module), std::vector<std::string>{});
    expect_exact_calls(c.module);
  }
  EXPECT_GT(accepted, 200);
}

}  // namespace
}  // namespace mlp
