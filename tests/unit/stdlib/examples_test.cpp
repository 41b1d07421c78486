// Every example in the documentation of the standard library and of the builtins holds, in every configuration: parsed,
// checked, planned, lowered, compiled, fitted and run; and by the reference evaluator.
//   EXPR == VALUE                                  one row; a list is a vector
//   over v = [...], y = [...]: EXPR == [VALUE, …]  a row for each element, all of them train rows; y is the target; a single
//                                                  VALUE is that of every row
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "compiler/check/check.h"
#include "compiler/parse/parse.h"
#include "compiler/plan/plan.h"
#include "stdlib/builtins/builtins.h"
#include "stdlib/stdlib.h"
#include "tests/harness/harness.h"

namespace mlp {
namespace {

struct Example {
  std::string where, text;
};

// Splits at the top level, outside brackets and texts.
std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  int depth = 0;
  bool quoted = false;
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted) continue;
    if (text[i] == '(' || text[i] == '[') ++depth;
    if (text[i] == ')' || text[i] == ']') --depth;
    if (depth == 0 && text.compare(i, separator.size(), separator) == 0) {
      parts.push_back(text.substr(from, i - from));
      i += separator.size() - 1;
      from = i + 1;
    }
  }
  parts.push_back(text.substr(from));
  return parts;
}
std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}
std::vector<std::string> elements(const std::string& text) {
  std::vector<std::string> list;
  if (!text.starts_with("[")) return {text};
  for (const std::string& part : split(text.substr(1, text.size() - 2), ",")) list.push_back(trimmed(part));
  return list;
}

struct Parsed {
  std::map<std::string, std::vector<std::string>> columns;
  std::string expression;
  std::vector<std::string> expected;  // by row, or by element of a vector
  bool over = false;
};
Parsed parse_example(const std::string& text) {
  Parsed p;
  std::string rest = text;
  if (rest.starts_with("over ")) {
    p.over = true;
    const std::vector<std::string> parts = split(rest.substr(5), ": ");
    for (const std::string& column : split(parts.at(0), ", ")) {
      const std::vector<std::string> sides = split(column, " = ");
      p.columns[trimmed(sides.at(0))] = elements(trimmed(sides.at(1)));
    }
    rest = parts.at(1);
  }
  const std::vector<std::string> sides = split(rest, " == ");
  p.expression = trimmed(sides.at(0));
  p.expected = elements(trimmed(sides.at(1)));
  return p;
}

values::ColumnData column_of(const std::vector<std::string>& words, std::string& type) {
  bool text = false, truth = false, real = false, nullable = false;
  for (const std::string& w : words) {
    if (w == "null") nullable = true;
    else if (w.starts_with("\"")) text = true;
    else if (w == "true" || w == "false") truth = true;
    else if (w.find('.') != std::string::npos) real = true;
  }
  std::vector<std::uint8_t> present;
  std::vector<std::string> texts;
  std::vector<std::uint8_t> truths;
  std::vector<double> numbers;
  std::vector<std::int64_t> wholes;
  for (const std::string& w : words) {
    present.push_back(w != "null");
    texts.push_back(w.starts_with("\"") ? w.substr(1, w.size() - 2) : "");
    truths.push_back(w == "true");
    numbers.push_back(text || truth || w == "null" ? 0 : std::stod(w));
    wholes.push_back(static_cast<std::int64_t>(numbers.back()));
  }
  if (!nullable) present.clear();
  type = std::string(text ? "category" : truth ? "bool" : real ? "float" : "int") + (nullable ? "?" : "");
  if (text) return harness::strings(texts, present);
  if (truth) return harness::booleans(truths, present);
  return real ? harness::reals(numbers, present) : harness::integers(wholes, present);
}

const std::vector<ast::File>& library(SourceMap& sources) {
  static std::vector<ast::File> files;
  files.clear();
  for (const LibraryFile& file : library_files()) {
    Diagnostics faults;
    files.push_back(parse(sources, sources.add(std::string(file.name), std::string(file.text)), faults));
    for (const Diagnostic& d : faults.all()) ADD_FAILURE() << file.name << ": " << d.message;
  }
  return files;
}

void expect_number(double got, const std::string& expected, const std::string& what) {
  const double wanted = expected == "null" ? std::numeric_limits<double>::quiet_NaN() : expected == "true" ? 1 : expected == "false" ? 0 : std::stod(expected);
  EXPECT_TRUE(got == wanted || harness::same(got, wanted)) << what << ": " << got << ", not " << wanted;
}

