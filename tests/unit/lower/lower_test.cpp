#include "compiler/lower/lower.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>

#include "compiler/plan/plan.h"
#include "tests/unit/plan/sample.h"

namespace mlp {
namespace {

using loop::Instr;
using loop::Kind;
using loop::Op;

loop::Module lowered(std::vector<std::string> disabled = {}) {
  return lower(plan(test::sample(), {.disabled = {}, .verify = true}), {.disabled = std::move(disabled), .verify = true});
}

// One row, and what fitting gave. Columns as in the sample.
struct Row {
  std::optional<double> a;
  std::int64_t b = 0;
  std::string c;
  bool y = false;
};
const std::vector<double> numbers = {3, 2.5, 1.25, 40};          // median(a), mean, stddev, mean(b)
const std::vector<std::string> keys = {"red", "yellow"};         // vocabulary(c)

struct Cell {
  double real = 0;
  std::int64_t integer = 0;
  std::string text;
};

// Walks a kernel for one row; the sample needs no calls.
std::vector<std::pair<Cell, bool>> run(const loop::Kernel& k, const Row& row) {
  std::vector<Cell> v;
  for (const Instr& i : k.body) {
    Cell out;
    const auto arg = [&](std::size_t n) -> const Cell& { return v[i.args[n].index]; };
    const bool real = !i.args.empty() && k.body[i.args.back().index].kind == Kind::f64;
    const auto compare = [&](auto f) { out.integer = real ? f(arg(0).real, arg(1).real) : f(arg(0).integer, arg(1).integer); };
    switch (i.op) {
      case Op::constant: out = {i.real, i.integer, i.text}; break;
      case Op::load:
        if (i.integer == 0) out.real = row.a.value_or(0);
        if (i.integer == 1) out.integer = row.b;
        if (i.integer == 2) out.text = row.c;
        if (i.integer == 3) out.integer = row.y;
        break;
      case Op::present: out.integer = i.integer != 0 || row.a.has_value(); break;
      case Op::fitted: out.real = numbers.at(i.integer); break;
      case Op::table_code: out.integer = std::find(keys.begin(), keys.end(), arg(0).text) - keys.begin(); break;
      case Op::table_size: out.integer = static_cast<std::int64_t>(keys.size()); break;
      case Op::add: out.real = arg(0).real + arg(1).real; break;
      case Op::sub: out.real = arg(0).real - arg(1).real; break;
      case Op::mul: out.real = arg(0).real * arg(1).real; break;
      case Op::div: out.real = arg(0).real / arg(1).real; break;
      case Op::gt: compare([](auto a, auto b) { return a > b; }); break;
      case Op::ne: compare([](auto a, auto b) { return a != b; }); break;
      case Op::lt: compare([](auto a, auto b) { return a < b; }); break;
      case Op::and_: out.integer = arg(0).integer && arg(1).integer; break;
      case Op::or_: out.integer = arg(0).integer || arg(1).integer; break;
      case Op::not_: out.integer = !arg(0).integer; break;
      case Op::select: out = arg(arg(0).integer ? 1 : 2); break;
      case Op::to_f64: out.real = static_cast<double>(arg(0).integer); break;
      default: ADD_FAILURE() << "the sample has no such operation";
    }
    v.push_back(out);
  }
  std::vector<std::pair<Cell, bool>> outputs;
  for (const loop::Output& o : k.outputs) outputs.push_back({v[o.value.index], !o.present.known() || v[o.present.index].integer});
  return outputs;
}

const std::vector<Row> rows = {{4.5, 10, "red", true}, {std::nullopt, -3, "yellow", false}, {0, 0, "unseen", false}, {NAN, INT64_MAX, "", true}};

TEST(Lower, KernelsAreNamed) {
  std::vector<std::string> names;
  for (const loop::Kernel& k : lowered().kernels) names.push_back(k.name);
  EXPECT_EQ(names, (std::vector<std::string>{"fit_0", "fit_1", "features", "target"}));
}

TEST(Lower, ValuesOfTheSample) {
  const loop::Module m = lowered();
  const auto features = run(*m.find("features"), rows[1]);
  EXPECT_EQ(features[0].first.real, (3 - 2.5) / 1.25);           // the null takes the median
  EXPECT_EQ(features[1].first.real, -3.0 - 40 + 40);
  EXPECT_EQ(features[2].first.real, 1);
  EXPECT_EQ(features[3].first.real, -3);
  EXPECT_TRUE(std::isnan(run(*m.find("features"), rows[2])[2].first.real));  // an unseen category
  EXPECT_EQ(run(*m.find("target"), rows[0])[0].first.real, 1);
  EXPECT_TRUE(std::isnan(run(*m.find("fit_0"), rows[1])[0].first.real));     // a null that a fitting pass leaves out
  EXPECT_EQ(run(*m.find("fit_0"), rows[1])[2].first.text, "yellow");
  EXPECT_TRUE(run(*m.find("fit_0"), rows[1])[2].second);
}

TEST(Lower, EveryPassCanBeLeftOut) {
  const loop::Module whole = lowered();
  std::vector<std::vector<std::string>> cases;
  std::vector<std::string> all;
  for (const PassInfo& pass : lower_passes()) {
    cases.push_back({pass.name});
    all.push_back(pass.name);
    if (std::string_view(pass.name) == "flatten_loops" || std::string_view(pass.name) == "share_scratch") continue;  // nothing for them here: unit.networks
    EXPECT_NE(loop::print(lowered({pass.name})), loop::print(whole)) << pass.name;  // each one does something here
  }
  cases.push_back(all);
  for (const auto& off : cases) {
    const loop::Module m = lowered(off);
    EXPECT_EQ(loop::verify(m), std::vector<std::string>{});
    for (std::size_t k = 0; k < whole.kernels.size(); ++k)
      for (const Row& row : rows) {
        const auto expected = run(whole.kernels[k], row), actual = run(m.kernels[k], row);
        ASSERT_EQ(expected.size(), actual.size());
        for (std::size_t o = 0; o < expected.size(); ++o) {
          EXPECT_EQ(expected[o].second, actual[o].second) << off[0];
          EXPECT_EQ(std::bit_cast<std::uint64_t>(expected[o].first.real), std::bit_cast<std::uint64_t>(actual[o].first.real)) << off[0];
          EXPECT_EQ(expected[o].first.text, actual[o].first.text) << off[0];
        }
      }
  }
}

TEST(Lower, ColumnsWithoutNullsNeedNoPresence) {
  for (const loop::Kernel& k : lowered().kernels)
    for (const Instr& i : k.body) {
      if (i.op == Op::present) { EXPECT_EQ(i.integer, 0) << k.name; }  // only `a` may be null
    }
}

// A program of one feature, made of an expression with the columns of the sample.
loop::Kernel feature_kernel(const char* exprs, int value) {
  flow::Program p = plan(test::sample(), {});
  p.model.network = {};
  p.columns[1].type.nullable = true;
  p.columns[2].type.nullable = true;
  ir::Reader r(exprs);
  p.exprs = r.records<ir::Expr>("expr");
  p.features.resize(1);
  p.features[0] = {};
  p.features[0].name = "f";
  p.features[0].value = {value};
  p.passes.clear();
  p.model.target = {0};
  const loop::Module m = lower(p, {.disabled = {}, .verify = true});
  return *m.find("features");
}
std::string body(const loop::Kernel& kernel) { return loop::print(loop::Module{{}, {kernel}, {}}); }

TEST(Lower, CallsAreNullWhenAnArgumentIs) {
  EXPECT_EQ(body(feature_kernel(R"(expr %0 op=column column=%0 type={nullable=true} stage=row
expr %1 op=call callee="exp" args=[%0] type={nullable=true} stage=row
)", 1)), R"(loop 1
kernel features
  %0: f64 = load 0
  %1: bool = present 0
  %2: f64 = call mlp_exp, %0
  %3: f64 = constant nan
  %4: f64 = select %1, %2, %3
  output "f" = %4
)");
}

TEST(Lower, FunctionsThatGiveNullSaySoTheirOwnWay) {
  // int: an _ok function; float: NaN
  EXPECT_EQ(body(feature_kernel(R"(expr %0 op=column column=%1 type={scalar=int nullable=true} stage=row
expr %1 op=constant value={integer=7} type={scalar=int}
expr %2 op=call callee="mod" args=[%0, %1] type={scalar=int nullable=true} stage=row
expr %3 op=call callee="is_null" args=[%2] type={scalar=bool} stage=row
expr %4 op=call callee="to_float" args=[%3] stage=row
)", 4)), R"(loop 1
kernel features
  %0: i64 = load 1
  %1: bool = present 1
  %2: i64 = constant 7
  %3: bool = call mlp_mod_int_ok, %0, %2
  %4: bool = and %1, %3
  %5: bool = not %4
  %6: f64 = to_f64 %5
  output "f" = %6
)");
  EXPECT_EQ(body(feature_kernel(R"(expr %0 op=column column=%2 type={scalar=category nullable=true} stage=row
expr %1 op=call callee="parse_float" args=[%0] type={nullable=true} stage=row
expr %2 op=constant value={real=-1}
expr %3 op=call callee="coalesce" args=[%1, %2] stage=row
)", 3)), R"(loop 1
kernel features
  %0: string = load 2
  %1: bool = present 2
  %2: f64 = call mlp_text_parse_float, %0
  %3: bool = eq %2, %2
  %4: bool = and %1, %3
  %5: f64 = constant -1
  %6: f64 = select %4, %2, %5
  output "f" = %6
)");
}

TEST(Lower, LookupTakesNullForAnAbsentKey) {
  EXPECT_EQ(body(feature_kernel(R"(expr %0 op=column column=%2 type={scalar=category nullable=true} stage=row
expr %1 op=fitted_table slot=%0 stage=fit
expr %2 op=call callee="lookup" args=[%0, %1] stage=row
)", 2)), R"(loop 1
kernel features
  %0: string = load 2
  %1: bool = present 2
  %2: i64 = table_code 0, %0
  %3: i64 = table_size 0
  %4: i64 = select %1, %2, %3
  %5: f64 = table_value 0, %4
  output "f" = %5
)");
}

TEST(Lower, BooleansCompareAsIntegers) {
  const std::string text = body(feature_kernel(R"(expr %0 op=column column=%3 type={scalar=bool} stage=row
expr %1 op=fitted_number slot=%0 stage=fit
expr %2 op=call callee="is_nan" args=[%1] type={scalar=bool} stage=fit
expr %3 op=call callee="eq" args=[%0, %2] type={scalar=bool} stage=row
expr %4 op=call callee="to_float" args=[%3] stage=row
)", 4));
  EXPECT_NE(text.find("i64 = to_i64"), std::string::npos) << text;
}

TEST(Lower, IntegersFoldWithWrapAround) {
  const std::string text = body(feature_kernel(R"(expr %0 op=constant value={integer=9223372036854775807} type={scalar=int}
expr %1 op=constant value={integer=1} type={scalar=int}
expr %2 op=call callee="add" args=[%0, %1] type={scalar=int}
expr %3 op=call callee="to_float" args=[%2]
)", 3));
  EXPECT_NE(text.find("constant -9223372036854775808"), std::string::npos) << text;
}

TEST(LoopText, PrintsAndParsesBack) {
  const std::string text = loop::print(lowered());
  EXPECT_EQ(loop::print(loop::parse_text(text)), text);
  const std::string odd = "loop 1\nkernel k\n  %0: string = constant \"a \\\"q\\\" \\x01\\n, é\"\n  %1: bool = constant true\n"
                          "  %2: f64 = constant -inf\n  %3: i64 = constant -5\n  output \"o = 1\" = %0 present %1\n";
  EXPECT_EQ(loop::print(loop::parse_text(odd)), odd);
}

TEST(LoopText, RefusesWhatItDidNotWrite) {
  for (const char* text : {"", "loop 2\n", "loop 1 x\n", "loop 1\n  %0: f64 = constant 1\n", "loop 1\nkernel k\n  %1: f64 = constant 1\n",
                           "loop 1\nkernel k\n  %0: f64 = constant one\n", "loop 1\nkernel k\n  %0: f64 = frobnicate\n",
                           "loop 1\nkernel k\n  %0: f64 = add %0 %0\n", "loop 1\nkernel k\n  output \"x = %0\n"})
    EXPECT_THROW(loop::parse_text(text), ir::TextError) << text;
}

TEST(LoopVerify, SeesEveryBreach) {
  for (const char* line : {"%1: f64 = add %0, %1", "%1: f64 = add %0", "%1: i64 = add %0, %0", "%1: bool = present -1", "%1: f64 = present 0",
                           "%1: f64 = select %0, %0, %0", "%1: bool = and %0, %0", "%1: bool = not %0", "%1: f64 = to_f64 %0", "%1: i64 = to_i64 %0",
                           "%1: i64 = table_code 0, %0", "%1: f64 = table_value 0, %0", "%1: f64 = table_size 0", "%1: bool = eq %0",
                           "%1: bool = neg %0", "%1: i64 = fitted 0", "%1: f64 = fitted_text 0"}) {
    const loop::Module m = loop::parse_text(std::string("loop 1\nkernel k\n  %0: f64 = constant 1\n  ") + line + "\n  output \"o\" = %0\n");
    EXPECT_NE(loop::verify(m), std::vector<std::string>{}) << line;
  }
  EXPECT_NE(loop::verify(loop::parse_text("loop 1\nkernel k\n  %0: f64 = constant 1\n")), std::vector<std::string>{});
  EXPECT_NE(loop::verify(loop::parse_text("loop 1\nkernel k\n  %0: f64 = constant 1\n  output \"o\" = %1\n")), std::vector<std::string>{});
  EXPECT_NE(loop::verify(loop::parse_text("loop 1\nkernel k\n  %0: f64 = constant 1\n  output \"o\" = %0 present %0\n")), std::vector<std::string>{});
  const char* kernel = "kernel k\n  %0: f64 = constant 1\n  output \"o\" = %0\n";
  EXPECT_NE(loop::verify(loop::parse_text(std::string("loop 1\n") + kernel + kernel)), std::vector<std::string>{});
}

}  // namespace
}  // namespace mlp
