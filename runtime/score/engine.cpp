#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>

#include "base/codes/command.h"
#include "base/codes/serving.h"
#include "runtime/score/score.h"
#include "runtime/values/parse.h"

namespace mlp::score {
namespace {

constexpr std::int64_t block_rows = 1024;

// Memory for texts that kernels make; reused from block to block.
class Arena {
 public:
  Arena() : head_{{nullptr, nullptr, &Arena::grow}, this} {}
  mlp_arena* begin() {
    used_ = 0;
    head_.arena.cursor = head_.arena.limit = nullptr;
    return &head_.arena;
  }

 private:
  struct Head {
    mlp_arena arena;  // first, so that grow() finds its way back
    Arena* self;
  };
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  static void grow(mlp_arena* arena, std::int64_t size) {
    Arena& a = *reinterpret_cast<Head*>(arena)->self;
    const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(size, 1 << 16));
    while (a.used_ < a.chunks_.size() && a.chunks_[a.used_].size < wanted) ++a.used_;
    if (a.used_ == a.chunks_.size()) a.chunks_.push_back({std::make_unique<char[]>(wanted), wanted});
    const Chunk& chunk = a.chunks_[a.used_++];
    arena->cursor = chunk.bytes.get();
    arena->limit = arena->cursor + chunk.size;
  }
  Head head_;
  std::vector<Chunk> chunks_;
  std::size_t used_ = 0;
};

// What one thread needs while it scores; kept, so that a row costs no allocation.
struct Scratch {
  Arena arena;
  std::vector<double> features, scores;
  std::vector<mlp_bag> bags;
  std::vector<mlp_output> outputs;
  std::vector<mlp_column> columns;
  std::vector<double*> asked;    // by feature, of a BatchScorer
  model::Matrix matrix;
};

std::size_t value_size(values::Layout layout) {
  switch (layout) {
    case values::Layout::real: return sizeof(double);
    case values::Layout::integer: return sizeof(std::int64_t);
    case values::Layout::boolean: return 1;
    case values::Layout::string: return sizeof(mlp_string);
  }
  return 0;
}

// By feature where a row of the request's columns holds it: of what `plain` says by schema index.
std::vector<std::int32_t> places(const package::Signature& signature, const std::vector<std::int32_t>& plain) {
  std::vector<std::int32_t> out(plain.size(), -1);
  for (std::size_t f = 0; f < plain.size(); ++f)
    for (std::size_t i = 0; i < signature.request_place.size(); ++i)
      if (signature.request_place[i] == plain[f]) out[f] = static_cast<std::int32_t>(i);
  return out;
}

// A column of rows of floats in kernel layout, a block at a time.
struct FloatColumn {
  std::vector<double> reals;
  std::vector<std::int64_t> integers;
  std::vector<std::uint8_t> booleans, present;
};

[[noreturn]] void no_number(const Column& column, std::int64_t row, float value) {
  Failure failure(code::request_bad_value, "the value " + number_text(value) + " of `" + column.name + "` in row " + std::to_string(row + 1) + " is no " + spell(Type{column.type.scalar, false}),
                  "a row of floats holds whole numbers for an int, 0 or 1 for a bool; a NaN is a null in a column that may be null");
  failure.diagnostic.in_data({"rows of floats", row + 1, column.name, number_text(value)});
  throw failure;
}

// `first`: number of the first row, for messages.
mlp_column take_column(const Column& column, const float* values, std::int64_t stride, std::int64_t first, std::int64_t rows, FloatColumn& to) {
  const std::uint8_t* const present = column.type.nullable ? to.present.data() : nullptr;
  if (column.type.nullable)
    for (std::int64_t i = 0; i < rows; ++i) to.present[static_cast<std::size_t>(i)] = values[i * stride] == values[i * stride];
  switch (values::layout_of(column.type.scalar)) {
    case values::Layout::real:
      for (std::int64_t i = 0; i < rows; ++i) {
        const float v = values[i * stride];
        to.reals[static_cast<std::size_t>(i)] = present && v != v ? 0 : v;
      }
      return {to.reals.data(), present};
    case values::Layout::boolean:
      for (std::int64_t i = 0; i < rows; ++i) {
        const float v = values[i * stride];
        if (v != 0 && v != 1 && !(present && v != v)) no_number(column, first + i, v);
        to.booleans[static_cast<std::size_t>(i)] = v == 1;
      }
      return {to.booleans.data(), present};
    default:
      for (std::int64_t i = 0; i < rows; ++i) {
        const float v = values[i * stride];
        values::Cell cell;
        const values::Read read = values::read_number(column, v, cell);
        if (read == values::Read::bad_type || (read == values::Read::null && !present)) no_number(column, first + i, v);
        to.integers[static_cast<std::size_t>(i)] = read == values::Read::null ? 0 : cell.integer;
      }
      return {to.integers.data(), present};
  }
}

}  // namespace

