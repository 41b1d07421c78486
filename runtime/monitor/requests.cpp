#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "runtime/monitor/monitor.h"

namespace mlp::monitor {

void RequestCounts::record(int status, std::chrono::nanoseconds time) {
  codes_[static_cast<std::size_t>(std::clamp(status, 0, 599))].add(1);
  const double seconds = std::chrono::duration<double>(time).count();
  buckets_[static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin())].add(1);
  nanoseconds_.add(static_cast<std::uint64_t>(time.count()));
}

void RequestCounts::add(const RequestCounts& other) {
  for (std::size_t i = 0; i < codes_.size(); ++i) codes_[i].add(other.codes_[i].get());
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i].add(other.buckets_[i].get());
  nanoseconds_.add(other.nanoseconds_.get());
}

void RequestCounts::write_codes(Exposition& out, const Labels& labels) const {
  for (std::size_t code = 0; code < codes_.size(); ++code) {
    const std::uint64_t count = codes_[code].get();
    if (count == 0 && code != 200) continue;  // 200 always, so that rates have a start
    Labels with = labels;
    const std::string text = std::to_string(code);
    with.emplace_back("code", text);
    out.sample(with, count);
  }
}

void RequestCounts::write_durations(Exposition& out, const Labels& labels) const {
  std::vector<std::uint64_t> counts;
  for (const Count& bucket : buckets_) counts.push_back(bucket.get());
  out.histogram(labels, {bounds.begin(), bounds.end()}, counts, static_cast<double>(nanoseconds_.get()) * 1e-9);
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
