#include "runtime/serve/bench.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <exception>
#include <random>
#include <thread>

#include "base/codes/serving.h"
#include "base/files.h"
#include "runtime/score/memory_file.h"
#include "runtime/score/output.h"
#include "runtime/score/request.h"
#include "runtime/serve/api.h"
#include "runtime/values/picture.h"
#include "runtime/values/table.h"

namespace mlp::serve {
namespace {

constexpr std::int64_t block_rows = 4096;  // as `score` takes them

// ---- rows

// Values that a column may have, drawn from what training saw of the features that are made of it alone.
class Maker {
 public:
  Maker(const package::Package& package, std::size_t column) : package_(package), column_(package.signature.request[column]) {
    const package::Signature& s = package.signature;
    for (std::size_t f = 0; f < s.feature_columns.size(); ++f) {
      if (s.feature_columns[f] != std::vector<std::int32_t>{static_cast<std::int32_t>(column)}) continue;
      const model::FeatureInfo& feature = package.model.features[f];
      if (is_text(column_.type.scalar) == (feature.width == 0 && !feature.bag)) continue;
      reference_ = &s.feature_reference[f];
      bag_ = feature.bag;
      const auto spells = [&](const fit::FittedTable& table) { return static_cast<std::int32_t>(table.keys.size()) == feature.width; };
      const auto& tables = package.fitted.tables;
      const auto found = feature.table >= 0 ? tables.begin() + feature.table : std::find_if(tables.begin(), tables.end(), spells);
      if (found != tables.end()) keys_ = &found->keys;
      return;
    }
  }

  void add(std::size_t i, std::mt19937_64& random, score::RowBuilder& rows) const {
    const std::vector<std::string>& nulls = package_.signature.source.null_words;
    const std::size_t bin = reference_ ? draw(reference_->counts, random) : 0;
    const bool missing = reference_ && !bag_ && bin + 1 == reference_->counts.size() && reference_->counts.size() > 1;
    if (missing && column_.type.nullable && !nulls.empty()) return rows.add_null(i);
    switch (column_.type.scalar) {
      case Scalar::real:
      case Scalar::real32: return rows.add_number(i, number(bin, random));
      case Scalar::integer: return rows.add_integer(i, static_cast<std::int64_t>(std::clamp(std::round(number(bin, random)), -9e15, 9e15)));
      case Scalar::boolean: return rows.add_text(i, spell(static_cast<std::int64_t>(random() % 2)));
      case Scalar::date: return rows.add_text(i, spell(moment(random) / day));
      case Scalar::timestamp: return rows.add_text(i, spell(moment(random)));
      case Scalar::image: {
        std::string pixels(static_cast<std::size_t>(column_.image.size()), '\0');
        for (char& p : pixels) p = static_cast<char>(random());
        return rows.add_pixels(i, pixels);
      }
      case Scalar::duration: return rows.add_text(i, spell(static_cast<std::int64_t>(random() % day)));
      default: return rows.add_text(i, text(bin, random));
    }
  }

 private:
  static constexpr std::int64_t day = 86'400'000'000;

  static double share(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }
  static std::size_t draw(const std::vector<double>& counts, std::mt19937_64& random) {
    double all = 0;
    for (const double n : counts) all += n;
    double place = share(random) * all;
    for (std::size_t i = 0; i < counts.size(); ++i)
      if ((place -= counts[i]) < 0) return i;
    return 0;
  }

