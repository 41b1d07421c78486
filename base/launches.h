// What a device runs, in order: kernels of one text of code, and products of matrices. Made by code generation for functions of a network
// (compiler/ir/loop/network.h) and for features, run by the runtime.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/launch_threads.h"

namespace mlp {

inline constexpr std::int64_t launch_rows = 1024;  // of a block of a kernel of rows

// Where a float of an mlp_network_call lies; by words and order as loop::Memory.
enum class LaunchMemory { scratch, numbers, weight, gradient, state, mean };
struct LaunchPlace {
  LaunchMemory memory = LaunchMemory::scratch;
  std::int64_t number = 0;       // of an array of arrays
  std::int64_t offset = 0;       // in floats
  std::int64_t each = -1;        // scratch by rows: so many floats for each (padded) row lie before it, behind those that are there once; -1: none
  template <class A> void fields(A&& a) { a("memory", memory); a("number", number); a("offset", offset); a("each", each); }
};
struct LaunchExtent {
  std::int64_t count = 1;
  bool rows = false;             // times the rows of the call
  template <class A> void fields(A&& a) { a("count", count); a("rows", rows); }
};
struct LaunchLoop {
  LaunchExtent extent;
  std::int64_t a = 0, b = 0, c = 0;  // strides in floats
  template <class A> void fields(A&& f) { f("extent", extent); f("a", a); f("b", b); f("c", c); }
};

struct Launch {
  // A kernel: a block of threads for each `together` of its points.
  std::string kernel;            // empty: a product
  LaunchExtent points;
  std::int64_t together = 1;
  std::int64_t number = 0;       // its second argument
  // A product: for all loops c[m, n] = (add ? c : 0) + a[m, k] b[k, n]; strides a_m, a_k, b_k, b_n, c_m; of c along n 1.
  std::vector<LaunchLoop> loops;
  LaunchExtent m, n, k;
  LaunchPlace a, b, c;
  std::int64_t a_m = 0, a_k = 0, b_k = 0, b_n = 0, c_m = 0;
  bool add = false;
  bool rounds = false;           // a and b are rounded to bfloat16
  template <class A> void fields(A&& f) {
    f("kernel", kernel); f("points", points); f("together", together); f("number", number); f("loops", loops); f("m", m); f("n", n); f("k", k); f("a", a); f("b", b); f("c", c);
    f("a_m", a_m); f("a_k", a_k); f("b_k", b_k); f("b_n", b_n); f("c_m", c_m); f("add", add); f("rounds", rounds);
  }
};

// One function. Kernels take an mlp_network_call, those of `update` an mlp_update_call, whose addresses are the device's.
struct LaunchList {
  std::string name;              // score | train | update
  std::vector<Launch> launches;
  std::int64_t once = 0, each = 0;   // floats of scratch: in all, and for each row (rounded up to 16)
  std::int64_t scratch(std::int64_t rows) const { return once + (rows + 15) / 16 * 16 * each; }
  template <class A> void fields(A&& a) { a("name", name); a("launches", launches); a("once", once); a("each", each); }
};
struct DeviceCode {
  std::string text;              // PTX
  std::vector<LaunchList> functions;
  const LaunchList* find(const std::string& name) const {
    for (const LaunchList& list : functions)
      if (list.name == name) return &list;
    return nullptr;
  }
  template <class A> void fields(A&& a) { a("text", text); a("functions", functions); }
};

// Outputs of a kernel of rows that a device computes, a column of doubles each.
struct DeviceRows {
  std::string text;                      // PTX of the entry `mlp_` and the kernel's name; empty: it computes none
  std::vector<std::int32_t> outputs;     // of the kernel, ascending, as the entry has them
  std::vector<std::int32_t> columns;     // of the schema, which it reads
  template <class A> void fields(A&& a) { a("text", text); a("outputs", outputs); a("columns", columns); }
};

// What a device runs of a pipeline that is scored there.
struct DevicePipeline {
  DeviceRows features;
  DeviceCode network;                    // with `score`; of other models nothing
  template <class A> void fields(A&& a) { a("features", features); a("network", network); }
};
std::string to_bytes(const DevicePipeline& pipeline);
DevicePipeline device_pipeline(std::string_view bytes);  // those of to_bytes

}  // namespace mlp
