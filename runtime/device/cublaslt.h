// What is used of cuBLASLt 11 to 13: declared here, opened at run time.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "runtime/device/device.h"

namespace mlp::device {

// What factors are, and how they are multiplied: floats as such; floats of which 11 bits count; numbers of two bytes.
enum class Factors { float32, tf32, bf16 };

// A product of matrices whose columns lie side by side: c[m, n] = a b + (add ? c : 0), a [m, k], b [k, n] or turned, `count` times.
struct ColumnProduct {
  std::int64_t m, n, k, count;
  const void* a;
  bool a_turned;
  std::int64_t a_column, a_step;                   // from column to column, from matrix to matrix, in numbers
  const void* b;
  bool b_turned;
  std::int64_t b_column, b_step;
  float* c;
  std::int64_t c_column, c_step;
  bool add;
  Factors factors;
};

// c' = b' a': rows of c are columns of what cuBLASLt makes. Nothing where it takes no such strides or sizes.
std::optional<ColumnProduct> by_columns(const Product& product);

class CublasLt {
 public:
  // `file`, or without one whichever is there; nullptr when none is. Throws Failure(no_device) when `file` cannot be used.
  static std::unique_ptr<CublasLt> open(const std::string& file);
  ~CublasLt();
  std::string describe() const;                    // cuBLASLt 13.1.0

  // What is to be known of a product before it runs; of a shape found once. False: cuBLASLt cannot.
  bool prepare(const ColumnProduct& p) { return plan_of(p) != nullptr; }
  bool multiply(const ColumnProduct& p, void* workspace, void* stream);
  static constexpr std::size_t workspace_bytes = 32u << 20;

 private:
  struct Functions;
  struct Plan;
  CublasLt();
  Plan* plan_of(const ColumnProduct& p);
  void check(int status, const char* doing) const;
  std::unique_ptr<Functions> functions_;
  void* handle_ = nullptr;
  std::map<std::array<std::int64_t, 16>, std::unique_ptr<Plan>> plans_;
};

}  // namespace mlp::device