struct Engine::Impl {
  Impl(package::Package p, mlp_kernel k, const std::vector<std::int32_t>& plain)
      : package(std::move(p)), view(package.fitted), scorer(package.model, places(package.signature, plain)), kernel(k), width(model::width(package.model)) {
    for (const model::FeatureInfo& f : package.model.features) bags += f.bag;
  }
  package::Package package;
  fit::FittedView view;
  model::Scorer scorer;
  mlp_kernel kernel;
  std::int32_t width;
  std::int32_t bags = 0;  // features that are bags
  std::unique_ptr<BatchScorer> batches;
  std::mutex scoring;     // of `batches`
  std::function<void(const Diagnostic&)> lost;
  std::atomic<bool> is_lost = false;
};

Engine::Engine(package::Package package, mlp_kernel features, mlp_network network, const std::vector<std::int32_t>& plain) {
  if (network) package.model.network.code = network;
  impl_ = std::make_unique<Impl>(std::move(package), features, plain);
}
Engine::~Engine() = default;
const package::Package& Engine::package() const { return impl_->package; }
std::int32_t Engine::width() const { return impl_->width; }
void Engine::set_level(model::Scorer::Level level) { impl_->scorer.set_level(level); }

void Engine::set_scorer(std::unique_ptr<BatchScorer> scorer, std::function<void(const Diagnostic&)> lost) {
  impl_->batches = std::move(scorer);
  impl_->lost = std::move(lost);
}
std::int64_t Engine::batch_rows() const { return impl_->batches ? impl_->batches->most() : block_rows; }

void Engine::run(const mlp_column* columns, std::int64_t rows, double* out, std::vector<std::vector<double>>* features, Bags* bags) const {
  BatchScorer* const scorer = impl_->batches.get();
  if (!scorer || rows < scorer->least() || impl_->is_lost) return run_with(nullptr, columns, rows, out, features, bags);
  try {
    run_with(scorer, columns, rows, out, features, bags);
  } catch (const Failure& failure) {
    const Code why = failure.diagnostic.code;      // no_device: what is opened when it is needed, cuBLASLt
    if ((why != code::device_failed && why != code::no_device) || !impl_->lost) throw;
    if (!impl_->is_lost.exchange(true)) impl_->lost(failure.diagnostic);
    run_with(nullptr, columns, rows, out, features, bags);
  }
}

// Without a scorer by the code here.
void Engine::run_with(BatchScorer* scorer, const mlp_column* columns, std::int64_t rows, double* out, std::vector<std::vector<double>>* features, Bags* bags) const {
  static thread_local Scratch s;
  const model::Model& model = impl_->package.model;
  const package::Signature& signature = impl_->package.signature;
  const std::size_t count = model.features.size();
  s.outputs.resize(count);
  s.matrix.resize(count);
  if (features) {
    features->resize(count);
    for (auto& column : *features) column.resize(static_cast<std::size_t>(rows));
  }
  if (bags) {
    bags->assign(count, {});
    for (std::size_t f = 0; f < count; ++f)
      if (model.features[f].bag) (*bags)[f].resize(static_cast<std::size_t>(rows));
  }
  const std::int64_t most = scorer ? scorer->most() : block_rows, block = std::min(rows, most);
  s.bags.resize(static_cast<std::size_t>(impl_->bags) * static_cast<std::size_t>(block));
  s.features.resize(features ? 0 : count * static_cast<std::size_t>(block));
  s.scores.resize(static_cast<std::size_t>(block) * static_cast<std::size_t>(model.outputs()));
  for (std::int64_t first = 0; first < rows; first += most) {
    const std::int64_t n = std::min(most, rows - first);
    const mlp_column* at = columns;
    if (first > 0) {
      s.columns.assign(static_cast<std::size_t>(signature.schema_size), mlp_column{});
      for (std::size_t i = 0; i < signature.request.size(); ++i) {
        const auto place = static_cast<std::size_t>(signature.request_place[i]);
        const std::size_t size = value_size(values::layout_of(signature.request[i].type.scalar));
        const mlp_column& whole = columns[place];
        s.columns[place] = {static_cast<const char*>(whole.values) + static_cast<std::size_t>(first) * size, whole.present ? whole.present + first : nullptr};
      }
      at = s.columns.data();
    }
    // A row alone waits for this loop: what only bags need stands behind it.
    for (std::size_t f = 0; f < count; ++f) {
      double* const values = features ? (*features)[f].data() + first : s.features.data() + f * static_cast<std::size_t>(block);
      s.outputs[f] = {values, nullptr};
      s.matrix[f] = {values, nullptr};
    }
    mlp_bag* bag = s.bags.data();
    for (std::size_t f = 0; impl_->bags > 0 && f < count; ++f) {
      if (!model.features[f].bag) continue;
      s.outputs[f].values = bag;
      s.matrix[f].bags = bag;
      bag += block;
    }
    const mlp_batch batch{n, at, nullptr, s.arena.begin()};
    mlp_kernel kernel = impl_->kernel;
    if (scorer) {
      kernel = scorer->others();
      std::size_t place = 0;
      for (std::size_t f = 0; f < count; ++f)
        if (!scorer->computes(f)) s.outputs[place++] = s.outputs[f];
    }
    if (kernel) kernel(&batch, impl_->view.get(), s.outputs.data());
    for (std::size_t f = 0; impl_->bags > 0 && f < count; ++f) {
      const mlp_bag* const of = s.matrix[f].bags;
      if (!of) continue;
      auto* const numbers = const_cast<double*>(s.matrix[f].numbers);
      for (std::int64_t i = 0; i < n; ++i) numbers[i] = static_cast<double>(of[i].size);
      for (std::int64_t i = 0; bags && i < n; ++i) (*bags)[f][static_cast<std::size_t>(first + i)].assign(of[i].terms, of[i].terms + of[i].size);
    }
    if (scorer) {
      s.asked.clear();
      for (std::size_t f = 0; features && f < count; ++f) s.asked.push_back((*features)[f].data() + first);
      const std::lock_guard lock(impl_->scoring);
      scorer->score(at, s.matrix, n, s.scores.data(), features ? s.asked.data() : nullptr);
    } else {
      impl_->scorer.score(s.matrix, n, s.scores.data());
    }
    model::link(model, s.scores.data(), n, out + first * impl_->width);
  }
}

