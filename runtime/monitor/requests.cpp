#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "runtime/monitor/monitor.h"

namespace mlp::monitor {

const std::vector<double>& RequestCounts::bounds() {
  static const std::vector<double> list{0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                        0.05,    0.075,    0.1,     0.25,   0.5,     0.75,   1,     2.5,    5,     7.5,  10};
  return list;
}

void RequestCounts::record(int status, double seconds) {
  codes_[static_cast<std::size_t>(std::clamp(status, 0, 599))].fetch_add(1, std::memory_order_relaxed);
  const auto bucket = static_cast<std::size_t>(std::lower_bound(bounds().begin(), bounds().end(), seconds) - bounds().begin());
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<std::uint64_t>(seconds * 1e9), std::memory_order_relaxed);
}

void RequestCounts::write_codes(Exposition& out, const Labels& labels) const {
  for (std::size_t code = 0; code < codes_.size(); ++code) {
    const std::uint64_t count = codes_[code].load(std::memory_order_relaxed);
    if (count == 0 && code != 200) continue;  // 200 always, so that rates have a start
    Labels with = labels;
    const std::string text = std::to_string(code);
    with.emplace_back("code", text);
    out.sample(with, count);
  }
}

void RequestCounts::write_durations(Exposition& out, const Labels& labels) const {
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i <= bounds().size(); ++i) counts.push_back(buckets_[i].load(std::memory_order_relaxed));
  out.histogram(labels, bounds(), counts, static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) * 1e-9);
}

void write_process(Exposition& out, double start_time) {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
    out.family(Metric::cpu);
    out.sample({}, seconds(usage.ru_utime) + seconds(usage.ru_stime));
  }
  if (std::FILE* const file = std::fopen("/proc/self/statm", "re")) {
    unsigned long total = 0, resident = 0;
    const bool read = std::fscanf(file, "%lu %lu", &total, &resident) == 2;
    std::fclose(file);
    if (read) {
      const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
      out.family(Metric::resident);
      out.sample({}, resident * page);
      out.family(Metric::virtual_memory);
      out.sample({}, total * page);
    }
  }
  std::error_code error;
  std::uint64_t open = 0;
  for (std::filesystem::directory_iterator i("/proc/self/fd", error), end; !error && i != end; i.increment(error)) ++open;
  if (open > 0) {
    out.family(Metric::open_fds);
    out.sample({}, open);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.family(Metric::max_fds);
    out.sample({}, std::uint64_t{limit.rlim_cur});
  }
  out.family(Metric::start_time);
  out.sample({}, start_time);
}

}  // namespace mlp::monitor
