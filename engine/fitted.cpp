#include "engine/fitted.h"

#include <cstdio>

#include "engine/pipeline.h"

namespace mlp::engine {
namespace {

std::string shown(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return buffer;
}

// A dictionary by its size and its first keys.
std::string shown(const fit::FittedTable& table) {
  std::string out = std::to_string(table.keys.size()) + (table.keys.size() == 1 ? " value: " : " values: ");
  constexpr std::size_t most = 8;
  for (std::size_t i = 0; i < table.keys.size() && i < most; ++i) out += (i ? ", " : "") + ir::quote(table.keys[i]);
  return table.keys.size() > most ? out + ", …" : out;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> fitted_values(const package::Package& package) {
  driver::Options options = options_of(package, true);
  options.stop_after = "plan";
  driver::Unit unit = driver::compile("the spec of the run", package.spec, options);
  if (!unit.ok()) throw SpecError(std::move(unit));
  std::vector<std::pair<std::string, std::string>> values;
  for (const flow::Aggregate& a : unit.program.aggregates) {
    const auto slot = static_cast<std::size_t>(a.slot.index);
    const fit::Fitted& fitted = package.fitted;
    if (a.slot_kind == flow::SlotKind::number && slot < fitted.numbers.size()) values.emplace_back(a.name, shown(fitted.numbers[slot]));
    if (a.slot_kind == flow::SlotKind::text && slot < fitted.texts.size()) values.emplace_back(a.name, ir::quote(fitted.texts[slot]));
    if (a.slot_kind == flow::SlotKind::table && slot < fitted.tables.size()) values.emplace_back(a.name, shown(fitted.tables[slot]));
  }
  return values;
}

}  // namespace mlp::engine
