#include "runtime/device/cuda.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/codes/command.h"
#include "runtime/device/cublaslt.h"
#include "runtime/device/driver.h"
#include "runtime/device/kernels/kernels.h"
#include "runtime/device/kernels/product.h"
#include "runtime/device/kernels/slices.h"
#include "runtime/device/kernels/split.h"

namespace mlp::device {
namespace {

constexpr int tensor_architecture = 80;            // TF32 and bfloat16

void* pointer(CuAddress address) { return reinterpret_cast<void*>(address); }
CuAddress address(const void* p) { return reinterpret_cast<CuAddress>(p); }
std::int64_t padded(std::int64_t numbers, std::int64_t to = 8) { return (numbers + to - 1) / to * to; }

class CudaProgram : public Program {
 public:
  CudaProgram(const Driver& driver, void* context, void* module) : driver_(driver), context_(context), module_(module) {}
  ~CudaProgram() override {
    driver_.set_context(context_);
    driver_.unload(module_);
  }
  const void* kernel(const std::string& name) const override {
    void* function = nullptr;
    driver_.set_context(context_);
    if (driver_.function(&function, module_, name.c_str()) != 0) MLP_BUG("there is no kernel `" + name + "` in the program");
    return function;
  }

 private:
  const Driver& driver_;
  void *context_, *module_;
};

class CudaRecording : public Recording {
 public:
  CudaRecording(const Driver& driver, void* context, void* ready) : driver_(driver), context_(context), ready_(ready) {}
  ~CudaRecording() override {
    driver_.set_context(context_);
    driver_.destroy_ready_graph(ready_);
  }
  void* ready() const { return ready_; }

 private:
  const Driver& driver_;
  void *context_, *ready_;
};

class Cuda : public CudaDevice {
 public:
  explicit Cuda(const CudaOptions& options);
  ~Cuda() override;
  Cuda(const Cuda&) = delete;
  Cuda& operator=(const Cuda&) = delete;

  std::string describe() const override;
  int architecture() const override { return architecture_; }
  void* allocate(std::size_t bytes) override;
  void release(void* memory) noexcept override;
  void copy_in(void* to, const void* from, std::size_t bytes) override;
  void copy_out(void* to, const void* from, std::size_t bytes) override;
  void zero(void* to, std::size_t bytes) override;
  std::unique_ptr<Program> load(const std::string& code) override;
  void launch(const void* kernel, std::int64_t blocks, void* call, std::int64_t number) override;
  void product(const Product& product) override;
  std::unique_ptr<Recording> record(const std::function<void()>& work) override;
  void run(const Recording& recording) override;
  void wait() override;
  std::string products() override;
  float milliseconds(const std::function<void()>& work) override;

 private:
  // What becomes of what is asked for: it runs; it is made ready for, before it is recorded; it is recorded.
  enum class Mode { run, prepare, record };
  void current() { driver_.check(driver_.set_context(context_), "is taken"); }
  void start(const void* kernel, std::int64_t blocks, void** arguments);
  template <class Call>
  void start_own(const char* name, std::int64_t blocks, Call call);
  void open_products();
  bool multiply(const ColumnProduct& product);
  bool by_cublaslt(const Product& product);
  bool copied_multiply(const ColumnProduct& product, CopyAs as);
  char* scratch(std::size_t bytes);

