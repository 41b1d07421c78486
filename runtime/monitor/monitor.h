// Counts rows as they are served against what training saw, and requests as they are answered.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
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

// A count that one thread changes and any may read.
class Count {
 public:
  void set(std::uint64_t n) { n_.store(n, std::memory_order_relaxed); }
  void add(std::uint64_t n) { set(get() + n); }
  std::uint64_t get() const { return n_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> n_{0};
};

class Monitor;

// What one thread saw: it alone counts here.
class Tally {
 public:
  void observe(const mlp_column* columns, std::int64_t rows, const std::vector<std::vector<double>>& features, const double* out);
  void count_breaches(std::size_t column, std::int64_t values);

 private:
  friend class Monitor;
  explicit Tally(const Monitor& monitor);
  const Monitor& monitor_;
  std::unique_ptr<Count[]> counts_;            // laid out as Monitor::Places says
};

// The tallies of all threads, and what they come to.
class Monitor {
 public:
  Monitor(const package::Signature& signature, const model::Model& model);  // both must outlive it
  Tally& add_tally();                          // for a thread; thread-safe, as all that follows

  struct Drift {
    std::vector<double> features;              // PSI by model feature
    double prediction = 0;
    std::uint64_t rows = 0;
  };
  Drift drift() const;
  std::uint64_t missing(std::size_t feature) const { return sum(places_.missing + feature); }
  std::uint64_t unseen(std::size_t feature) const { return sum(places_.unseen + feature); }

  void write(Exposition& out, std::string_view model, std::string_view version) const;

 private:
  friend class Tally;
  std::uint64_t sum(std::size_t place) const;
  std::vector<std::uint64_t> bins(std::size_t place, std::size_t count) const;

  const package::Signature& signature_;
  const model::Model& model_;
  struct Feature {
    const package::DriftReference* reference;
    bool category;
    std::size_t bins;                          // where its bins are counted
    std::vector<std::size_t> nullable;         // places of the columns behind it that may be null
  };
  std::vector<Feature> features_;
  struct Places {                              // where each kind of count begins; `bins`: of the prediction
    std::size_t bins = 0, missing = 0, unseen = 0, null = 0, breaches = 0, rows = 0, size = 0;
  } places_;
  std::size_t kinds_;                          // of predictions; 0 where they are numbers
  mutable std::mutex mutex_;                   // of the list, not of the counts
  std::vector<std::unique_ptr<Tally>> tallies_;
};

// Requests of one protocol: how many with which outcome, and how long they took. One thread records.
class RequestCounts {
 public:
  void record(int status, std::chrono::nanoseconds time);
  void add(const RequestCounts& other);
  static constexpr std::array<double, 22> bounds{0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                 0.05,    0.075,    0.1,     0.25,   0.5,     0.75,   1,     2.5,    5,     7.5,  10};  // of the latency buckets, in seconds
  void write_codes(Exposition& out, const Labels& labels) const;
  void write_durations(Exposition& out, const Labels& labels) const;

 private:
  std::array<Count, 600> codes_;
  std::array<Count, bounds.size() + 1> buckets_;
  Count nanoseconds_;
};

// What the operating system knows of this process; what cannot be read (an empty chroot has no /proc) is left out.
void write_process(Exposition& out, double start_time);

}  // namespace mlp::monitor