void run(const Example& example, const harness::Configuration& configuration, const PassOptions& plan_options) {
  const std::string what = example.where + ": " + example.text + " (" + configuration.name + ")";
  const Parsed p = parse_example(example.text);
  values::Table table;
  table.rows = p.over ? static_cast<std::int64_t>(p.columns.begin()->second.size()) : 1;
  const std::vector<double> ones(static_cast<std::size_t>(table.rows), 1);
  std::string spec = "pipeline example\nschema S {\n  other : float\n";
  table.columns.push_back(harness::reals(ones));
  for (const auto& [name, words] : p.columns) {
    ASSERT_EQ(words.size(), static_cast<std::size_t>(table.rows)) << what;
    std::string type;
    table.columns.push_back(column_of(words, type));
    spec += "  " + name + " : " + type + "\n";
  }
  if (!p.columns.contains("y")) {
    spec += "  y : int\n";
    table.columns.push_back(harness::integers(std::vector<std::int64_t>(ones.size(), 1)));
  }
  // A text cannot be a feature as it is: it is compared with each value expected.
  bool text = false;
  for (const std::string& e : p.expected) text = text || e.starts_with("\"");
  spec += "}\nsource s: S = csv(\"none.csv\")\nfeatures x from s {\n  other\n";
  if (!text) spec += "  f = " + p.expression + "\n";
  else {
    spec += "  missing_f = is_null(" + p.expression + ")\n";
    for (std::size_t i = 0; i < p.expected.size(); ++i)
      spec += "  f" + std::to_string(i) + " = coalesce(" + p.expression + " == " + (p.expected[i] == "null" ? "\"\"" : p.expected[i]) + ", false)\n";
  }
  spec += "}\nmodel m = gbdt { predict y from x }\n";

  SourceMap sources;
  Diagnostics faults;
  const ast::File file = parse(sources, sources.add("example.mlp", spec), faults);
  const std::vector<ast::File>& files = library(sources);
  sem::Module module;
  if (!faults.has_errors()) module = check(sources, file, files, faults);
  if (faults.has_errors()) {
    for (const Diagnostic& d : faults.all()) ADD_FAILURE() << what << ": " << d.message;
    return;
  }
  const flow::Program program = plan(module, plan_options);

  // The rows are fitted in two folds; results are those outside training.
  std::vector<std::int32_t> folds;
  for (std::int64_t row = 0; row < table.rows; ++row) folds.push_back(static_cast<std::int32_t>(row % 2));
  std::vector<double> target;
  for (std::int64_t row = 0; row < table.rows; ++row)
    target.push_back(reference::number(program[program.model.target].type, reference::evaluate(program, {}, table, row, program.model.target)));
  harness::Machine machine(program, configuration);
  const fit::Fitted by_reference = reference::fit_by_reference(program, table, folds), fitted = machine.fit(table, target, folds);
  ASSERT_EQ(by_reference.numbers.size(), fitted.numbers.size());
  for (std::size_t i = 0; i < fitted.numbers.size(); ++i) EXPECT_TRUE(harness::same(fitted.numbers[i], by_reference.numbers[i])) << what;
  EXPECT_EQ(fitted.texts, by_reference.texts) << what;
  const std::vector<std::vector<double>> compiled = machine.features(table, fitted);
  for (std::int64_t row = 0; row < table.rows; ++row) {
    const auto r = static_cast<std::size_t>(row);
    const std::vector<double> defined = reference::features(program, fitted, table, row);
    ASSERT_EQ(defined.size(), compiled.size());
    for (std::size_t f = 0; f < defined.size(); ++f)
      EXPECT_TRUE(harness::same(defined[f], compiled[f][r])) << what << ": row " << row << " of " << program.features[f].name << " compiles to " << compiled[f][r] << ", not " << defined[f];
    const std::size_t wanted = p.over && p.expected.size() > 1 ? r : 0;
    if (text) {
      EXPECT_EQ(compiled[1][r], p.expected[wanted] == "null") << what << ": row " << row;
      if (p.expected[wanted] != "null") {
        EXPECT_EQ(compiled[2 + wanted][r], 1) << what << ": row " << row;
      }
    } else if (p.over) {
      ASSERT_EQ(compiled.size(), 2u) << what << ": a vector";
      ASSERT_TRUE(p.expected.size() == 1 || p.expected.size() == static_cast<std::size_t>(table.rows)) << what;
      expect_number(compiled[1][r], p.expected[wanted], what);
    } else {
      ASSERT_EQ(compiled.size(), p.expected.size() + 1) << what;
      for (std::size_t f = 0; f < p.expected.size(); ++f) expect_number(compiled[1 + f][r], p.expected[f], what);
    }
  }
}

std::vector<Example> library_examples() {
  std::vector<Example> examples;
  for (const LibraryFile& file : library_files()) {
    std::string line, documented;
    std::vector<std::string> waiting;
    for (std::size_t at = 0; at < file.text.size();) {
      const std::size_t end = file.text.find('\n', at);
      line = std::string(file.text.substr(at, end - at));
      at = end + 1;
      if (line.starts_with("/// example over ")) waiting.push_back(line.substr(12));
      else if (line.starts_with("/// example: ")) waiting.push_back(line.substr(13));
      else if (line.starts_with("fn ")) {
        const std::string name = line.substr(3, line.find('(') - 3);
        EXPECT_FALSE(waiting.empty()) << file.name << ": `" << name << "` has no example";
        for (const std::string& text : waiting) examples.push_back({name, text});
        waiting.clear();
      }
    }
    EXPECT_TRUE(waiting.empty()) << file.name;
  }
  return examples;
}

TEST(Examples, OfTheLibrary) {
  const std::vector<Example> examples = library_examples();
  EXPECT_GT(examples.size(), 80u);
  for (const Example& example : examples) run(example, harness::all()[0], {{}, true});
}

TEST(Examples, OfTheBuiltins) {
  std::size_t count = 0;
  for (const Builtin& row : builtins()) {
    if (row.example.empty()) continue;
    run({std::string(row.name), std::string(row.example)}, harness::all()[0], {{}, true});
    ++count;
  }
  EXPECT_GT(count, 80u);
}

TEST(Examples, InEveryConfiguration) {
  // A few that use every kind of expression: the corpus of tests/unit/differential goes further.
  const std::vector<Example> examples = library_examples();
  for (std::size_t c = 1; c < harness::all().size(); ++c)
    for (std::size_t i = c % 4; i < examples.size(); i += 4) run(examples[i], harness::all()[c], {{}, true});
}

TEST(Examples, WithEachPassOfPlanOff) {
  const std::vector<Example> examples = library_examples();
  std::size_t start = 0;
  for (const PassInfo& pass : plan_passes()) {
    for (std::size_t i = ++start % 5; i < examples.size(); i += 5) run(examples[i], harness::all()[1], {{pass.name}, true});
  }
}

}  // namespace
}  // namespace mlp
