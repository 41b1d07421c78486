// Rows of floats through a model in a library made by `mlp build --kind=lib`, called by its C interface.
//   bench_trees LIBRARY PREFIX ROWS.f32 COLUMNS OUTPUT batch   row-major floats → predictions, all rows in one call
//   bench_trees LIBRARY PREFIX ROWS.f32 COLUMNS OUTPUT row     one row a call; a run's result is the median of the calls
#include <dlfcn.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "bench/workers/worker.h"

namespace {

// In large pages where there are some, as numpy asks for them for the rows of the peers.
std::unique_ptr<float, void (*)(void*)> in_large_pages(const std::vector<float>& values) {
  constexpr std::size_t page = 2 << 20;
  const std::size_t bytes = values.size() * sizeof(float), whole = (bytes + page - 1) / page * page;
  std::unique_ptr<float, void (*)(void*)> out(static_cast<float*>(std::aligned_alloc(page, whole)), std::free);
  ::madvise(out.get(), whole, MADV_HUGEPAGE);
  std::memcpy(out.get(), values.data(), bytes);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const std::string prefix = argv[2];
  void* const library = ::dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    return 3;
  }
  const auto symbol = [&](const char* name) { return ::dlsym(library, (prefix + "_" + name).c_str()); };
  const auto score = reinterpret_cast<int (*)(const float*, std::int64_t, std::int64_t, double*)>(symbol("score_rows"));
  const auto width = reinterpret_cast<std::int32_t (*)()>(symbol("width"))();
  const auto version = reinterpret_cast<const char* (*)()>(symbol("version"))();
  const std::vector<float> read = bench::read<float>(argv[3]);
  const std::unique_ptr<float, void (*)(void*)> rows = in_large_pages(read);
  const std::int64_t columns = std::atoll(argv[4]);
  const std::int64_t count = static_cast<std::int64_t>(read.size()) / columns;

  std::vector<double> out(static_cast<std::size_t>(count * width));
  const auto batch = [&] {
    const double start = bench::now();
    if (score(rows.get(), columns, count, out.data()) != 0) std::exit(3);
    return bench::now() - start;
  };
  std::vector<double> calls(static_cast<std::size_t>(count));
  const auto one = [&] {
    for (std::int64_t i = 0; i < count; ++i) {
      const double start = bench::now();
      if (score(rows.get() + i * columns, columns, 1, out.data() + i * width) != 0) std::exit(3);
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
