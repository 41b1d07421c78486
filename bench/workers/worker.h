// The worker's side of bench/harness.py: a line of JSON when prepared, then the seconds of each run that is asked for.
#pragma once
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace bench {

inline double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

template <class T>
std::vector<T> read(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(3);
  }
  std::vector<T> out(static_cast<std::size_t>(in.tellg()) / sizeof(T));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(T)));
  return out;
}
inline void write(const std::string& path, const std::vector<double>& values) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(double)));
}

// `run` does the work once and returns its seconds, or several figures.
inline int serve(const std::string& info, const std::function<std::vector<double>()>& run) {
  std::printf("%s\n", info.c_str());
  std::fflush(stdout);
  char line[64];
  while (std::fgets(line, sizeof line, stdin)) {
    for (const double seconds : run()) std::printf("%.9g ", seconds);
    std::printf("\n");
    std::fflush(stdout);
  }
  return 0;
}

inline int serve(const std::string& info, const std::function<double()>& run) {
  return serve(info, [&]() -> std::vector<double> { return {run()}; });
}

}  // namespace bench
