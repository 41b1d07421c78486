// Random well-typed specs, as text: functions, lets, choices, nulls, texts, times, vectors, statistics of the train rows. What
// they compute, compiled in every configuration and with each pass off, is bit for bit what the reference evaluator computes from
// the plan that no pass has touched. Everything follows from the seed.
#include <gtest/gtest.h>

#include <random>

#include "compiler/check/check.h"
#include "compiler/parse/parse.h"
#include "compiler/plan/plan.h"
#include "stdlib/stdlib.h"
#include "tests/harness/harness.h"

namespace mlp {
namespace {

constexpr int features_each = 50;

// MLP_RANDOM_SPECS in the environment runs more of them, from MLP_RANDOM_FROM on; MLP_EVERY_CONFIGURATION runs each in all of them,
// not in one in turn.
int number_from(const char* variable, int fallback) {
  const char* wanted = std::getenv(variable);
  return wanted ? std::atoi(wanted) : fallback;
}
int specs() { return number_from("MLP_RANDOM_SPECS", 60); }

constexpr const char* schema = R"(schema Row {
  i : int
  n : int?
  f : float
  q : float?
  u : float in 0..1
  b : bool
  c : bool?
  k : category one_of ("red", "Green", "blue ", "")
  l : category?
  o : category? ordered ("mid", "low", "", "top")
  s : string
  d : date
  t : timestamp
  v : timestamp?
  w : duration
  y : float
}
source rows: Row = csv("none.csv")
)";