  std::string spell(std::int64_t value) const {
    values::Cell cell;
    cell.integer = value;
    return values::spell(column_, cell);
  }
  double number(std::size_t bin, std::mt19937_64& random) const {
    double low = column_.bounds.low.value_or(0), high = column_.bounds.high.value_or(std::max(low, 0.0) + 1000);
    if (reference_ && !reference_->edges.empty()) {
      const std::vector<double>& edges = reference_->edges;
      const double below = edges[bin == 0 ? 0 : std::min(bin, edges.size()) - 1], above = edges[std::min(bin, edges.size() - 1)];
      if (std::isfinite(below) && std::isfinite(above)) low = std::max(below, column_.bounds.low.value_or(below)), high = std::min(above, column_.bounds.high.value_or(above));
    }
    return low + std::max(high - low, 0.0) * share(random);
  }
  std::int64_t moment(std::mt19937_64& random) const { return static_cast<std::int64_t>(random() % (20'000 * static_cast<std::uint64_t>(day))); }  // 1970 to 2024

  std::string text(std::size_t bin, std::mt19937_64& random) const {
    if (!column_.one_of.empty()) return column_.one_of[random() % column_.one_of.size()];
    if (!bag_) return keys_ && !keys_->empty() ? (*keys_)[std::min(bin, keys_->size() - 1)] : "value " + std::to_string(random() % 1000);
    std::string words;
    for (int i = 0; i < 15; ++i) words += (i ? " " : "") + (keys_ && !keys_->empty() ? (*keys_)[random() % keys_->size()] : "word" + std::to_string(random() % 10'000));
    return words;
  }

  const package::Package& package_;
  const Column& column_;
  const package::DriftReference* reference_ = nullptr;  // of a feature, in its units: near the column's for most
  const std::vector<std::string>* keys_ = nullptr;      // what training saw of a text
  bool bag_ = false;
};

void make_rows(const package::Package& package, std::int64_t count, score::RowBuilder& rows) {
  std::vector<Maker> makers;
  for (std::size_t i = 0; i < rows.schema().size(); ++i) makers.emplace_back(package, i);
  std::mt19937_64 random(1);
  for (; count > 0; --count) {
    for (std::size_t i = 0; i < makers.size(); ++i) makers[i].add(i, random, rows);
    rows.end_row();
  }
}

// Rows in the three forms that are measured.
class Rows {
 public:
  Rows(const package::Package& package, const BenchOptions& options) : signature_(package.signature), builder_(package.signature) {
    if (options.input.empty()) {
      make_rows(package, options.rows, builder_);
    } else {
      const std::string text = read_file(options.input);
      builder_.set_input(options.input);
      builder_.set_folder(std::filesystem::path(options.input).parent_path().string());
      score::CsvRequest request(signature_, score::memory_source(text), options.input);
      while (builder_.rows() < options.rows && request.next(builder_)) {}
      if (builder_.rows() == 0) throw Failure(code::request_empty, "`" + options.input + "` has no rows, only a header", "name a file with rows, or leave `--input` out: rows are then made");
    }
    columns_ = builder_.columns();
    write();
  }

  std::int64_t count() const { return builder_.rows(); }
  const std::string& csv() const { return csv_; }
  const std::vector<std::string>& requests() const { return requests_; }
  // The columns from a row on, in kernel layout.
  void from(std::int64_t row, std::vector<mlp_column>& view) const {
    view.resize(static_cast<std::size_t>(signature_.schema_size));
    for (std::size_t i = 0; i < signature_.request.size(); ++i) {
      const std::size_t place = static_cast<std::size_t>(signature_.request_place[i]);
      const mlp_column& column = columns_[place];
      view[place] = {static_cast<const char*>(column.values) + row * size_of(values::layout_of(signature_.request[i].type.scalar)), column.present ? column.present + row : nullptr};
    }
  }

 private:
  static std::int64_t size_of(values::Layout layout) {
    return layout == values::Layout::boolean ? 1 : layout == values::Layout::string ? sizeof(mlp_string) : 8;
  }
  values::Cell cell(std::size_t i, std::int64_t row) const {
    const void* const values = columns_[static_cast<std::size_t>(signature_.request_place[i])].values;
    values::Cell out;
    switch (values::layout_of(signature_.request[i].type.scalar)) {
      case values::Layout::real: out.real = static_cast<const double*>(values)[row]; break;
      case values::Layout::integer: out.integer = static_cast<const std::int64_t*>(values)[row]; break;
      case values::Layout::boolean: out.integer = static_cast<const std::uint8_t*>(values)[row]; break;
      case values::Layout::string: {
        const mlp_string& text = static_cast<const mlp_string*>(values)[row];
        out.text = {text.data, static_cast<std::size_t>(text.size)};
      }
    }
    return out;
  }

  void write() {
    const Source& source = signature_.source;
    const bool csv = source.format == Format::csv;
    const char delimiter = csv && !source.delimiter.empty() ? source.delimiter[0] : ',';
    const std::string null = source.null_words.empty() ? "" : source.null_words.front();
    const auto cell_of = [&](std::size_t i, const std::string& text) {
      if (i) csv_ += delimiter;
      score::append_csv(csv_, text, delimiter);
      if (i + 1 == signature_.request.size()) csv_ += '\n';
    };
    for (std::size_t i = 0; i < signature_.request.size() && (source.header || !csv); ++i) cell_of(i, signature_.request[i].name);
    for (std::int64_t row = 0; row < count(); ++row) {
      std::string& body = requests_.emplace_back("{\"dataframe_records\":[");
      for (std::size_t i = 0; i < signature_.request.size(); ++i) {
        const Column& column = signature_.request[i];
        const std::uint8_t* const present = columns_[static_cast<std::size_t>(signature_.request_place[i])].present;
        const bool null_here = present && !present[row];
        const values::Cell value = cell(i, row);
        std::string text = null_here ? null : values::spell(column, value);
        if (column.type.scalar == Scalar::image && !null_here) mlp_write_picture(value.text, column.image, text);
        cell_of(i, text);
        body += i ? ',' : '{';
        score::append_json_string(body, column.name);
        body += ':';
        if (null_here) body += "null";
        else if (is_number(column.type.scalar) && std::isfinite(value.real)) body += text;
        else score::append_json_string(body, text);
      }
      body += "}]}";
    }
  }

  const package::Signature& signature_;
  score::RowBuilder builder_;
  const mlp_column* columns_ = nullptr;
  std::string csv_;
  std::vector<std::string> requests_;
};

// ---- times

using Clock = std::chrono::steady_clock;

// Runs the steps that start(thread) gives on each thread until the time is over, and one at least; what they do in the first tenth
// is not counted. A step returns how many rows it did.
template <class Start>
Measured measure(const BenchOptions& options, Start start) {
  const auto limit = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds / 4));
  std::vector<Measured> of(static_cast<std::size_t>(options.threads));
  std::vector<std::exception_ptr> failed(of.size());
  const auto run = [&](std::size_t thread) {
    try {
      auto step = start(thread);
      const Clock::time_point warm = Clock::now() + limit / 10;
      while (Clock::now() < warm) step();
      const Clock::time_point begin = Clock::now();
      std::int64_t rows = 0;
      for (Clock::time_point last = begin; last - begin < limit;) {
        rows += step();
        const Clock::time_point now = Clock::now();
        of[thread].times.add(static_cast<std::uint64_t>(std::chrono::nanoseconds(now - last).count()));
        last = now;
        of[thread].per_second = static_cast<double>(rows) / std::chrono::duration<double>(last - begin).count();
      }
    } catch (...) {
      failed[thread] = std::current_exception();
    }
  };
  std::vector<std::thread> pool;
  for (std::size_t i = 1; i < of.size(); ++i) pool.emplace_back(run, i);
  run(0);
  for (std::thread& t : pool) t.join();
  Measured all;
  for (std::size_t i = 0; i < of.size(); ++i) {
    if (failed[i]) std::rethrow_exception(failed[i]);
    all.per_second += of[i].per_second;
    all.times.add(of[i].times);
  }
  return all;
}

}  // namespace

void Times::add(std::uint64_t nanoseconds) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(nanoseconds)) - 7);
  ++counts_[static_cast<std::size_t>(64 * shift) + (nanoseconds >> shift)];
  ++all_;
}
void Times::add(const Times& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  all_ += other.all_;
}
std::uint64_t Times::of_bucket(std::size_t bucket) {
  if (bucket < 128) return bucket;
  const std::size_t shift = bucket / 64 - 1;
  return ((bucket - 64 * shift) << shift) + (std::uint64_t{1} << shift) / 2;
}
double Times::quantile(double share) const {
  const double wanted = share * static_cast<double>(all_);
  double seen = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    last = i;
    if ((seen += static_cast<double>(counts_[i])) >= wanted) break;
  }
  return static_cast<double>(of_bucket(last));
}

