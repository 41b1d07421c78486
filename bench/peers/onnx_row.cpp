// One row a call through a model in ONNX Runtime, by its C interface: tensors are made once over one buffer, a call is Run alone.
//   bench_onnx_row LIBRARY MODEL.onnx ROWS.f32 COLUMNS OUTPUT IN OUT   from the input IN to the output OUT, [1, 1]; a run's result is the median of the calls
// The interface is a table of functions whose order its version 1 fixes for good; the wheel has the library and no header.
#include <dlfcn.h>

#include <algorithm>

#include "bench/workers/worker.h"

namespace {

enum Function { create_env = 3, create_session = 7, run = 9, create_session_options = 10, set_intra_op_threads = 24, create_tensor_with_data = 49, create_cpu_memory_info = 69, get_error_message = 2 };
struct ApiBase {
  const void* const* (*get_api)(std::uint32_t version);
  const char* (*get_version)();
};
const void* const* api;

template <class... Arguments>
void call(Function function, Arguments... arguments) {
  void* const status = reinterpret_cast<void* (*)(Arguments...)>(const_cast<void*>(api[function]))(arguments...);
  if (!status) return;
  std::fprintf(stderr, "%s\n", reinterpret_cast<const char* (*)(void*)>(const_cast<void*>(api[get_error_message]))(status));
  std::exit(3);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) return 2;
  void* const library = ::dlopen(argv[1], RTLD_NOW);
  if (!library) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    return 3;
  }
  const ApiBase* const base = reinterpret_cast<const ApiBase* (*)()>(::dlsym(library, "OrtGetApiBase"))();
  api = base->get_api(1);
  const std::vector<float> rows = bench::read<float>(argv[3]);
  const std::int64_t columns = std::atoll(argv[4]), count = static_cast<std::int64_t>(rows.size()) / columns;

  void *env = nullptr, *options = nullptr, *session = nullptr, *memory = nullptr, *input = nullptr, *output = nullptr;
  call(create_env, 3, "bench", &env);
  call(create_session_options, &options);
  call(set_intra_op_threads, options, 1);
  call(create_session, env, static_cast<const char*>(argv[2]), options, &session);
  call(create_cpu_memory_info, 1, 0, &memory);
  std::vector<float> row(static_cast<std::size_t>(columns));
  float result = 0;
  const std::int64_t in_shape[] = {1, columns}, out_shape[] = {1, 1};
  call(create_tensor_with_data, memory, static_cast<void*>(row.data()), row.size() * sizeof(float), in_shape, std::size_t{2}, 1, &input);
  call(create_tensor_with_data, memory, static_cast<void*>(&result), sizeof result, out_shape, std::size_t{2}, 1, &output);
  const char *in_name = argv[6], *out_name = argv[7];
  const void* const inputs[] = {input};
  void* outputs[] = {output};

  std::vector<double> calls(static_cast<std::size_t>(count)), results(static_cast<std::size_t>(count));
  const auto one = [&] {
    for (std::int64_t i = 0; i < count; ++i) {
      const double start = bench::now();
      std::copy_n(rows.begin() + i * columns, columns, row.begin());
      call(run, session, static_cast<void*>(nullptr), &in_name, static_cast<const void* const*>(inputs), std::size_t{1}, &out_name, std::size_t{1}, static_cast<void**>(outputs));
      calls[static_cast<std::size_t>(i)] = bench::now() - start;
      results[static_cast<std::size_t>(i)] = result;
    }
    std::nth_element(calls.begin(), calls.begin() + count / 2, calls.end());
    return calls[static_cast<std::size_t>(count / 2)];
  };
  one();
  bench::write(argv[5], results);
  return bench::serve(std::string("{\"version\": \"") + base->get_version() + "\", \"output\": \"" + argv[5] + "\"}", std::function<double()>(one));
}
