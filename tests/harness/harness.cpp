#include "tests/harness/harness.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "compiler/lower/lower.h"
#include "tests/reference/bags.h"

namespace mlp::harness {

const std::vector<Configuration>& all() {
  static const std::vector<Configuration> list = [] {
    std::vector<Configuration> made = {
        {"O3", {3, ""}, {{}, true}},
        {"O0", {0, ""}, {{}, true}},
        {"O2 x86-64-v2", {2, "x86-64-v2"}, {{}, true}},
    };
    if (__builtin_cpu_supports("avx2")) made.push_back({"O3 x86-64-v3", {3, "x86-64-v3"}, {{}, true}});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) made.push_back({"O3 x86-64-v4", {3, "x86-64-v4"}, {{}, true}});
    PassOptions none{{}, true};
    for (const PassInfo& pass : lower_passes()) {
      made.push_back({std::string("without ") + pass.name, {1, ""}, {{pass.name}, true}});
      none.disabled.emplace_back(pass.name);
    }
    made.push_back({"without any pass", {0, ""}, none});
    return made;
  }();
  return list;
}

Machine::Machine(const flow::Program& program, const Configuration& configuration)
    : program_(program), compiled_(codegen::compile(lower(program, configuration.passes), configuration.codegen)) {}

void Machine::run(const std::string& kernel, const values::Table& table, const fit::Fitted& fitted, const std::vector<std::int32_t>& folds,
                  std::vector<mlp_output>& outputs) {
  struct Arena : mlp_arena {
    std::deque<std::vector<char>>* blocks;
  } arena;
  arena.cursor = arena.limit = nullptr;
  arena.blocks = &texts_;
  arena.grow = [](mlp_arena* self, std::int64_t size) {
    auto& block = static_cast<Arena*>(self)->blocks->emplace_back(static_cast<std::size_t>(std::max<std::int64_t>(size, 4096)));
    self->cursor = block.data();
    self->limit = block.data() + block.size();
  };
  std::vector<mlp_column> columns;
  for (const values::ColumnData& c : table.columns) columns.push_back(c.view());
  const fit::FittedView view(fitted);
  const mlp_batch batch{table.rows, columns.data(), folds.empty() ? nullptr : folds.data(), &arena};
  const mlp_kernel function = compiled_->find(kernel);
  if (!function) throw std::logic_error("no kernel " + kernel);
  function(&batch, view.get(), outputs.data());
}

std::vector<reference::Inputs> Machine::pass(const values::Table& table, const fit::Fitted& fitted, std::size_t pass, const std::vector<std::int32_t>& folds) {
  const auto& aggregates = program_.passes[pass].aggregates;
  std::vector<reference::Inputs> results(aggregates.size());
  std::vector<mlp_output> outputs;
  const auto rows = static_cast<std::size_t>(table.rows);
  for (std::size_t i = 0; i < aggregates.size(); ++i) {
    const flow::Aggregate& a = program_.aggregates[static_cast<std::size_t>(aggregates[i].index)];
    if (is_text(program_[a.input].type.scalar)) {
      results[i].strings.resize(rows);
      results[i].present.resize(rows);
      outputs.push_back({results[i].strings.data(), results[i].present.data()});
    } else {
      results[i].reals.resize(rows);
      outputs.push_back({results[i].reals.data(), nullptr});
    }
  }
  run("fit_" + std::to_string(pass), table, fitted, folds, outputs);
  return results;
}

fit::Fitted Machine::fit(const values::Table& table, const std::vector<double>& target, const std::vector<std::int32_t>& folds) {
  return reference::fit_program(program_, target, folds, [&](std::size_t n, const fit::Fitted& so_far) { return pass(table, so_far, n, folds); });
}

std::vector<std::vector<double>> Machine::features(const values::Table& table, const fit::Fitted& fitted, const std::vector<std::int32_t>& folds) {
  std::vector<std::vector<double>> results(program_.features.size(), std::vector<double>(static_cast<std::size_t>(table.rows)));
  std::vector<std::vector<mlp_bag>> bags(results.size());
  std::vector<mlp_output> outputs;
  for (std::size_t f = 0; f < results.size(); ++f) {
    if (program_.features[f].encoding == ir::Encoding::bag) bags[f].resize(static_cast<std::size_t>(table.rows));
    outputs.push_back({bags[f].empty() ? static_cast<void*>(results[f].data()) : bags[f].data(), nullptr});
  }
  run("features", table, fitted, folds, outputs);
  for (std::size_t f = 0; f < results.size(); ++f)
    for (std::size_t row = 0; row < bags[f].size(); ++row) results[f][row] = reference::digest(bags[f][row].terms, bags[f][row].size);
  return results;
}

bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::memcmp(&a, &b, sizeof a) == 0;
}

namespace {
template <class T>
void blank_nulls(std::vector<T>& values, const std::vector<std::uint8_t>& present) {
  for (std::size_t i = 0; i < present.size(); ++i)
    if (!present[i]) values[i] = T{};
}
}  // namespace

values::ColumnData reals(std::vector<double> values, std::vector<std::uint8_t> present) {
  blank_nulls(values, present);
  values::ColumnData c;
  c.layout = values::Layout::real;
  c.reals = std::move(values);
  c.present = std::move(present);
  return c;
}
values::ColumnData integers(std::vector<std::int64_t> values, std::vector<std::uint8_t> present) {
  blank_nulls(values, present);
  values::ColumnData c;
  c.layout = values::Layout::integer;
  c.integers = std::move(values);
  c.present = std::move(present);
  return c;
}
values::ColumnData booleans(std::vector<std::uint8_t> values, std::vector<std::uint8_t> present) {
  blank_nulls(values, present);
  values::ColumnData c;
  c.layout = values::Layout::boolean;
  c.booleans = std::move(values);
  c.present = std::move(present);
  return c;
}
values::ColumnData strings(std::vector<std::string> values, std::vector<std::uint8_t> present) {
  blank_nulls(values, present);
  values::ColumnData c;
  c.layout = values::Layout::string;
  for (const std::string& v : values) c.strings.push_back(c.storage.keep(v));
  c.present = std::move(present);
  return c;
}

}  // namespace mlp::harness
