#include "engine/parts.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/codes/data.h"
#include "base/codes/training.h"
#include "compiler/driver/lineage.h"
#include "engine/kernels.h"
#include "runtime/data/query.h"

namespace mlp::engine {
namespace {

bool text_target(const flow::Program& program) { return is_text(program[program.model.target].type.scalar); }

[[noreturn]] void bad_row(const flow::Program& program, std::int64_t row, const std::string& column, const std::string& what, const std::string& help) {
  Diagnostic d{.code = code::bad_target, .message = what};
  d.in_data({program.source.paths.empty() ? "" : program.source.paths.front(), row + 1, column, ""});
  d.suggest(help);
  throw Failure(std::move(d));
}

[[noreturn]] void bad_target(const flow::Program& program, std::int64_t row, const std::string& what) {
  bad_row(program, row, program.model.target_name, what, "declare the column without `?` and say `on_violation = drop` in the source, or mend the data");
}

// The classes of a text target: distinct values of the train rows, sorted by bytes.
std::vector<std::string> find_classes(const flow::Program& program, const std::vector<std::string>& texts) {
  std::vector<std::string> classes = texts;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  if (is_binary(program.model.settings.loss) && classes.size() > 2)
    throw Failure(code::bad_target, "`" + program.model.target_name + "` has " + std::to_string(classes.size()) + " values in the train rows, and the loss takes two",
                  "use `loss = softmax`");
  return classes;
}

Part take_part(const Pipeline& pipeline, const std::shared_ptr<const values::Table>& table, const std::vector<data::Part>& parts, data::Part wanted) {
  Part part;
  part.table = table;
  part.row.reserve(static_cast<std::size_t>(std::count(parts.begin(), parts.end(), wanted)));
  for (std::int64_t row = 0; row < table->rows; ++row)
    if (parts[row] == wanted) part.row.push_back(row);
  if (pipeline.program().model.weight.known()) {
    const mlp_fitted none{};
    const Results run = run_kernel(pipeline, "weight", part, &none, {OutputKind::real}, {false}, {}, 1);
    part.weight = run.columns[0].reals;
    for (std::size_t i = 0; i < part.weight.size(); ++i)
      if (!(part.weight[i] >= 0) || std::isinf(part.weight[i])) bad_row(pipeline.program(), part.row[i], "", "the weight of a row is negative, infinite or missing", "weights are 0 or more: mend the expression behind `weight`, or the data");
  }
  return part;
}

// Leaves in the part the rows that `keep` numbers, ascending.
void keep_rows(Part& part, const std::vector<std::size_t>& keep) {
  const auto pick = [&](auto& values) {
    for (std::size_t i = 0; i < keep.size() && !values.empty(); ++i) values[i] = values[keep[i]];
    values.resize(std::min(values.size(), keep.size()));
  };
  pick(part.row);
  pick(part.weight);
}

// Leaves in the part those rows that the deployment serves, and counts the others.
std::int64_t keep_served(const Pipeline& pipeline, Part& part) {
  const flow::Program& program = pipeline.program();
  if (!program.model.population.known() || part.row.empty()) return 0;
  const mlp_fitted none{};
  const Results run = run_kernel(pipeline, "population", part, &none, {OutputKind::real}, {false}, {}, 1);
  std::vector<std::size_t> keep;
  for (std::size_t i = 0; i < part.row.size(); ++i)
    if (run.columns[0].reals[i] == 1) keep.push_back(i);
  const auto outside = static_cast<std::int64_t>(part.row.size() - keep.size());
  if (keep.empty())
    throw Failure(code::no_served_rows, "none of the " + std::to_string(outside) + " test rows is of the population that `" + program.deploy.name + "` serves", "correct the condition behind `serve on`, or gather such rows");
  keep_rows(part, keep);
  return outside;
}

// Fills part.target: the value, or the index of the class.
void take_target(const Pipeline& pipeline, Part& part, std::vector<std::string>& classes, bool find) {
  const flow::Program& program = pipeline.program();
  const bool text = text_target(program);
  const mlp_fitted none{};
  const Results run = run_kernel(pipeline, "target", part, &none, {text ? OutputKind::string : OutputKind::real}, {true}, {}, 1);
  const Result& result = run.columns[0];
  for (std::size_t i = 0; i < part.row.size(); ++i)
    if (!result.present[i] || (!text && std::isnan(result.reals[i])))
      bad_target(program, part.row[i], "`" + program.model.target_name + "` is missing, and a row without it cannot be learned from");
  if (!text) {
    part.target = result.reals;
    for (std::size_t i = 0; i < part.target.size(); ++i) {
      if (std::isinf(part.target[i])) bad_target(program, part.row[i], "`" + program.model.target_name + "` is infinite");
      if (program.model.settings.loss == Loss::poisson && part.target[i] < 0) bad_target(program, part.row[i], "`" + program.model.target_name + "` is negative, and `loss = poisson` takes counts");
    }
    return;
  }
  std::vector<std::string> texts;
  for (const mlp_string& s : result.strings) texts.emplace_back(s.data, static_cast<std::size_t>(s.size));
  if (find) classes = find_classes(program, texts);
  // Rows whose class no train row has cannot be measured: they are left out, counted, and reported.
  std::vector<std::size_t> keep;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto at = std::lower_bound(classes.begin(), classes.end(), texts[i]);
    if (at == classes.end() || *at != texts[i]) continue;
    part.target.push_back(static_cast<double>(at - classes.begin()));
    keep.push_back(i);
  }
  part.unseen_class = static_cast<std::int64_t>(texts.size() - keep.size());
  keep_rows(part, keep);
}

// The truth that a model without a target is measured against: 0 and 1, or a number by class; a row may be without.
void take_truth(const Pipeline& pipeline, Part& part) {
  const bool text = text_target(pipeline.program());
  const mlp_fitted none{};
  const Results run = run_kernel(pipeline, "target", part, &none, {text ? OutputKind::string : OutputKind::real}, {true}, {}, 1);
  const Result& result = run.columns[0];
  std::map<std::string_view, double> classes;
  for (std::size_t i = 0; text && i < part.row.size(); ++i)
    if (result.present[i]) classes.try_emplace({result.strings[i].data, static_cast<std::size_t>(result.strings[i].size)}, static_cast<double>(classes.size()));
  for (std::size_t i = 0; i < part.row.size(); ++i)
    part.target.push_back(!result.present[i] ? std::nan("") : text ? classes.at({result.strings[i].data, static_cast<std::size_t>(result.strings[i].size)}) : result.reals[i]);
}

}  // namespace

