// Counts rows as they are served against what training saw, and requests as they are answered.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/monitor/exposition.h"
#include "runtime/package/package.h"
#include "runtime/score/score.h"

namespace mlp::monitor {

// The distribution of a feature's values in the train rows: at most `bins` bins of about equal counts (edges are values
// that occur, the last one is the maximum, so that larger values later fall beyond it); categories by code.
package::DriftReference make_reference(const std::vector<double>& values, const model::FeatureInfo& info, int bins = 20);
// The same for predictions (rows x width): the probability of classes[1], the value, the score of an anomaly, or the predicted
// class or cluster.
package::DriftReference make_prediction_reference(const model::Model& model, const std::vector<double>& predictions, int bins = 20);

// Population stability index sum (q - p) ln(q / p) over the shares of the bins; an empty bin counts as a share of 1e-4.
// 0 when there are no rows on either side.
double psi(const std::vector<double>& reference, const std::vector<std::uint64_t>& current);

// The bin of a value; see package::DriftReference.
std::size_t bin_of(const package::DriftReference& reference, bool category, double value);

// Thread-safe; every count is one relaxed increment.
class Monitor {
 public:
  Monitor(const package::Signature& signature, const model::Model& model);  // both must outlive it

  void observe(const mlp_column* columns, std::int64_t rows, const std::vector<std::vector<double>>& features, const double* out);
  void count_breaches(std::size_t column, std::int64_t values);

  struct Drift {
    std::vector<double> features;              // PSI by model feature
    double prediction = 0;
    std::uint64_t rows = 0;
  };
  Drift drift() const;
  std::uint64_t missing(std::size_t feature) const { return load(missing_, feature); }
  std::uint64_t unseen(std::size_t feature) const { return load(unseen_, feature); }

  void write(Exposition& out, std::string_view model, std::string_view version) const;

 private:
  using Counters = std::unique_ptr<std::atomic<std::uint64_t>[]>;
  static Counters counters(std::size_t count);
  static std::uint64_t load(const Counters& counters, std::size_t i) { return counters[i].load(std::memory_order_relaxed); }
  static void add(const Counters& counters, std::size_t i, std::uint64_t n) { counters[i].fetch_add(n, std::memory_order_relaxed); }
  void count_bins(const package::DriftReference& reference, bool category, std::size_t offset, const double* values, std::size_t stride, std::int64_t rows);
  std::vector<std::uint64_t> bins(std::size_t offset, std::size_t count) const;

  const package::Signature& signature_;
  const model::Model& model_;
  std::vector<std::size_t> offset_;            // of each feature's bins, then of the prediction's
  Counters bins_, missing_, unseen_, null_, breaches_;
  std::atomic<std::uint64_t> rows_{0};
};

// Requests of one protocol: how many with which outcome, and how long they took.
class RequestCounts {
 public:
  void record(int status, double seconds);
  static const std::vector<double>& bounds();  // of the latency buckets, in seconds
  void write_codes(Exposition& out, const Labels& labels) const;
  void write_durations(Exposition& out, const Labels& labels) const;

 private:
  std::array<std::atomic<std::uint64_t>, 600> codes_{};
  std::array<std::atomic<std::uint64_t>, 32> buckets_{};
  std::atomic<std::uint64_t> nanoseconds_{0};
};

// What the operating system knows of this process; what cannot be read (an empty chroot has no /proc) is left out.
void write_process(Exposition& out, double start_time);

}  // namespace mlp::monitor
