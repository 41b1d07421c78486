// Rows of floats through a forest in a library made by `mlp build --kind=lib`, called by its C interface.
//   bench_trees LIBRARY PREFIX ROWS.f32 COLUMNS OUTPUT batch   row-major floats → columns → predictions, all rows in one call
//   bench_trees LIBRARY PREFIX ROWS.f32 COLUMNS OUTPUT row     one row a call; a run's result is the median of the calls
#include <dlfcn.h>

#include <algorithm>
#include <cstring>

#include "abi/abi.h"
#include "bench/workers/worker.h"

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const std::string prefix = argv[2];
  void* const library = ::dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    return 3;
  }
  const auto symbol = [&](const char* name) { return ::dlsym(library, (prefix + "_" + name).c_str()); };
  const auto score = reinterpret_cast<int (*)(const mlp_column*, std::int64_t, double*)>(symbol("score_columns"));
  const auto width = reinterpret_cast<std::int32_t (*)()>(symbol("width"))();
  const auto version = reinterpret_cast<const char* (*)()>(symbol("version"))();
  const std::vector<float> rows = bench::read<float>(argv[3]);
  const std::int64_t columns = std::atoll(argv[4]);
  const std::int64_t count = static_cast<std::int64_t>(rows.size()) / columns;

  // A value that is missing is a null of the column. Blocks of rows stay in the cache between the two steps.
  constexpr std::int64_t block = 1024;
  std::vector<double> values(static_cast<std::size_t>(columns * block));
  std::vector<std::uint8_t> present(static_cast<std::size_t>(columns * block));
  std::vector<mlp_column> table(static_cast<std::size_t>(columns));
  std::vector<double> out(static_cast<std::size_t>(count * width));
  const auto transpose = [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t c = 0; c < columns; ++c) {
      double* const to = values.data() + c * block;
      std::uint8_t* const there = present.data() + c * block;
      const float* from = rows.data() + first * columns + c;
      for (std::int64_t i = 0; i < n; ++i, from += columns) {
        there[i] = *from == *from;
        to[i] = there[i] ? *from : 0;
      }
      table[static_cast<std::size_t>(c)] = {to, there};
    }
  };
  const auto batch = [&] {
    const double start = bench::now();
    for (std::int64_t first = 0; first < count; first += block) {
      const std::int64_t n = std::min(block, count - first);
      transpose(first, n);
      if (score(table.data(), n, out.data() + first * width) != 0) std::exit(3);
    }
    return bench::now() - start;
  };
  std::vector<double> calls(static_cast<std::size_t>(count));
  const auto one = [&] {
    for (std::int64_t i = 0; i < count; ++i) {
      const double start = bench::now();
      transpose(i, 1);
      if (score(table.data(), 1, out.data() + i * width) != 0) std::exit(3);
      calls[static_cast<std::size_t>(i)] = bench::now() - start;
    }
    std::nth_element(calls.begin(), calls.begin() + count / 2, calls.end());
    return calls[static_cast<std::size_t>(count / 2)];
  };
  const bool batched = std::strcmp(argv[6], "batch") == 0;
  if (batched) batch();
  else one();
  std::vector<double> last;
  for (std::int64_t i = 0; i < count; ++i) last.push_back(out[static_cast<std::size_t>(i * width + width - 1)]);
  bench::write(argv[5], last);
  return bench::serve("{\"version\": \"" + std::string(version) + "\", \"output\": \"" + argv[5] + "\"}", batched ? std::function<double()>(batch) : std::function<double()>(one));
}
