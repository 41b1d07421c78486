// bench_device_rows_prepare DIR: the code of a chain of features for the GPU, and what the CPU makes of the first rows. For bench_device_rows.
#include <cmath>
#include <cstdio>
#include <fstream>

#include "bench/device/rows.h"
#include "compiler/driver/driver.h"

using namespace mlp;

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: bench_device_rows_prepare DIR\n"), 2;
  const std::string directory = argv[1];
  std::string text = "pipeline p\nschema Row {\n";
  for (std::size_t c = 0; c < row_columns; ++c) text += "  x" + std::to_string(c) + " : float?\n";
  text += "  y : bool\n}\nsource rows : Row = csv(\"rows.csv\")\nfeatures x from rows {\n  each(float) |> impute |> log_signed |> standardize |> clamp(-2, 2)\n}\nmodel m = linear { predict y from x }\n";
  const driver::Unit unit = driver::compile("p.mlp", text);
  for (const Diagnostic& d : unit.diagnostics.all()) std::fprintf(stderr, "%s\n", d.message.c_str());
  if (!unit.ok()) return 1;
  const loop::Kernel& kernel = *unit.loops.find("features");
  std::ofstream(directory + "/rows.ptx") << driver::native().device_rows(unit.loops, "features", 90).text;
  // The slots of each output, in the order in which it reads them.
  std::int64_t slots = 0;
  std::ofstream order(directory + "/slots");
  for (const loop::Output& output : kernel.outputs) {
    std::vector<char> needed(kernel.body.size(), 0);
    needed[static_cast<std::size_t>(output.value.index)] = 1;
    for (std::size_t i = kernel.body.size(); i-- > 0;)
      if (needed[i])
        for (const loop::ValueId arg : kernel.body[i].args) needed[static_cast<std::size_t>(arg.index)] = 1;
    for (std::size_t i = 0; i < kernel.body.size(); ++i)
      if (needed[i] && kernel.body[i].op == loop::Op::fitted) {
        order << kernel.body[i].integer << ' ';
        slots = std::max(slots, kernel.body[i].integer + 1);
      }
    order << '\n';
  }
  std::vector<double> numbers;
  for (std::int64_t s = 0; s < slots; ++s) numbers.push_back(0.6 + 0.1 * static_cast<double>(s % 7));
  const auto write = [&](const char* name, const std::vector<double>& values) {
    std::ofstream(directory + "/" + name, std::ios::binary).write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(double)));
  };
  write("numbers.f64", numbers);
  constexpr std::int64_t rows = 20000;
  std::vector<std::vector<double>> columns(row_columns, std::vector<double>(rows));
  std::vector<std::vector<std::uint8_t>> present(row_columns, std::vector<std::uint8_t>(rows));
  std::vector<double> inputs, expected;
  std::vector<mlp_column> in;
  for (std::size_t c = 0; c < row_columns; ++c) {
    for (std::int64_t i = 0; i < rows; ++i) {
      present[c][static_cast<std::size_t>(i)] = row_value(i, c, columns[c][static_cast<std::size_t>(i)]);
      inputs.push_back(present[c][static_cast<std::size_t>(i)] ? columns[c][static_cast<std::size_t>(i)] : std::nan(""));
    }
    in.push_back({columns[c].data(), present[c].data()});
  }
  in.push_back({columns[0].data(), nullptr});
  std::vector<std::vector<double>> results(kernel.outputs.size(), std::vector<double>(rows));
  std::vector<mlp_output> out;
  for (auto& r : results) out.push_back({r.data(), nullptr});
  const auto compiled = driver::native().compile(unit.loops, {});
  const mlp_batch batch{rows, in.data(), nullptr, nullptr};
  const mlp_fitted fitted{numbers.data(), nullptr, nullptr};
  compiled->find("features")(&batch, &fitted, out.data());
  for (const auto& r : results) expected.insert(expected.end(), r.begin(), r.end());
  write("inputs.f64", inputs);
  write("expected.f64", expected);
  std::printf("%zu outputs, %lld numbers, %lld rows expected\n", kernel.outputs.size(), static_cast<long long>(slots), static_cast<long long>(rows));
  return 0;
}