std::filesystem::path quarantine_of(const flow::Program& program, const std::filesystem::path& directory, const std::string& source) {
  return directory / (program.name + (source.empty() ? "" : "." + source) + ".quarantine.csv");
}

void read_rows(const Pipeline& pipeline, const std::filesystem::path& directory, bool findings, int threads, Data& data) {
  const flow::Program& program = pipeline.program();
  std::vector<ColumnId> watched;
  if (findings) watched = driver::watched(program);
  data::ReadResult read;
  if (program.query.empty()) {
    read = data::read({.source = program.source, .schema = program.columns, .wanted = program.scan, .watched = watched, .base = directory, .quarantine = quarantine_of(program, directory, ""), .threads = threads});
  } else {
    std::vector<ColumnId> wanted = program.scan;
    wanted.insert(wanted.end(), watched.begin(), watched.end());
    read = data::read_table({.query = program.query, .wanted = wanted, .base = directory, .quarantine = program.name, .threads = threads});
  }
  data.table = std::make_shared<const values::Table>(std::move(read.table));
  data.report = std::move(read.report);
}

void expect_rows(const flow::Program& program, const Data& data) {
  std::vector<Diagnostic> broken = data::check_expectations(program.expectations, program.columns, *data.table);
  if (broken.empty()) return;
  for (std::size_t i = 1; i < broken.size(); ++i) broken.front().note(broken[i].message);
  throw Failure(std::move(broken.front()));
}

void split_rows(const Pipeline& pipeline, const std::vector<std::string>* classes, Data& data) {
  const flow::Program& program = pipeline.program();
  data.parts = data::split(program.split, program.columns, *data.table, program.split.seed);
  static_cast<Division&>(data) = divide(pipeline, data.table, data.parts, classes);
}

Data read_data(const Pipeline& pipeline, const std::filesystem::path& directory, const std::vector<std::string>* classes, int threads) {
  Data data;
  read_rows(pipeline, directory, classes == nullptr, threads, data);
  expect_rows(pipeline.program(), data);
  split_rows(pipeline, classes, data);
  return data;
}

Division divide(const Pipeline& pipeline, const std::shared_ptr<const values::Table>& table, const std::vector<data::Part>& parts, const std::vector<std::string>* classes) {
  Division rows;
  rows.train = take_part(pipeline, table, parts, data::Part::train);
  rows.valid = take_part(pipeline, table, parts, data::Part::valid);
  rows.test = take_part(pipeline, table, parts, data::Part::test);
  rows.outside = keep_served(pipeline, rows.test);
  if (const ir::Model& model = pipeline.program().model; !has_target(model.settings.kind)) {
    for (Part* part : {&rows.train, &rows.valid, &rows.test})
      if (model.target.known()) take_truth(pipeline, *part);
    return rows;
  }
  rows.classes = classes ? *classes : pipeline.program().model.classes;
  take_target(pipeline, rows.train, rows.classes, classes == nullptr);
  take_target(pipeline, rows.valid, rows.classes, false);
  take_target(pipeline, rows.test, rows.classes, false);
  return rows;
}

}  // namespace mlp::engine
