#include "runtime/device/cublaslt.h"

#include <dlfcn.h>

#include <algorithm>
#include <bit>

#include "base/codes/command.h"
#include "runtime/device/driver.h"

namespace mlp::device {
namespace {

// cublasComputeType_t, cudaDataType, cublasOperation_t and the attributes: the same numbers in 11, 12 and 13.
constexpr int compute_32f = 68, compute_32f_fast_tf32 = 77, real_32f = 0, real_16bf = 14, not_turned = 0, turned = 1;
constexpr int desc_turn_a = 3, desc_turn_b = 4;
constexpr int layout_count = 5, layout_step = 6;
constexpr int most_workspace = 1, alignment_a = 5, alignment_b = 6, alignment_c = 7, alignment_d = 8;

struct Algorithm {                                 // cublasLtMatmulAlgo_t
  std::uint64_t data[8];
};
struct Heuristic {                                 // cublasLtMatmulHeuristicResult_t
  Algorithm algorithm;
  std::size_t workspace;
  int state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(Heuristic) == 96);

// What the address is a multiple of, at most 256.
std::uint32_t alignment_of(const void* address, std::int64_t step, std::int64_t size) {
  const auto bits = reinterpret_cast<std::uintptr_t>(address) | static_cast<std::uintptr_t>(step * size) | 256;
  return 1u << std::countr_zero(bits);
}

}  // namespace

#define MLP_CUBLASLT_FUNCTIONS(X) \
  X(cublasLtCreate, create, (void**)) \
  X(cublasLtDestroy, destroy, (void*)) \
  X(cublasLtMatmulDescCreate, create_desc, (void**, int, int)) \
  X(cublasLtMatmulDescDestroy, destroy_desc, (void*)) \
  X(cublasLtMatmulDescSetAttribute, set_desc, (void*, int, const void*, std::size_t)) \
  X(cublasLtMatrixLayoutCreate, create_layout, (void**, int, std::uint64_t, std::uint64_t, std::int64_t)) \
  X(cublasLtMatrixLayoutDestroy, destroy_layout, (void*)) \
  X(cublasLtMatrixLayoutSetAttribute, set_layout, (void*, int, const void*, std::size_t)) \
  X(cublasLtMatmulPreferenceCreate, create_preference, (void**)) \
  X(cublasLtMatmulPreferenceDestroy, destroy_preference, (void*)) \
  X(cublasLtMatmulPreferenceSetAttribute, set_preference, (void*, int, const void*, std::size_t)) \
  X(cublasLtMatmulAlgoGetHeuristic, heuristic, (void*, void*, void*, void*, void*, void*, void*, int, void*, int*)) \
  X(cublasLtMatmul, multiply, (void*, void*, const void*, const void*, void*, const void*, void*, const void*, const void*, void*, void*, void*, const void*, void*, std::size_t, void*))

struct CublasLt::Functions {
#define MLP_FUNCTION(symbol, name, arguments) int(*name) arguments;
  MLP_CUBLASLT_FUNCTIONS(MLP_FUNCTION)
#undef MLP_FUNCTION
  std::size_t (*version)();
};

struct CublasLt::Plan {
  explicit Plan(const Functions& f) : functions(f) {}
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    if (desc) functions.destroy_desc(desc);
    for (void* layout : {a, b, c})
      if (layout) functions.destroy_layout(layout);
  }
  const Functions& functions;
  void *desc = nullptr, *a = nullptr, *b = nullptr, *c = nullptr;
  Algorithm algorithm{};
  bool possible = false;
};

std::optional<ColumnProduct> by_columns(const Product& p) {
  const std::int64_t most = std::int64_t{1} << 31;
  if (p.k == 0 || std::max({p.m, p.n, p.k, p.count}) >= most || p.c_m < p.n) return {};
  ColumnProduct q{.m = p.n, .n = p.m, .k = p.k, .count = p.count, .a = p.b, .a_turned = false, .a_column = 0, .a_step = p.count == 1 ? 0 : p.b_step, .b = p.a, .b_turned = false, .b_column = 0,
                  .b_step = p.count == 1 ? 0 : p.a_step, .c = p.c, .c_column = p.c_m, .c_step = p.count == 1 ? 0 : p.c_step, .add = p.add, .factors = Factors::float32};
  // A side of one element has whatever stride suits.
  const auto side = [](std::int64_t inner, std::int64_t inner_stride, std::int64_t outer, std::int64_t outer_stride, std::int64_t& column) {
    if (inner != 1 && inner_stride != 1) return false;
    column = outer == 1 ? inner : outer_stride;
    return column >= inner;
  };
  if (!side(p.n, p.b_n, p.k, p.b_k, q.a_column)) {
    q.a_turned = true;
    if (!side(p.k, p.b_k, p.n, p.b_n, q.a_column)) return {};
  }
  if (!side(p.k, p.a_k, p.m, p.a_m, q.b_column)) {
    q.b_turned = true;
    if (!side(p.m, p.a_m, p.k, p.a_k, q.b_column)) return {};
  }
  return q;
}

CublasLt::CublasLt() : functions_(new Functions{}) {}
CublasLt::~CublasLt() {
  plans_.clear();
  if (handle_) functions_->destroy(handle_);
}

