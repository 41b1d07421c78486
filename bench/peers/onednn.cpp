// The rate of oneDNN's products alone: dense layers of a network, ROWS at a time, without what stands between them.
//   bench_onednn LIBRARY WEIGHTS.f32 ROWS.f32 OUTPUT WIDTH...   the widths of input and layers, 1 at the end; a run's result: seconds of the products
// WEIGHTS: matrix and offsets of each layer. OUTPUT gets the scores of the network (relu between layers) for comparison.
#include <dlfcn.h>

#include <algorithm>

#include "bench/workers/worker.h"

namespace {

struct Version {  // dnnl_version_t
  int major, minor, patch;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) return 2;
  void* const library = ::dlopen(argv[1], RTLD_NOW);
  if (!library) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    return 3;
  }
  using Product = int (*)(char, char, std::int64_t, std::int64_t, std::int64_t, float, const float*, std::int64_t, const float*, std::int64_t, float, float*, std::int64_t);
  const auto product = reinterpret_cast<Product>(::dlsym(library, "dnnl_sgemm"));
  const auto version = reinterpret_cast<const Version* (*)()>(::dlsym(library, "dnnl_version"))();
  const std::vector<float> weights = bench::read<float>(argv[2]);
  std::vector<std::int64_t> width;
  for (int i = 5; i < argc; ++i) width.push_back(std::atoll(argv[i]));
  std::vector<std::vector<float>> values = {bench::read<float>(argv[3])};
  const std::int64_t rows = static_cast<std::int64_t>(values[0].size()) / width[0];
  for (std::size_t l = 1; l < width.size(); ++l) values.emplace_back(static_cast<std::size_t>(rows * width[l]));

  const auto layers = [&](bool whole) {
    double seconds = 0;
    const float* at = weights.data();
    for (std::size_t l = 1; l < width.size(); ++l) {
      const std::int64_t k = width[l - 1], n = width[l];
      const double start = bench::now();
      if (product('N', 'N', rows, n, k, 1, values[l - 1].data(), k, at, n, 0, values[l].data(), n) != 0) std::exit(3);
      seconds += bench::now() - start;
      at += k * n;
      for (std::int64_t i = 0; whole && i < rows * n; ++i) {
        float& v = values[l][static_cast<std::size_t>(i)];
        v += at[i % n];
        if (l + 1 < width.size()) v = std::max(v, 0.0f);
      }
      at += n;
    }
    return seconds;
  };
  layers(true);
  bench::write(argv[4], std::vector<double>(values.back().begin(), values.back().end()));
  char text[32];
  std::snprintf(text, sizeof text, "%d.%d.%d", version->major, version->minor, version->patch);
  // What a run leaves in between differs from the first; the work does not.
  return bench::serve(std::string("{\"version\": \"") + text + "\", \"output\": \"" + argv[4] + "\"}", std::function<double()>([&] { return layers(false); }));
}
