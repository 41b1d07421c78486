// Every function of the standard library over edge values of its arguments: compiled code and reference agree bit for bit,
// in fitted values and features, in every configuration. Fitted on the same rows with tame numbers, for fitting refuses
// infinite statistics.
#include <gtest/gtest.h>

#include <cmath>

#include "compiler/check/check.h"
#include "compiler/parse/parse.h"
#include "compiler/plan/plan.h"
#include "stdlib/stdlib.h"
#include "tests/harness/harness.h"
#include "tests/unit/differential/programs.h"

namespace mlp {
namespace {

struct Spec {
  SourceMap sources;
  std::vector<ast::File> library;
  std::string text;
  std::size_t functions = 0;
};

// One feature for each function, its arguments being columns of the parameter types: in order a, b, c.
Spec spec_of_all(bool nullable) {
  Spec spec;
  for (const LibraryFile& file : library_files()) {
    Diagnostics faults;
    spec.library.push_back(parse(spec.sources, spec.sources.add(std::string(file.name), std::string(file.text)), faults));
  }
  std::string features;
  for (const ast::File& file : spec.library)
    for (const ast::Function& f : file.functions) {
      if (f.parameters.empty()) continue;  // a constant
      const bool day = f.result.name == "date";  // a date is no feature
      std::string call = (day ? "yearday(" : "") + f.head.name + "(";
      int letter = 0;
      bool named = false;  // behind one that may be left out
      for (const ast::Parameter& p : f.parameters) {
        const bool whole = p.type.name == "int" && &p != &f.parameters[0];
        if (p.fallback.known() || (p.type.name == "fn" && letter > 0)) {
          named = true;
          continue;
        }
        if (letter++ > 0) call += ", ";
        if (named) call += p.name + " = ";
        const std::string type = p.type.name == "category" ? "string" : p.type.name == "any" ? "float" : p.type.name;
        call += p.name == "zone" ? std::string("\"Europe/Dublin\"") : whole && f.head.name == "top_values" ? "2" : type + static_cast<char>('a' + (letter - 1) % differential::letters);
      }
      features += "  f" + std::to_string(spec.functions++) + " = " + call + (day ? "))\n" : ")\n");
    }
  spec.text = "pipeline edges\nschema S {\n";
  for (const Scalar scalar : differential::types)
    for (int letter = 0; letter < differential::letters; ++letter)
      spec.text += "  " + spell(Type{scalar, false}) + static_cast<char>('a' + letter) + " : " + (scalar == Scalar::string ? "category" : spell(Type{scalar, false})) + (nullable ? "?\n" : "\n");
  spec.text += "  y : float\n}\nsource s: S = csv(\"none.csv\")\nfeatures x from s {\n" + features + "}\nmodel m = gbdt { predict y from x }\n";
  return spec;
}

class Edges : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Nullable, Edges, testing::Bool());

TEST_P(Edges, EveryFunctionOfTheLibrary) {
  Spec spec = spec_of_all(GetParam());
  EXPECT_GT(spec.functions, 70u);
  Diagnostics faults;
  const ast::File file = parse(spec.sources, spec.sources.add("edges.mlp", spec.text), faults);
  const sem::Module module = check(spec.sources, file, spec.library, faults);
  for (const Diagnostic& d : faults.all())
    if (info(d.code).severity == Severity::error) ADD_FAILURE() << d.message << "\n" << spec.text;
  ASSERT_FALSE(faults.has_errors());
  const flow::Program program = plan(module, {{}, true});

  values::Table table = differential::edge_table(1'100);
  values::Table train = differential::edge_table(1'100);
  if (!GetParam())  // what was null is 0 or ""
    for (values::Table* t : {&table, &train})
      for (values::ColumnData& column : t->columns) column.present.clear();
  std::vector<double> target;
  std::vector<std::int32_t> folds;
  for (std::int64_t row = 0; row < table.rows; ++row) {
    target.push_back(static_cast<double>(row % 7) - 0.5);
    folds.push_back(static_cast<std::int32_t>(row % 5));
  }
  table.columns.push_back(harness::reals(target));

  for (int letter = 0; letter < differential::letters; ++letter) {
    std::vector<double>& reals = train.columns[static_cast<std::size_t>(letter)].reals;
    for (std::size_t row = 0; row < reals.size(); ++row)
      if (!(std::abs(reals[row]) < 1e6)) reals[row] = static_cast<double>(row) * 0.37 - 200;
  }
  train.columns.push_back(harness::reals(target));
  const fit::Fitted defined = reference::fit_by_reference(program, train, folds);
  std::vector<std::vector<double>> training, serving;
  for (std::int64_t row = 0; row < table.rows; ++row) {
    training.push_back(reference::features(program, defined, table, row, folds[static_cast<std::size_t>(row)]));
    serving.push_back(reference::features(program, defined, table, row));
  }
  for (const harness::Configuration& configuration : harness::all()) {
    harness::Machine machine(program, configuration);
    const fit::Fitted fitted = machine.fit(train, target, folds);
    ASSERT_EQ(fitted.numbers.size(), defined.numbers.size());
    for (std::size_t i = 0; i < fitted.numbers.size(); ++i) EXPECT_TRUE(harness::same(fitted.numbers[i], defined.numbers[i])) << configuration.name << " slot " << i;
    EXPECT_EQ(fitted.texts, defined.texts);
    for (std::size_t t = 0; t < fitted.tables.size(); ++t) {
      EXPECT_EQ(fitted.tables[t].keys, defined.tables[t].keys);
      EXPECT_EQ(fitted.tables[t].values, defined.tables[t].values);
    }
    const auto compare = [&](const std::vector<std::vector<double>>& got, const std::vector<std::vector<double>>& wanted, const char* when) {
      for (std::size_t f = 0; f < got.size(); ++f)
        for (std::size_t row = 0; row < wanted.size(); ++row)
          if (!harness::same(got[f][row], wanted[row][f])) {
            ADD_FAILURE() << configuration.name << ", " << when << ": " << program.features[f].name << " in row " << row << " is " << got[f][row] << ", not " << wanted[row][f];
            break;
          }
    };
    compare(machine.features(table, fitted, folds), training, "training");
    compare(machine.features(table, fitted), serving, "serving");
  }
}

}  // namespace
}  // namespace mlp