BenchResult bench(const score::Engine& engine, const BenchOptions& options) {
  const Rows rows(engine.package(), options);
  const std::int64_t count = rows.count();
  const auto first_of = [&](std::size_t thread) { return count * static_cast<std::int64_t>(thread) / options.threads; };  // so that threads are not at one row
  BenchResult out;
  out.rows = count;
  out.csv_bytes = static_cast<double>(rows.csv().size());
  for (const std::string& body : rows.requests()) out.request_bytes += static_cast<double>(body.size()) / static_cast<double>(count);

  const auto in_blocks = [&](std::int64_t size) {
    return [&, size](std::size_t thread) {
      return [&, size, at = first_of(thread), view = std::vector<mlp_column>(), out = std::vector<double>(static_cast<std::size_t>(size * engine.width()))]() mutable {
        if (at >= count) at = 0;
        const std::int64_t n = std::min(size, count - at);
        rows.from(at, view);
        engine.run(view.data(), n, out.data());
        at += n;
        return n;
      };
    };
  };
  out.batch = measure(options, in_blocks(std::min(block_rows, count)));
  out.row = measure(options, in_blocks(1));

  Api api(engine, {});
  out.request = measure(options, [&](std::size_t thread) {
    return [&, &worker = api.add_worker(), at = static_cast<std::size_t>(first_of(thread))]() mutable -> std::int64_t {
      if (at == rows.requests().size()) at = 0;
      Request request;
      request.method = "POST";
      request.target = "/invocations";
      request.content_type = "application/json";
      request.body = rows.requests()[at++];
      const Response& response = api.handle(request, worker);
      if (response.status != 200) MLP_BUG("a request is refused: " + response.body);
      return 1;
    };
  });

  const auto inputs = std::make_unique<score::MemoryFile[]>(static_cast<std::size_t>(options.threads)), outputs = std::make_unique<score::MemoryFile[]>(static_cast<std::size_t>(options.threads));
  out.csv = measure(options, [&](std::size_t thread) {
    inputs[thread].put(rows.csv());
    return [&, thread] {
      inputs[thread].rewind();
      outputs[thread].rewind();
      score::StreamOptions stream;
      stream.input_name = "the rows";
      return score::stream(engine, inputs[thread].fd(), outputs[thread].fd(), stream);
    };
  });
  return out;
}

}  // namespace mlp::serve
