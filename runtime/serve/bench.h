// An artifact measures itself: how fast it scores on this machine, in each of the forms that rows come in.
#pragma once
#include <array>
#include <cstdint>
#include <string>

#include "runtime/score/score.h"

namespace mlp::serve {

struct BenchOptions {
  std::int64_t rows = 10'000;  // at most, of the file
  double seconds = 4;          // of the four measurements together
  int threads = 1;             // each with rows of its own, at once
  std::string input;           // CSV; "": rows made from the schema and what training saw
};

// Times in nanoseconds, counted in buckets of 1.6 % width: as much memory for a second as for an hour.
class Times {
 public:
  void add(std::uint64_t nanoseconds);
  void add(const Times& other);
  double quantile(double share) const;

 private:
  static std::uint64_t of_bucket(std::size_t bucket);
  std::array<std::uint64_t, 64 * 59> counts_{};
  std::uint64_t all_ = 0;
};

struct Measured {
  double per_second = 0;  // of rows, or of requests of one row
  Times times;            // of a block, a row, a request or the whole file
};
struct BenchResult {
  std::int64_t rows = 0;
  Measured batch;          // columns in memory → predictions, in blocks
  Measured row;            // the same, a row at a time
  Measured request;        // a JSON request of one row → its JSON answer, all but the socket
  Measured csv;            // CSV → CSV
  double csv_bytes = 0;    // of the rows as CSV
  double request_bytes = 0;  // of a request's body, on average
};
BenchResult bench(const score::Engine& engine, const BenchOptions& options);  // throws Failure

}  // namespace mlp::serve