std::unique_ptr<CublasLt> CublasLt::open(const std::string& file) {
  void* opened = nullptr;
  std::string name = file;
  if (!file.empty()) {
    opened = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!opened) throw Failure(code::no_device, "cuBLASLt cannot be opened: " + std::string(dlerror()), "correct MLP_CUBLASLT, the file of libcublasLt.so, or leave it unset");
  }
  for (const char* known : {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"})
    if (!opened && (opened = dlopen(known, RTLD_NOW | RTLD_LOCAL))) name = known;
  if (!opened) return nullptr;
  std::unique_ptr<CublasLt> library(new CublasLt);
  Functions& f = *library->functions_;
  const std::string help = "install cuBLAS 11 or newer";
#define MLP_FUNCTION(symbol, to, arguments) f.to = reinterpret_cast<decltype(f.to)>(library_function(opened, name, #symbol, help));
  MLP_CUBLASLT_FUNCTIONS(MLP_FUNCTION)
#undef MLP_FUNCTION
  f.version = reinterpret_cast<std::size_t (*)()>(library_function(opened, name, "cublasLtGetVersion", help));
  library->check(f.create(&library->handle_), "is opened");
  return library;
}

void CublasLt::check(int status, const char* doing) const {
  if (status != 0)
    throw Failure(code::device_failed, std::string("cuBLASLt failed while it ") + doing + ": status " + std::to_string(status), "leave cuBLASLt out with MLP_CUBLASLT=none, or install one that fits the driver");
}

std::string CublasLt::describe() const {
  const std::size_t v = functions_->version();     // 130100 since 12, before 11 thousands were 1000 each
  const std::size_t major = v >= 100000 ? v / 10000 : v / 1000, minor = v >= 100000 ? v / 100 % 100 : v / 100 % 10;
  return "cuBLASLt " + std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(v % 100);
}

CublasLt::Plan* CublasLt::plan_of(const ColumnProduct& p) {
  const std::int64_t size = p.factors == Factors::bf16 ? 2 : 4;
  const std::uint32_t align_a = alignment_of(p.a, p.a_step, size), align_b = alignment_of(p.b, p.b_step, size), align_c = alignment_of(p.c, p.c_step, 4);
  auto& slot = plans_[{p.m, p.n, p.k, p.count, p.a_turned, p.a_column, p.a_step, p.b_turned, p.b_column, p.b_step, p.c_column, p.c_step, static_cast<std::int64_t>(p.factors), align_a, align_b, align_c}];
  if (slot) return slot->possible ? slot.get() : nullptr;
  const Functions& f = *functions_;
  auto plan = std::make_unique<Plan>(f);
  check(f.create_desc(&plan->desc, p.factors == Factors::tf32 ? compute_32f_fast_tf32 : compute_32f, real_32f), "describes a product");
  const auto turn = [&](int which, bool is) {
    const std::int32_t operation = is ? turned : not_turned;
    check(f.set_desc(plan->desc, which, &operation, sizeof operation), "describes a product");
  };
  turn(desc_turn_a, p.a_turned);
  turn(desc_turn_b, p.b_turned);
  const int of_factors = p.factors == Factors::bf16 ? real_16bf : real_32f;
  const auto layout = [&](void** to, int type, std::int64_t rows, std::int64_t columns, std::int64_t column, std::int64_t step) {
    check(f.create_layout(to, type, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns), column), "describes a matrix");
    const auto count = static_cast<std::int32_t>(p.count);
    check(f.set_layout(*to, layout_count, &count, sizeof count), "describes a matrix");
    check(f.set_layout(*to, layout_step, &step, sizeof step), "describes a matrix");
  };
  layout(&plan->a, of_factors, p.a_turned ? p.k : p.m, p.a_turned ? p.m : p.k, p.a_column, p.a_step);
  layout(&plan->b, of_factors, p.b_turned ? p.n : p.k, p.b_turned ? p.k : p.n, p.b_column, p.b_step);
  layout(&plan->c, real_32f, p.m, p.n, p.c_column, p.c_step);
  void* preference = nullptr;
  check(f.create_preference(&preference), "is asked for an algorithm");
  const auto prefer = [&](int which, const auto& value) { check(f.set_preference(preference, which, &value, sizeof value), "is asked for an algorithm"); };
  const std::uint64_t most = workspace_bytes;
  prefer(most_workspace, most);
  prefer(alignment_a, align_a);
  prefer(alignment_b, align_b);
  prefer(alignment_c, align_c);
  prefer(alignment_d, align_c);
  Heuristic found{};
  int count = 0;
  const int status = f.heuristic(handle_, plan->desc, plan->a, plan->b, plan->c, plan->c, preference, 1, &found, &count);
  f.destroy_preference(preference);
  plan->possible = status == 0 && count == 1 && found.state == 0;
  plan->algorithm = found.algorithm;
  slot = std::move(plan);
  return slot->possible ? slot.get() : nullptr;
}

bool CublasLt::multiply(const ColumnProduct& p, void* workspace, void* stream) {
  Plan* const plan = plan_of(p);
  if (!plan) return false;
  const float one = 1, beta = p.add ? 1 : 0;
  check(functions_->multiply(handle_, plan->desc, &one, p.a, plan->a, p.b, plan->b, &beta, p.c, plan->c, p.c, plan->c, &plan->algorithm, workspace, workspace_bytes, stream), "multiplies");
  return true;
}

}  // namespace mlp::device