  Driver driver_;
  std::string products_file_;
  bool split_, joined_;
  double split_from_;
  std::int64_t slices_, slice_;
  int number_ = 0, architecture_ = 0;
  void *context_ = nullptr, *stream_ = nullptr;
  Mode mode_ = Mode::run;
  bool products_opened_ = false;
  std::unique_ptr<CublasLt> cublaslt_;
  std::unique_ptr<Program> own_;
  void* workspace_ = nullptr;
  std::vector<void*> scratch_;                     // the last is in use; recordings point into the others
  std::size_t scratch_bytes_ = 0;
};

Cuda::Cuda(const CudaOptions& options) : driver_(open_driver(options.driver)), products_file_(options.products), split_(options.split), joined_(options.joined), split_from_(options.split_from), slices_(options.slices), slice_(options.slice) {
  MLP_CHECK(slices_ >= 1 && slices_ <= SumSlices::most);
  const std::string help = "leave `--device=cuda` out: the CPU does the same work; `nvidia-smi` shows the GPUs that the driver sees";
  const CuResult result = driver_.init(0);
  int count = 0;
  if (result != 0 && result != cu_no_device) {
    const char* text = nullptr;
    driver_.error_string(result, &text);
    throw Failure(code::no_device, "NVIDIA's driver does not start: " + std::string(text ? text : "error " + std::to_string(result)), help);
  }
  if (result == cu_no_device || driver_.device_count(&count) != 0 || count == 0) throw Failure(code::no_device, "NVIDIA's driver is here, but sees no GPU", help);
  driver_.check(driver_.device(&number_, 0), "is asked for");
  int major = 0, minor = 0;
  driver_.check(driver_.attribute(&major, cu_capability_major, number_), "is asked for its capability");
  driver_.check(driver_.attribute(&minor, cu_capability_minor, number_), "is asked for its capability");
  architecture_ = 10 * major + minor;
  if (architecture_ < 75) throw Failure(code::no_device, "the GPU is too old: its compute capability is " + std::to_string(major) + "." + std::to_string(minor), "use one of 7.5 (Turing) or newer, or leave `--device=cuda` out");
  driver_.check(driver_.retain_context(&context_, number_), "is opened");
  current();
  driver_.check(driver_.create_stream(&stream_, cu_stream_non_blocking), "is opened");
  if (products_file_.empty())
    if (const char* file = std::getenv("MLP_CUBLASLT")) products_file_ = file;
}

Cuda::~Cuda() {
  driver_.set_context(context_);
  driver_.wait(stream_);
  cublaslt_.reset();
  own_.reset();
  for (void* memory : scratch_) release(memory);
  if (workspace_) release(workspace_);
  driver_.destroy_stream(stream_);
  driver_.release_context(number_);
}

std::string Cuda::describe() const {
  char name[256] = {};
  int version = 0;
  driver_.check(driver_.device_name(name, sizeof name, number_), "is asked for its name");
  driver_.check(driver_.version(&version), "is asked for its driver");
  return std::string(name) + ", compute capability " + std::to_string(architecture_ / 10) + "." + std::to_string(architecture_ % 10) + ", driver " + std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

void* Cuda::allocate(std::size_t bytes) {
  MLP_CHECK(mode_ != Mode::record);
  current();
  CuAddress to = 0;
  driver_.check(driver_.allocate(&to, bytes ? bytes : 1), "gives memory", bytes ? bytes : 1);
  return pointer(to);
}

void Cuda::release(void* memory) noexcept {
  driver_.set_context(context_);
  driver_.release(address(memory));                // waits for all before it; a failure has shown elsewhere, or will
}

void Cuda::copy_in(void* to, const void* from, std::size_t bytes) {
  MLP_CHECK(mode_ == Mode::run);
  if (bytes == 0) return;
  current();
  // Of memory that is not page-locked: staged before it returns.
  driver_.check(driver_.copy_in(address(to), from, bytes, stream_), "takes data");
}

void Cuda::copy_out(void* to, const void* from, std::size_t bytes) {
  MLP_CHECK(mode_ == Mode::run);
  current();
  if (bytes > 0) driver_.check(driver_.copy_out(to, address(from), bytes, stream_), "gives data");
  wait();
}

void Cuda::zero(void* to, std::size_t bytes) {
  if (bytes == 0 || mode_ == Mode::prepare) return;
  current();
  driver_.check(driver_.fill(address(to), 0, bytes, stream_), "clears memory");
}

std::unique_ptr<Program> Cuda::load(const std::string& code) {
  MLP_CHECK(mode_ != Mode::record);
  current();
  std::string log(16384, '\0');
  int options[] = {cu_jit_error_log, cu_jit_error_log_bytes};
  void* values[] = {log.data(), reinterpret_cast<void*>(log.size())};
  void* module = nullptr;
  const CuResult result = driver_.load(&module, code.c_str(), 2, options, values);
  if (result == cu_out_of_memory) driver_.check(result, "loads a program", code.size());
  if (result != 0) {
    const char* name = nullptr;
    driver_.error_name(result, &name);
    MLP_BUG("the driver refuses a program: " + std::string(name ? name : "?") + "\n" + log.c_str());
  }
  return std::make_unique<CudaProgram>(driver_, context_, module);
}

void Cuda::start(const void* kernel, std::int64_t blocks, void** arguments) {
  if (blocks == 0 || mode_ == Mode::prepare) return;
  MLP_CHECK(blocks > 0 && blocks < (std::int64_t{1} << 31));
  current();
  driver_.check(driver_.launch(const_cast<void*>(kernel), static_cast<unsigned>(blocks), 1, 1, launch_threads, 1, 1, 0, stream_, arguments, nullptr), "starts a kernel");
}

void Cuda::launch(const void* kernel, std::int64_t blocks, void* call, std::int64_t number) {
  void* arguments[] = {&call, &number};
  start(kernel, blocks, arguments);
}

template <class Call>
void Cuda::start_own(const char* name, std::int64_t blocks, Call call) {
  void* arguments[] = {&call};
  start(own_->kernel(name), blocks, arguments);
}

void Cuda::open_products() {
  if (products_opened_) return;
  own_ = load(std::string(kernels_ptx()));
  if (products_file_ != "none") cublaslt_ = CublasLt::open(products_file_);
  if (cublaslt_) workspace_ = allocate(CublasLt::workspace_bytes);
  products_opened_ = true;
}

std::string Cuda::products() {
  current();
  open_products();
  if (!cublaslt_) return "kernels of Millrace, float32";
  return cublaslt_->describe() + (split_ && architecture_ >= tensor_architecture ? ", float32 by three products of TF32 where large" : ", float32");
}

// At least so many. What was there before stays: recordings may point into it.
char* Cuda::scratch(std::size_t bytes) {
  if (bytes > scratch_bytes_) {
    bytes = std::max(bytes, 2 * scratch_bytes_);
    scratch_.push_back(allocate(bytes));
    scratch_bytes_ = bytes;
  }
  return static_cast<char*>(scratch_.back());
}

bool Cuda::multiply(const ColumnProduct& product) {
  if (mode_ == Mode::prepare) return cublaslt_->prepare(product);
  return cublaslt_->multiply(product, workspace_, stream_);
}

// Of copies (split.h): rounded to bfloat16, or split into two numbers of TF32 each.
bool Cuda::copied_multiply(const ColumnProduct& p, CopyAs as) {
  const bool splits = as == CopyAs::two_of_tf32, joined = joined_ && splits;
  const std::int64_t parts = !splits ? 1 : joined ? 3 : 2, size = as == CopyAs::bf16 ? 2 : 4;
  const std::int64_t slices = joined && p.count == 1 ? slices_of(p.m, p.n, parts * padded(p.k), slices_, slice_) : 1, k = padded(p.k, 8 * slices);
  struct Copy {
    CopySide side{};
    std::int64_t part = 0, bytes = 0;              // from part to part, in numbers; of all
  };
  // Columns of a copy are at 16 bytes; k is filled up with zeros; the parts follow each other along k.
  const auto copy = [&](const void* from, bool k_along, std::int64_t other, std::int64_t column, std::int64_t step) {
    const std::int64_t count = step == 0 ? 1 : p.count, rows = k_along ? other : k, columns = k_along ? k : padded(other);
    return Copy{.side = {.from = static_cast<const float*>(from), .high = nullptr, .low = nullptr, .again = nullptr, .count = count, .rows = k_along ? other : p.k, .columns = k_along ? p.k : other,
                         .from_row = column, .from_step = step, .to_rows = rows, .to_columns = columns, .to_row = k_along ? parts * columns : columns, .to_step = parts * rows * columns},
                .part = k_along ? columns : rows * columns, .bytes = padded(size * count * parts * rows * columns, 256)};
  };
  Copy a = copy(p.a, p.a_turned, p.m, p.a_column, p.a_step), b = copy(p.b, !p.b_turned, p.n, p.b_column, p.b_step);
  SumSlices::Call sum{.from = nullptr, .to = p.c, .slices = slices, .rows = p.n, .columns = p.m, .from_row = padded(p.m), .to_row = p.c_column, .add = p.add};
  const std::int64_t slice = sum.rows * sum.from_row;
  char *const to_a = scratch(static_cast<std::size_t>(a.bytes + b.bytes + (slices > 1 ? 4 * slices * slice : 0))), *const to_b = to_a + a.bytes;
  sum.from = reinterpret_cast<float*>(to_b + b.bytes);
  const auto part = [&](const Copy& c, char* to, std::int64_t number) { return number < parts ? to + number * c.part * size : nullptr; };
  // The small terms first: low high + high low + high high.
  a.side.low = splits ? to_a : nullptr, a.side.high = part(a, to_a, splits ? 1 : 0), a.side.again = part(a, to_a, 2);
  b.side.high = to_b, b.side.low = part(b, to_b, 1), b.side.again = part(b, to_b, 2);
  const Factors factors = as == CopyAs::bf16 ? Factors::bf16 : splits ? Factors::tf32 : Factors::float32;
  const auto product = [&](const void* of_a, const void* of_b, std::int64_t length, bool add) {
    ColumnProduct q = p;
    q.k = length;
    q.a = of_a, q.a_column = a.side.to_row, q.a_step = p.a_step == 0 ? 0 : a.side.to_step;
    q.b = of_b, q.b_column = b.side.to_row, q.b_step = p.b_step == 0 ? 0 : b.side.to_step;
    q.add = add, q.factors = factors;
    return q;
  };
  std::vector<ColumnProduct> products;
  if (!splits || joined) products = {product(to_a, to_b, parts * k, p.add)};
  else products = {product(a.side.low, b.side.high, k, p.add), product(a.side.high, b.side.low, k, true), product(a.side.high, b.side.high, k, true)};
  if (slices > 1) {
    ColumnProduct& q = products.front();
    q.count = slices, q.k /= slices, q.add = false;
    q.a_step = p.a_turned ? q.k : q.k * q.a_column, q.b_step = p.b_turned ? q.k * q.b_column : q.k;
    q.c = const_cast<float*>(sum.from), q.c_column = sum.from_row, q.c_step = slice;
  }
  for (const ColumnProduct& q : products)
    if (!cublaslt_->prepare(q)) return false;
  const CopySides sides{a.side, b.side};
  start_own(as == CopyAs::bf16 ? "copy_bf16" : splits ? "copy_two_of_tf32" : "copy_rounded_floats", CopyBf16::blocks(sides), sides);
  for (const ColumnProduct& q : products) multiply(q);
  if (slices > 1) start_own("sum_slices", SumSlices::blocks(sum), sum);
  return true;
}

bool Cuda::by_cublaslt(const Product& p) {
  const std::optional<ColumnProduct> q = by_columns(p);
  if (!q) return false;
  const bool tensor_cores = architecture_ >= tensor_architecture;
  if (p.rounds) return copied_multiply(*q, tensor_cores ? CopyAs::bf16 : CopyAs::rounded_floats);
  if (split_ && tensor_cores && splits(p.m, p.n, p.k, split_from_) && copied_multiply(*q, CopyAs::two_of_tf32)) return true;
  return multiply(*q);
}

void Cuda::product(const Product& p) {
  if (p.m <= 0 || p.n <= 0 || p.count <= 0) return;
  current();
  open_products();
  if (cublaslt_ && by_cublaslt(p)) return;
  const ProductKernel::Call call{.m = p.m, .n = p.n, .k = p.k, .a_m = p.a_m, .a_k = p.a_k, .b_k = p.b_k, .b_n = p.b_n, .c_m = p.c_m, .a_step = p.a_step, .b_step = p.b_step, .c_step = p.c_step,
                                 .a = p.a, .b = p.b, .c = p.c, .add = p.add, .rounds = p.rounds};
  start_own("product", ProductKernel::blocks(call, p.count), call);
}

std::unique_ptr<Recording> Cuda::record(const std::function<void()>& work) {
  MLP_CHECK(mode_ == Mode::run);
  current();
  struct Back {
    Mode& mode;
    ~Back() { mode = Mode::run; }
  } back{mode_};
  mode_ = Mode::prepare;
  work();
  mode_ = Mode::record;
  driver_.check(driver_.begin_capture(stream_, cu_capture_relaxed), "begins a recording");
  void *graph = nullptr, *ready = nullptr;
  try {
    work();
  } catch (...) {
    if (driver_.end_capture(stream_, &graph) == 0 && graph) driver_.destroy_graph(graph);
    throw;
  }
  driver_.check(driver_.end_capture(stream_, &graph), "ends a recording");
  const CuResult result = driver_.instantiate(&ready, graph, 0);
  driver_.destroy_graph(graph);
  driver_.check(result, "makes a recording ready");
  return std::make_unique<CudaRecording>(driver_, context_, ready);
}

void Cuda::run(const Recording& recording) {
  MLP_CHECK(mode_ == Mode::run);
  current();
  driver_.check(driver_.launch_graph(static_cast<const CudaRecording&>(recording).ready(), stream_), "starts a recording");
}

void Cuda::wait() {
  current();
  driver_.check(driver_.wait(stream_), "works");
}

float Cuda::milliseconds(const std::function<void()>& work) {
  current();
  void *from = nullptr, *to = nullptr;
  driver_.check(driver_.create_event(&from, 0), "is timed");
  driver_.check(driver_.create_event(&to, 0), "is timed");
  driver_.check(driver_.record_event(from, stream_), "is timed");
  work();
  driver_.check(driver_.record_event(to, stream_), "is timed");
  driver_.check(driver_.wait_event(to), "works");
  float time = 0;
  driver_.check(driver_.elapsed(&time, from, to), "is timed");
  driver_.destroy_event(from);
  driver_.destroy_event(to);
  return time;
}

}  // namespace

std::unique_ptr<CudaDevice> open_cuda(const CudaOptions& options) { return std::make_unique<Cuda>(options); }

}  // namespace mlp::device
