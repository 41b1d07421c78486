// What a device computes of a program, beside the CPU.
#pragma once
#include <cstring>

#include "compiler/codegen/gpu/gpu.h"
#include "compiler/lower/lower.h"
#include "runtime/device/rows.h"
#include "tests/unit/differential/programs.h"

namespace mlp::differential {

struct OnDevice {
  std::size_t outputs = 0;                            // that the device computed
  std::vector<std::string> differences;               // the names of those with other bits
};
inline OnDevice on_device(device::Device& device, int architecture, const Builder& b, const values::Table& table) {
  const loop::Module module = lower(b.program, {{}, true});
  const DeviceRows there = codegen::device_rows(module, "fit_0", architecture);
  OnDevice result{there.outputs.size(), {}};
  if (there.outputs.empty()) return result;
  loop::Module alone;
  const loop::Kernel& whole = *module.find("fit_0");
  alone.kernels.push_back({whole.name, whole.body, {}});
  for (const std::int32_t o : there.outputs) alone.kernels[0].outputs.push_back(whole.outputs[static_cast<std::size_t>(o)]);
  const auto compiled = codegen::compile(alone, {});
  std::vector<std::vector<double>> wanted(there.outputs.size(), std::vector<double>(static_cast<std::size_t>(table.rows)));
  std::vector<mlp_output> outputs;
  for (std::vector<double>& column : wanted) outputs.push_back({column.data(), nullptr});
  std::vector<mlp_column> columns;
  for (const values::ColumnData& c : table.columns) columns.push_back(c.view());
  const mlp_batch batch{table.rows, columns.data(), nullptr, nullptr};
  const fit::FittedView fitted(b.fitted);
  compiled->find("fit_0")(&batch, fitted.get(), outputs.data());

  device::RowKernel rows(device, there.text, "mlp_fit_0", b.fitted.numbers, columns.size(), there.outputs.size());
  rows.rows(table.rows);
  for (const std::int32_t c : there.columns) {
    const auto at = static_cast<std::size_t>(c);
    rows.take(at, columns[at].values, table.columns[at].layout == values::Layout::boolean ? 1 : 8, columns[at].present);
  }
  rows.start();
  std::vector<double> got(static_cast<std::size_t>(table.rows));
  for (std::size_t o = 0; o < there.outputs.size(); ++o) {
    rows.get(o, got.data(), table.rows);
    if (std::memcmp(got.data(), wanted[o].data(), got.size() * sizeof(double)) != 0) result.differences.push_back(alone.kernels[0].outputs[o].name);
  }
  return result;
}

}  // namespace mlp::differential