void Engine::run_rows(const float* values, std::int64_t stride, std::int64_t rows, double* out) const {
  struct RowScratch {
    std::vector<double> scores;
    std::vector<FloatColumn> floats;
    std::vector<mlp_column> columns;
  };
  static thread_local RowScratch s;
  const package::Signature& signature = impl_->package.signature;
  const bool direct = impl_->scorer.scores_rows() && !impl_->batches;
  const std::int64_t most = direct ? 8 * block_rows : batch_rows(), block = std::min(rows, most);
  if (direct) {
    s.scores.resize(static_cast<std::size_t>(block) * static_cast<std::size_t>(impl_->package.model.outputs()));
  } else {
    for (const Column& column : signature.request)
      if (column.type.scalar == Scalar::integer || column.type.scalar == Scalar::boolean || values::layout_of(column.type.scalar) == values::Layout::real) continue;
      else throw Failure(code::request_bad_value, "column `" + column.name + "` is a " + spell(Type{column.type.scalar, false}) + ": a row of floats cannot hold it", "give the rows as columns, as CSV or as JSON");
    s.floats.resize(signature.request.size());
    s.columns.assign(static_cast<std::size_t>(signature.schema_size), mlp_column{});
    for (FloatColumn& column : s.floats) {
      column.reals.resize(static_cast<std::size_t>(block));
      column.integers.resize(static_cast<std::size_t>(block));
      column.booleans.resize(static_cast<std::size_t>(block));
      column.present.resize(static_cast<std::size_t>(block));
    }
  }
  for (std::int64_t first = 0; first < rows; first += most, values += most * stride) {
    const std::int64_t n = std::min(most, rows - first);
    double* const to = out + first * impl_->width;
    if (direct) {
      impl_->scorer.score_rows(values, stride, n, s.scores.data());
      model::link(impl_->package.model, s.scores.data(), n, to);
      continue;
    }
    for (std::size_t i = 0; i < signature.request.size(); ++i)
      s.columns[static_cast<std::size_t>(signature.request_place[i])] = take_column(signature.request[i], values + i, stride, first, n, s.floats[i]);
    run(s.columns.data(), n, to);
  }
}

std::vector<std::string> output_names(const model::Model& model) {
  std::vector<std::string> names{"prediction"};
  if (model::answer(model) == model::Answer::cluster) names.push_back("distance");
  if (model::answer(model) == model::Answer::anomaly) names.push_back("score");
  for (const std::string& label : model.classes) names.push_back("p_" + label);
  return names;
}

OutputKind output_kind(const model::Model& model, std::size_t i) {
  if (i > 0) return OutputKind::number;
  switch (model::answer(model)) {
    case model::Answer::value: break;
    case model::Answer::classes: return OutputKind::label;
    case model::Answer::cluster: return OutputKind::whole;
    case model::Answer::anomaly: return OutputKind::truth;
  }
  return OutputKind::number;
}

std::size_t predicted_class(const double* probabilities, std::size_t classes) {
  if (classes == 2) return probabilities[1] >= 0.5 ? 1 : 0;
  return static_cast<std::size_t>(std::max_element(probabilities, probabilities + classes) - probabilities);
}

}  // namespace mlp::score
