// bench_device_rows DIR ROWS: features on the GPU over columns that lie there, the code and what is expected from bench_device_rows_prepare.
// Compares the first rows bit for bit, then times a run for each line of input (bench/device/rows.py).
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "base/diagnostic.h"
#include "bench/device/rows.h"
#include "runtime/device/cuda.h"
#include "runtime/device/rows.h"

using namespace mlp;

namespace {

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}
std::vector<double> doubles(const std::string& path) {
  const std::string bytes = read(path);
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  return values;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: bench_device_rows DIR ROWS\n"), 2;
  try {
    const std::string directory = argv[1];
    const auto rows = static_cast<std::int64_t>(std::atoll(argv[2]));
    const std::vector<double> expected = doubles(directory + "/expected.f64");
    const auto checked = static_cast<std::int64_t>(expected.size() / row_columns);
    const auto device = device::open_cuda();
    device::RowKernel kernel(*device, read(directory + "/rows.ptx"), "mlp_features", doubles(directory + "/numbers.f64"), row_columns, row_columns);
    kernel.rows(rows);
    std::vector<std::vector<double>> values(row_columns);
    std::vector<std::vector<std::uint8_t>> present(row_columns);
    std::vector<std::thread> threads;
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    for (std::size_t t = 0; t < cores; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t c = t; c < row_columns; c += cores) {
          values[c].resize(static_cast<std::size_t>(rows));
          present[c].resize(static_cast<std::size_t>(rows));
          for (std::int64_t i = 0; i < rows; ++i) present[c][static_cast<std::size_t>(i)] = row_value(i, c, values[c][static_cast<std::size_t>(i)]);
        }
      });
    for (std::thread& t : threads) t.join();
    for (std::size_t c = 0; c < row_columns; ++c) kernel.take(c, values[c].data(), sizeof(double), present[c].data());
    kernel.start();
    bool same = rows >= checked;
    std::vector<double> got(static_cast<std::size_t>(checked));
    for (std::size_t o = 0; same && o < row_columns; ++o) {
      kernel.get(o, got.data(), checked);
      same = std::memcmp(got.data(), expected.data() + o * static_cast<std::size_t>(checked), got.size() * sizeof(double)) == 0;
    }
    std::printf("{\"version\": \"mlp\", \"device\": \"%s\", \"bytes\": %lld, \"same_bytes_as_cpu\": %s}\n", device->describe().c_str(), static_cast<long long>(kernel.bytes()), same ? "true" : "false");
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
      std::printf("%.9f\n", device->milliseconds([&] { kernel.start(); }) / 1000);
      std::fflush(stdout);
    }
    return same ? 0 : 1;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 3;
  }
}