values::Table table(std::uint64_t seed, std::int64_t rows) {
  std::mt19937_64 random(seed);
  const auto pick = [&](auto... all) {
    const std::common_type_t<decltype(all)...> list[] = {all...};
    return list[random() % sizeof...(all)];
  };
  const auto presence = [&] {
    std::vector<std::uint8_t> out;
    for (std::int64_t r = 0; r < rows; ++r) out.push_back(r == 0 || random() % 4 != 0);  // a value somewhere
    return out;
  };
  const auto fill = [&](auto one) {
    std::vector<decltype(one())> out;
    for (std::int64_t r = 0; r < rows; ++r) out.push_back(one());
    return out;
  };
  const auto real = [&] { return pick(0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -3.25, 0.1, 1e-3, 100.5, -745.0, 1e10, -1e22, 5e-324, 1e300, static_cast<double>(random() % 1000) / 7); };
  const auto whole = [&] { return pick(std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{7}, std::int64_t{-365}, std::int64_t{1} << 53, INT64_MAX, INT64_MIN, static_cast<std::int64_t>(random() % 200)); };
  const auto truth = [&] { return static_cast<std::uint8_t>(random() % 2); };
  const auto word = [&] { return std::string(pick("red", "Green", "blue ", "", "12.5", "ÀÉß 漢字", "a b c", "nan")); };
  const auto colour = [&] { return std::string(pick("red", "Green", "blue ", "")); };
  const auto day = [&] { return pick(std::int64_t{0}, std::int64_t{-1}, std::int64_t{19'782}, std::int64_t{-719'468}, static_cast<std::int64_t>(random() % 40'000)); };
  const auto moment = [&] { return day() * 86'400'000'000 + static_cast<std::int64_t>(random() % 86'400'000'000); };
  values::Table t;
  t.rows = rows;
  const auto add = [&](values::ColumnData column) { t.columns.push_back(std::move(column)); };
  add(harness::integers(fill(whole)));
  add(harness::integers(fill(whole), presence()));
  add(harness::reals(fill(real)));
  add(harness::reals(fill(real), presence()));
  add(harness::reals(fill([&] { return static_cast<double>(random() % 1001) / 1000; })));
  add(harness::booleans(fill(truth)));
  add(harness::booleans(fill(truth), presence()));
  add(harness::strings(fill(colour)));
  add(harness::strings(fill(word), presence()));
  add(harness::strings(fill([&] { return std::string(pick("mid", "low", "", "top")); }), presence()));
  add(harness::strings(fill(word)));
  add(harness::integers(fill(day)));
  add(harness::integers(fill(moment)));
  add(harness::integers(fill(moment), presence()));
  add(harness::integers(fill([&] { return static_cast<std::int64_t>(random() % 1'000'000'000'000) - 1'000'000; })));
  add(harness::reals(fill([&] { return static_cast<double>(random() % 100); })));
  return t;
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::string spec() {
    std::string out = schema;
    for (int n = 0; n < 3; ++n) {
      numbers_ = {"p", "p", "r", "0.5"};
      const std::string let = number(2);
      numbers_.push_back("m");
      const std::string result = number(3);
      out += "fn own" + std::to_string(n) + "(p: float, r: float = " + pick({"1", "-2.5", "1e-3"}) + ") -> float {\n  let m = " + let + "\n  " + result + "\n}\n";
      functions_ = n + 1;
    }
    numbers_.clear();
    out += "features x from rows {\n";
    for (int n = 0; n < features_each; ++n) out += "  x" + std::to_string(n) + " = " + feature() + "\n";
    return out + "}\nsplit rows { train = 50%, valid = 0%, test = 50%, by = random }\nmodel z = gbdt { predict y from x }\n";
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  std::string pick(const std::vector<std::string>& list) { return list[below(list.size())]; }
  bool inside() const { return !numbers_.empty(); }  // of a function: it sees its parameters only

  std::string feature() {
    switch (below(9)) {
      case 8: return bag();
      case 0: return truth(3);
      case 1: return text(2) + " |> to_category";
      case 2: return vector(2);
      default: return number(4);
    }
  }
  std::string bag() {
    const std::string v = "concat(s, " + text(1) + ")";  // of a row
    const std::string by = pick({"words", "chars", "chars_in_words"}), sizes = pick({"", ", longest = 2", ", shortest = 2, longest = 3"});
    const std::string more = pick({"", ", min_rows = 2", ", max_share = 50%", ", max_size = 3"});
    switch (below(3)) {
      case 0: return "tf_idf(" + v + ", by = " + by + sizes + more + pick({"", ", sublinear = true", ", norm = false"}) + ")";
      case 1: return v + " |> count_terms(by = " + by + sizes + more + pick({"", ", binary = true"}) + ")";
      default: return v + " |> hash_terms(" + pick({"2", "50"}) + ", by = " + by + sizes + ")";
    }
  }
  std::string vector(int d) {
    switch (below(4)) {
      case 0: return "[" + number(d) + ", " + number(d) + ", " + pick({"f", "u"}) + "]";
      case 1: return "[" + number(d) + ", " + number(d) + "] " + pick({"+", "*", "-"}) + " " + number(d);
      case 2: return "polynomial(" + number(d) + ", " + number(1) + ")";
      default: return pick({"date_parts(d)", "cyclic(u, 3)", "time_parts(t)", "text_parts(s)", "daily_cycle(t)", "tokens(s, 3, 50)"});
    }
  }
  // Finite and present in each row: statistics of it exist.
  std::string tame(int d) { return "clamp(coalesce(finite(" + number(d) + "), 0.25), -1e3, 1e3) + " + (inside() ? "p" : "u") + " * 1e-3"; }
  std::string statistic(int d) {
    if (inside()) return pick({"(p - mean(clamp(coalesce(finite(p), 0), -1e3, 1e3)))", "p / (1 + abs(median(clamp(coalesce(finite(p), 0), -1e3, 1e3))))"});
    const std::string v = tame(d);
    switch (below(12)) {
      case 0: return "standardize(" + v + ")";
      case 1: return "(" + v + " |> min_max(-1, 1))";
      case 2: return "quantile_bins(" + v + ", " + pick({"2", "4", "10"}) + ")";
      case 3: return "quantile(" + v + ", " + pick({"5%", "50%", "0.99"}) + ") * u";
      case 4: return "clip_outliers(" + v + ", 10%)";
      case 5: return "(" + v + " - mean(" + tame(d - 1) + "))";
      case 6: return "frequency_encode(" + text(1) + ")";
      case 7: return "ordinal(" + pick({"k", "l", "s", "o"}) + ")";
      case 8: return "impute(" + pick({"q", "n"}) + ", " + pick({"median", "max", "3"}) + ")";
      case 9: return "target_encode(" + pick({"k", "l"}) + ", smoothing = " + pick({"0", "10"}) + ")";
      case 10: return "count_encode(" + pick({"k", "l", "s"}) + ")";
      default: return "robust_scale(" + v + ")";
    }
  }
  std::string number(int d) {
    if (d <= 0 || below(7) == 0) {
      if (inside()) return pick(numbers_);
      return pick({"i", "n", "f", "q", "u", "u", "f", "2", "0.5", "-1e-3", "15%", "1e300"});
    }
    const std::string a = number(d - 1);
    switch (below(inside() ? 11 : 22)) {
      case 0: case 1: return "(" + a + " " + pick({"+", "-", "*"}) + " " + number(d - 1) + ")";
      case 2: return "(" + a + " / (" + number(d - 1) + " + " + (inside() ? "p" : "u") + "))";  // never a constant: one that folds to 0 is refused
      case 3: return pick({"min", "max", "hypotenuse", "safe_divide", "relative_change", "atan2"}) + "(" + a + ", " + number(d - 1) + ")";
      case 4: return pick({"abs", "floor", "ceil", "round", "trunc", "sqrt", "exp", "log1p", "sigmoid", "tanh", "sign", "log_signed", "softplus", "relu", "sin", "cos", "expm1", "log2", "asinh"}) + "(" + a + ")";
      case 5: return "clamp(" + a + ", " + pick({"-1", "0"}) + ", " + pick({"1", "2.5"}) + ")";
      case 6: return "(if " + truth(d - 1) + " then " + a + " else " + number(d - 1) + ")";
      case 7: return "coalesce(" + a + ", " + number(d - 1) + ")";
      case 8: return functions_ > 0 ? "own" + std::to_string(below(static_cast<std::size_t>(functions_))) + (inside() ? "(p + " : "(u + ") + a + pick({"", ", 2", ", r = 0.25"}) + ")" : "-(" + a + ")";
      case 9: return "(" + a + " ^ " + pick({"2", "0.5", "3"}) + ")";
      case 10: return statistic(d - 2);
      case 11: return "length(" + text(d - 1) + ")";
      case 12: return pick({"word_count(" + text(d - 1) + ")", "rank(o)", "rank(" + text(d - 1) + ", [\"red\", \"\", \"e\"])", "rank(impute(o))"});
      case 13: return pick({"year", "month", "weekday", "yearday", "week", "days_in_month", "week_of_month"}) + "(" + date(d - 1) + ")";
      case 14: return pick({"hour", "minute", "second", "time_of_day"}) + "(" + moment(d - 1) + ")";
      case 15: return pick({"days", "hours", "seconds"}) + "(" + span(d - 1) + ")";
      case 16: return "to_float(" + truth(d - 1) + ")";
      case 17: return "parse_float(" + text(d - 1) + ")";
      case 18: return "(i % " + pick({"7", "-3", "n"}) + ")";
      case 19: return "hash_bucket(" + text(d - 1) + ", 32)";
      case 20: return "to_int(" + a + ")";
      default: return "missing_indicator(" + pick({"q", "l", "n", "v", "c"}) + ")";
    }
  }
  std::string truth(int d) {
    if (inside()) return "(" + number(d - 1) + " " + pick({"<", "<=", ">", ">=", "==", "!="}) + " " + number(d - 1) + ")";
    if (d <= 0) return pick({"b", "c", "true", "(u > 0.5)"});
    switch (below(9)) {
      case 0: case 1: return "(" + number(d - 1) + " " + pick({"<", "<=", ">", ">=", "==", "!="}) + " " + number(d - 1) + ")";
      case 2: return "(" + truth(d - 1) + " " + pick({"and", "or"}) + " " + truth(d - 1) + ")";
      case 3: return "(not " + truth(d - 1) + ")";
      case 4: return "is_null(" + pick({"q", "n", "c", "l", "v"}) + ")";
      case 5: if (below(3) == 0) return "(o " + pick({"<", "<=", ">", ">="}) + " " + pick({"\"low\"", "\"\"", "coalesce(o, \"mid\")", "(if b then o else \"top\")"}) + ")"; return "(" + text(d - 1) + " " + pick({"==", "<", "!="}) + " " + text(d - 1) + ")";
      case 6: return pick({"contains", "starts_with", "ends_with"}) + "(" + text(d - 1) + ", " + pick({"\"r\"", "\"\"", "s"}) + ")";
      case 7: return "(" + moment(d - 1) + " " + pick({">", "<="}) + " " + moment(d - 1) + ")";
      default: return "is_weekend(" + date(d - 1) + ")";
    }
  }
  std::string text(int d) {
    if (d <= 0) return pick({"k", "l", "s", "\"red\"", "\"\"", "\"ÿ \""});
    const std::string a = text(d - 1);
    switch (below(9)) {
      case 0: return pick({"lower", "upper", "trim", "redact", "normalize_text"}) + "(" + a + ")";
      case 1: return "concat(" + a + ", " + text(d - 1) + ")";
      case 2: return "substring(" + a + ", " + pick({"0", "1", "i"}) + ", " + pick({"2", "i"}) + ")";
      case 3: return "(if " + truth(d - 1) + " then " + a + " else " + text(d - 1) + ")";
      case 4: return "coalesce(" + a + ", " + pick({"\"none\"", "s"}) + ")";
      case 5: return "to_text(" + pick({"i", "n", "b", "7"}) + ")";
      case 6: return "replace(" + a + ", \"e\", s)";
      case 7: return pick({"group_rare(l, 20%)", "top_values(k, 2)", "impute(l)", "cross(k, k)"});
      default: return a;
    }
  }
  std::string date(int d) { return d <= 0 ? pick({"d", "@2024-02-29"}) : pick({"d", "to_date(" + moment(d - 1) + ")", "(if " + truth(d - 1) + " then d else @2000-01-01)"}); }
  std::string moment(int d) {
    if (d <= 0) return pick({"t", "v", "@2024-02-29T13:05:59"});
    if (below(4) == 0) return pick({"in_zone", "from_zone"}) + "(" + moment(d - 1) + ", \"" + pick({"America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "UTC"}) + "\")";
    return pick({"t", "v", "to_timestamp(" + date(d - 1) + ")", "(" + moment(d - 1) + " + " + span(d - 1) + ")"});
  }
  std::string span(int d) { return d <= 0 ? pick({"w", "90m", "36h"}) : pick({"w", "utc_offset(" + moment(d - 1) + ", \"Asia/Kolkata\")", "(t - v)", "(w " + pick({"+", "-"}) + " " + span(d - 1) + ")", "(w * " + pick({"3", "-1"}) + ")"}); }

  std::mt19937_64 random_;
  std::vector<std::string> numbers_;  // leaves inside of a function
  int functions_ = 0;
};

struct Library {
  SourceMap sources;
  std::vector<ast::File> files;
  Library() {
    Diagnostics faults;
    for (const LibraryFile& file : library_files()) files.push_back(parse(sources, sources.add(std::string(file.name), std::string(file.text)), faults));
  }
};

// The module of a spec. Features that are refused (a constant where a statistic needs rows, a doubled value) are taken out.
sem::Module accepted(std::string text, std::size_t& features, std::string& kept) {
  static const Library library;
  for (;;) {
    SourceMap sources = library.sources;
    Diagnostics faults;
    const ast::File file = parse(sources, sources.add("random.mlp", text), faults);
    sem::Module module;
    if (!faults.has_errors()) module = check(sources, file, library.files, faults);
    std::vector<std::pair<std::size_t, std::size_t>> bad;
    std::string messages;
    for (const Diagnostic& d : faults.all()) {
      if (info(d.code).severity != Severity::error) continue;
      messages += std::string(info(d.code).code) + " " + d.message + "\n";
      std::size_t at = d.span.begin;
      for (const Label& l : d.others)  // a fault in a function belongs to the feature that calls it
        if (text.compare(text.rfind('\n', l.span.begin) + 1, 3, "  x") == 0 && l.text == "called here") at = l.span.begin;
      const std::size_t begin = text.rfind('\n', at) + 1;
      if (text.compare(begin, 3, "  x") == 0) bad.emplace_back(begin, text.find('\n', at) + 1 - begin);
    }
    if (!faults.has_errors()) {
      features = module.features.size();
      kept = text;
      return module;
    }
    if (bad.empty()) {
      ADD_FAILURE() << messages << text;
      features = 0;
      return module;
    }
    std::sort(bad.begin(), bad.end());
    bad.erase(std::unique(bad.begin(), bad.end()), bad.end());
    for (auto one = bad.rbegin(); one != bad.rend(); ++one) text.erase(one->first, one->second);
  }
}

TEST(Random, Specs) {
  const std::vector<harness::Configuration>& configurations = harness::all();
  PassOptions bare{{}, true};
  for (const PassInfo& pass : plan_passes())
    bare.disabled.emplace_back(pass.name);
  const bool every = std::getenv("MLP_EVERY_CONFIGURATION") != nullptr;
  std::size_t programs = 0, runs = 0;
  const int from = number_from("MLP_RANDOM_FROM", 0);
  for (int n = from; n < from + specs() && !testing::Test::HasFailure(); ++n) {
    const std::uint64_t seed = 5000 + static_cast<std::uint64_t>(n);
    std::size_t features = 0;
    std::string text;
    const sem::Module module = accepted(Generator(seed).spec(), features, text);
    ASSERT_GT(features, 10u) << text;
    programs += features;

    constexpr std::int64_t rows = 24;
    const values::Table data = table(seed, rows);
    std::vector<std::int32_t> folds;
    std::vector<double> target;
    for (std::int64_t r = 0; r < rows; ++r) {
      folds.push_back(static_cast<std::int32_t>(r % 5));
      target.push_back(data.columns.back().reals[static_cast<std::size_t>(r)]);
    }
    const flow::Program defined = plan(module, bare);
    const fit::Fitted fitted = reference::fit_by_reference(defined, data, folds);
    std::vector<std::vector<double>> wanted, wanted_in_training;
    for (std::int64_t r = 0; r < rows; ++r) {
      wanted.push_back(reference::features(defined, fitted, data, r));
      wanted_in_training.push_back(reference::features(defined, fitted, data, r, folds[static_cast<std::size_t>(r)]));
    }
    for (std::size_t c = 0; c < configurations.size(); ++c) {
      if (!every && c != static_cast<std::size_t>(n) % configurations.size()) continue;
      PassOptions options{{}, true};
      const PassInfo& off = plan_passes()[(static_cast<std::size_t>(n) + c) % plan_passes().size()];
      if ((n + static_cast<int>(c)) % 3 != 0) options.disabled = {off.name};
      const flow::Program program = plan(module, options);
      harness::Machine machine(program, configurations[c]);
      const fit::Fitted own = machine.fit(data, target, folds);
      const auto scored = machine.features(data, own), trained = machine.features(data, own, folds);
      ++runs;
      for (std::size_t f = 0; f < program.features.size(); ++f)
        for (std::int64_t r = 0; r < rows; ++r) {
          const auto row = static_cast<std::size_t>(r);
          if (harness::same(scored[f][row], wanted[row][f]) && harness::same(trained[f][row], wanted_in_training[row][f])) continue;
          ADD_FAILURE() << "seed " << seed << ", " << configurations[c].name << (options.disabled.empty() ? "" : std::string(", without ") + off.name) << ": " << program.features[f].name << " in row " << r << " gives "
                        << scored[f][row] << " and " << trained[f][row] << ", not " << wanted[row][f] << " and " << wanted_in_training[row][f] << "\n" << text;
          break;
        }
    }
  }
  std::printf("%zu programs of %d specs, %zu runs\n", programs, specs(), runs);
}

}  // namespace
}  // namespace mlp
