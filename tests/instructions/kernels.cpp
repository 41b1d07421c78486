// The hot kernels, each once, on rows that follow from a seed: tests/instructions/run counts the instructions that
// measured() takes. Prints `name rows`, a line for each call of measured(), in order.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <random>
#include <string>

#include "compiler/driver/driver.h"
#include "runtime/learn/grow.h"
#include "runtime/monitor/monitor.h"
#include "runtime/score/request.h"
#include "runtime/serve/http.h"
#include "tests/harness/harness.h"
#include "tests/unit/model/random_model.h"

extern "C" __attribute__((noipa)) void measured(const std::function<void()>& work) { work(); }

namespace mlp {
namespace {

// Once to warm up, what a kernel makes at its first call is not counted; then once counted.
void measure(const char* name, std::int64_t rows, const std::function<void()>& work) {
  work();
  measured(work);
  std::printf("%s %lld\n", name, static_cast<long long>(rows));
}

constexpr std::int32_t features = 28;

struct Rows {
  explicit Rows(std::int64_t rows) {
    std::mt19937_64 random(7);
    data.rows = rows;
    columns.resize(features);
    for (std::int32_t f = 0; f < features; ++f) {
      infos.push_back({.name = "f" + std::to_string(f)});
      for (std::int64_t r = 0; r < rows; ++r) columns[f].push_back(f % 7 == 6 && random() % 10 == 0 ? std::nan("") : static_cast<double>(random() % 65'536) / 1311);
      data.columns.push_back(columns[f].data());
    }
    for (std::int64_t r = 0; r < rows; ++r) data.target.push_back(columns[0][r] + columns[1][r] * columns[2][r] / 50 > 40 ? 1 : 0);
  }
  learn::Request request(ModelKind kind) const {
    learn::Request out;
    out.settings.kind = kind;
    out.settings.loss = Loss::logistic;
    out.classes = {"no", "yes"};
    out.features = infos;
    out.train = data;
    return out;
  }
  std::vector<std::vector<double>> columns;
  std::vector<model::FeatureInfo> infos;
  learn::Dataset data;
};

void training() {
  const Rows rows(4096);
  learn::Request request = rows.request(ModelKind::gbdt);
  learn::Pool pool(1);
  std::vector<std::int64_t> all(static_cast<std::size_t>(rows.data.rows));
  std::iota(all.begin(), all.end(), 0);
  measure("gbdt.bin", rows.data.rows, [&] { learn::make_bins(rows.data, rows.infos, all, 255, 20, pool); });

  const learn::Binned binned = learn::make_bins(rows.data, rows.infos, all, 255, 20, pool);
  constexpr std::int64_t many = 1 << 16;  // gradients are packed into words from there on
  std::vector<double> gradient, hessian;
  for (std::int64_t r = 0; r < many; ++r) {
    gradient.push_back(0.3 - rows.data.target[r % rows.data.rows]);
    hessian.push_back(0.21);
  }
  const std::vector<std::uint32_t> noise(many, 12345);
  learn::Gradients gradients;
  measure("gbdt.quantise", many, [&] { learn::quantise(gradient, hessian, {many / 2, many / 2, 0.7, 0.21}, noise, 1, gradients, pool); });
  gradients.words.resize(rows.data.rows);

  std::vector<std::int32_t> positions(binned.used.size());
  std::iota(positions.begin(), positions.end(), 0);
  const auto grow = [&](const char* name, std::int64_t leaves) {
    request.settings.leaves = leaves;
    measure(name, rows.data.rows, [&] {
      std::vector<std::uint32_t> order(static_cast<std::size_t>(rows.data.rows));
      std::iota(order.begin(), order.end(), 0u);
      model::Forest forest;
      learn::Grower(binned, request, pool).grow(gradients, order, positions, forest);
    });
  };
  grow("gbdt.histogram", 2);  // of the root, its splits searched, its rows parted
  grow("gbdt.tree", 31);

  std::vector<std::uint8_t> left(256);
  for (std::size_t bin = 0; bin < left.size(); ++bin) left[bin] = bin % 3 == 0;
  std::vector<std::uint32_t> order(static_cast<std::size_t>(rows.data.rows)), right(order.size());
  std::iota(order.begin(), order.end(), 0u);
  measure("gbdt.partition", rows.data.rows, [&] {
    binned.with_column(0, [&](const auto& column) { return learn::part_rows(column, left, order.data(), rows.data.rows, order.data(), right.data()); });
  });

  // Missing values are not for linear models.
  Rows whole(2048);
  for (std::vector<double>& column : whole.columns)
    for (double& value : column)
      if (std::isnan(value)) value = 0.5;
  const learn::Request linear = whole.request(ModelKind::linear);
  measure("linear.logistic", whole.data.rows, [&] { learn::train_linear(linear); });
}

void scoring() {
  const Rows rows(1024);
  std::mt19937_64 random(7);
  const model::Scorer scorer(model::random_forest(random, {.features = features, .trees = 100, .leaves = 31, .widths = {0}}));
  std::vector<double> scores(static_cast<std::size_t>(rows.data.rows));
  measure("trees.batch", rows.data.rows, [&] { scorer.score(rows.data.columns, rows.data.rows, scores.data()); });
  measure("trees.row", 256, [&] {
    model::Matrix matrix(features);
    for (std::int64_t r = 0; r < 256; ++r) {
      for (std::int32_t f = 0; f < features; ++f) matrix[f] = rows.columns[f].data() + r;
      scorer.score(matrix, 1, &scores[static_cast<std::size_t>(r)]);
    }
  });
}

void reading() {
  package::Signature signature;
  std::string csv, json = "[";
  std::mt19937_64 random(7);
  for (std::int32_t f = 0; f < features; ++f) {
    Column column;
    column.name = "f" + std::to_string(f);
    column.type = {f % 7 == 6 ? Scalar::category : f % 7 == 5 ? Scalar::integer : Scalar::real, f % 2 == 0};
    signature.request.push_back(column);
    signature.request_place.push_back(f);
    csv += (f ? "," : "") + column.name;
  }
  signature.schema_size = features;
  csv += '\n';
  constexpr std::int64_t rows = 512;
  for (std::int64_t r = 0; r < rows; ++r) {
    json += r ? ",{" : "{";
    for (std::int32_t f = 0; f < features; ++f) {
      const std::string text = f % 7 == 6 ? "red" + std::to_string(random() % 9) : f % 7 == 5 ? std::to_string(random() % 1000) : std::to_string(static_cast<double>(random() % 1'000'000) / 997);
      const bool null = f % 2 == 0 && random() % 10 == 0;
      csv += (f ? "," : "") + (null ? "" : text);
      json += (f ? ",\"" : "\"") + signature.request[f].name + "\":" + (null ? "null" : f % 7 == 6 ? '"' + text + '"' : text);
    }
    csv += '\n';
    json += '}';
  }
  json += ']';
  score::RowBuilder builder(signature);
  measure("csv.read", rows, [&] {
    builder.clear();
    score::CsvRequest request(signature, score::memory_source(csv), "rows");
    while (request.next(builder)) {}
  });
  score::Json document;
  score::JsonRequest request(signature);
  measure("json.read", rows, [&] {
    builder.clear();
    std::size_t at = document.first(document.parse(json));
    for (std::int64_t r = 0; r < rows; ++r, at = document.next(at)) request.read(document, at, builder);
  });
}

// A request of one row, as it comes from a socket, to the bytes of its answer: after the first of its kind, which is learned.
void serving() {
  package::Package package;
  package.signature.deployment = "m";
  std::mt19937_64 random(7);
  package.model = model::random_forest(random, {.features = features, .trees = 100, .leaves = 31, .widths = {0}});
  package.model.classes = {"no", "yes"};
  package.model.loss = Loss::logistic;
  std::vector<std::string> requests;
  constexpr std::int64_t rows = 256;
  for (std::int32_t f = 0; f < features; ++f) {
    Column column;
    column.name = "f" + std::to_string(f);
    column.type = {Scalar::real, false};
    package.signature.request.push_back(column);
    package.signature.request_place.push_back(f);
    package.signature.feature_columns.push_back({f});
    package.signature.feature_reference.push_back(monitor::make_reference({0.5, 3, 7, 11, 19, 23, 31, 40, 44, 49}, package.model.features[static_cast<std::size_t>(f)]));
  }
  package.signature.schema_size = features;
  package.signature.prediction_reference = monitor::make_prediction_reference(package.model, {0.5, 0.5, 0.75, 0.25});
  const mlp_kernel copy = [](const mlp_batch* batch, const mlp_fitted*, const mlp_output* outputs) {
    for (std::int32_t f = 0; f < features; ++f)
      for (std::int64_t r = 0; r < batch->rows; ++r) static_cast<double*>(outputs[f].values)[r] = static_cast<const double*>(batch->columns[f].values)[r];
  };
  for (std::int64_t r = 0; r < rows; ++r) {
    std::string body = "{\"inputs\": [";
    for (std::int32_t f = 0; f < features; ++f)
      body += (f ? ", {\"name\": \"f" : "{\"name\": \"f") + std::to_string(f) + "\", \"shape\": [1], \"datatype\": \"FP64\", \"data\": [" + score::number_text(static_cast<double>(random() % 65'536) / 1311) + "]}";
    body += "]}";
    requests.push_back("POST /v2/models/m/infer HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  const score::Engine engine(package, copy);
  serve::Api api(engine, {});
  serve::Worker& worker = api.add_worker();
  serve::RequestReader reader(1 << 20);
  std::string out;
  const auto answer = [&] {
    for (const std::string& request : requests) {
      reader.put(request);
      MLP_CHECK(reader.state() == serve::RequestReader::State::complete);
      out.clear();
      serve::append_response(out, api.handle(reader.request(), worker), reader.keep_alive(), reader.http_1_0(), false);
      reader.restart();
    }
  };
  measure("serve.row", rows, answer);
  MLP_CHECK(out.starts_with("HTTP/1.1 200 OK"));
}

void computing() {
  driver::Unit unit = driver::compile("features.mlp", R"(pipeline kernels
schema Row {
  a : float
  b : float?
  n : int >= 0
  c : category
  t : timestamp
  y : float
}
source rows: Row = csv("rows.csv")
features x from rows {
  a
  scaled  = a |> standardize
  filled  = b |> impute(median) |> standardize
  logged  = log1p(n)
  ratio   = a / (1 + n)
  slope   = if a > 0.5 then sqrt(a) else exp(-a)
  c
  mean_of = c |> target_encode
  weekday = t |> weekday
  hour    = t |> hour
}
split rows { train = 60%, valid = 20%, test = 20%, by = random }
model m = gbdt { predict y from x }
)");
  MLP_CHECK(unit.ok());
  constexpr std::size_t rows = 1024;
  std::mt19937_64 random(7);
  std::vector<double> a, b, y;
  std::vector<std::uint8_t> present;
  std::vector<std::int64_t> n, t;
  std::vector<std::string> c;
  for (std::size_t r = 0; r < rows; ++r) {
    a.push_back(static_cast<double>(random() % 65'536) / 65'536);
    present.push_back(random() % 10 != 0);
    b.push_back(present.back() ? static_cast<double>(random() % 100) : 0);
    n.push_back(static_cast<std::int64_t>(random() % 1000));
    c.push_back("red" + std::to_string(random() % 9));
    t.push_back(static_cast<std::int64_t>(random() % 1'700'000'000'000'000));
    y.push_back(a.back() * 3);
  }
  values::Table table;
  table.rows = rows;
  table.columns.push_back(harness::reals(a));
  table.columns.push_back(harness::reals(b, present));
  table.columns.push_back(harness::integers(n));
  table.columns.push_back(harness::strings(c));
  table.columns.push_back(harness::integers(t));
  table.columns.push_back(harness::reals(y));
  harness::Machine machine(unit.program, {"", {3, "x86-64-v3"}, {}});
  const std::vector<std::int32_t> folds(rows, 0);
  const fit::Fitted fitted = machine.fit(table, y, folds);
  measure("features", rows, [&] { machine.features(table, fitted); });
}

}  // namespace
}  // namespace mlp

int main() {
  mlp::scoring();
  mlp::reading();
  mlp::serving();
  mlp::training();
  mlp::computing();
}
