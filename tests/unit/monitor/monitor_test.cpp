#include "runtime/monitor/monitor.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <thread>

#include "tests/unit/score/sample.h"

namespace mlp::monitor {
namespace {

const double nan = std::numeric_limits<double>::quiet_NaN();

// Counts (16,18,16,14,12,12) against (16,16,16,16,16,8): 0.037218, computed independently.
TEST(Psi, GoldenValue) {
  const std::vector<double> a{16, 18, 16, 14, 12, 12};
  EXPECT_NEAR(psi(a, {16, 16, 16, 16, 16, 8}), 0.037218, 5e-7);
  EXPECT_EQ(psi(a, {16, 18, 16, 14, 12, 12}), 0);
  EXPECT_EQ(psi(a, {0, 0, 0, 0, 0, 0}), 0);
  EXPECT_EQ(psi({0, 0}, {1, 2}), 0);
}

TEST(Psi, EmptyBinsCountAsOneInTenThousand) {
  EXPECT_NEAR(psi({10, 0}, {0, 10}), 2 * (1 - 1e-4) * std::log(1e4), 1e-12);
  EXPECT_EQ(psi({10, 0}, {10, 0}), 0);
}

TEST(Reference, NumbersHaveBinsOfEqualCounts) {
  std::vector<double> values;
  for (int i = 1; i <= 1000; ++i) values.push_back(i);
  values.push_back(nan);
  const package::DriftReference r = make_reference(values, {"x", false, 0, false});
  ASSERT_EQ(r.edges.size(), 20u);
  ASSERT_EQ(r.counts.size(), 22u);
  EXPECT_EQ(r.edges.front(), 50);
  EXPECT_EQ(r.edges.back(), 1000);
  for (std::size_t b = 0; b < 20; ++b) EXPECT_EQ(r.counts[b], 50);
  EXPECT_EQ(r.counts[20], 0);
  EXPECT_EQ(r.counts[21], 1);
  EXPECT_EQ(bin_of(r, false, 50), 0u);
  EXPECT_EQ(bin_of(r, false, 50.5), 1u);
  EXPECT_EQ(bin_of(r, false, -1e300), 0u);
  EXPECT_EQ(bin_of(r, false, 1001), 20u);
  EXPECT_EQ(bin_of(r, false, nan), 21u);
}

TEST(Reference, FewValuesFewBins) {
  const package::DriftReference r = make_reference({0, 1, 1, 0, 1}, {"x", false, 0, false});
  EXPECT_EQ(r.edges, (std::vector<double>{0, 1}));
  EXPECT_EQ(r.counts, (std::vector<double>{2, 3, 0, 0}));
  EXPECT_EQ(make_reference({}, {"x", false, 0, false}).counts, (std::vector<double>{0, 0}));
  EXPECT_EQ(make_reference({nan, nan}, {"x", false, 0, false}).counts, (std::vector<double>{0, 2}));
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(make_reference({-inf, 1, inf}, {"x", false, 0, false}).counts, (std::vector<double>{2, 1, 0}));
}

TEST(Reference, CategoriesByCode) {
  const package::DriftReference r = make_reference({0, 2, 2, nan}, {"c", true, 3, false});
  EXPECT_TRUE(r.edges.empty());
  EXPECT_EQ(r.counts, (std::vector<double>{1, 0, 2, 1}));
  EXPECT_EQ(bin_of(r, true, 7), 3u);
  EXPECT_EQ(bin_of(r, true, -1), 3u);
}

struct Rows {
  explicit Rows(const package::Package& p, const std::vector<std::array<const char*, 4>>& list) : engine(p, sample::features), rows(p.signature) {
    for (const auto& row : list) {
      for (std::size_t c = 0; c < 4; ++c) rows.add_text(c, row[c]);
      rows.end_row();
    }
    out.resize(list.size() * static_cast<std::size_t>(engine.width()));
    engine.run(rows.columns(), rows.rows(), out.data(), &features);
  }
  void show(Monitor& monitor) { monitor.add_tally().observe(rows.columns(), rows.rows(), features, out.data()); }
  score::Engine engine;
  score::RowBuilder rows;
  std::vector<std::vector<double>> features;
  std::vector<double> out;
};

TEST(Monitor, MissingAndUnseen) {
  for (const package::Package& p : {sample::binary(), sample::classes(), sample::regression(), sample::clusters(), sample::anomalies()}) {
    Monitor monitor(p.signature, p.model);
    Rows rows(p, {{"1", "One year", "5", "Yes"}, {"1", "never seen", "", "Yes"}, {"1", "also new", "NA", "No"}});
    rows.show(monitor);
    rows.show(monitor);
    EXPECT_EQ(monitor.missing(2), 4u);  // though the feature itself was imputed
    EXPECT_EQ(monitor.unseen(1), 4u);
    EXPECT_EQ(monitor.missing(1), 0u);
    EXPECT_EQ(monitor.drift().rows, 6u);
  }
}

// Clusters drift by how many rows each has, anomalies by their score.
TEST(Monitor, DriftOfClustersAndAnomalies) {
  package::Package p = sample::clusters();
  p.signature.prediction_reference = make_prediction_reference(p.model, {0, 9, 0, 8, 2, 1, 2, 7});
  EXPECT_EQ(p.signature.prediction_reference.counts, (std::vector<double>{2, 0, 2, 0}));
  EXPECT_TRUE(p.signature.prediction_reference.edges.empty());
  Monitor same(p.signature, p.model), other(p.signature, p.model);
  Rows(p, {{"3", "One year", "50", "No"}, {"70", "One year", "100", "Yes"}}).show(same);
  Rows(p, {{"40", "One year", "2000", "Yes"}, {"40", "One year", "2000", "Yes"}}).show(other);
  EXPECT_EQ(same.drift().prediction, 0);
  EXPECT_GT(other.drift().prediction, 1);
  const package::DriftReference scores = make_prediction_reference(sample::anomalies().model, {0, 0.25, 1, 0.75});
  EXPECT_EQ(scores.edges, (std::vector<double>{0.25, 0.75}));
}

TEST(Monitor, OneByOneIsTheSameAsAllAtOnceAndAsManyThreads) {
  const package::Package p = sample::binary();
  std::vector<std::array<const char*, 4>> list;
  for (int i = 0; i < 100; ++i) list.push_back({i % 3 ? "1" : "40", i % 5 ? "One year" : "new", i % 7 ? "5" : "", i % 2 ? "Yes" : "No"});
  Rows all(p, list);
  Monitor at_once(p.signature, p.model), singly(p.signature, p.model), threaded(p.signature, p.model);
  for (int i = 0; i < 4; ++i) all.show(at_once);
  for (const auto& row : list)
    for (int i = 0; i < 4; ++i) Rows(p, {row}).show(singly);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { Rows(p, list).show(threaded); });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(at_once.drift().features, singly.drift().features);
  EXPECT_EQ(at_once.drift().features, threaded.drift().features);
  EXPECT_EQ(at_once.drift().prediction, threaded.drift().prediction);
  EXPECT_EQ(at_once.missing(2), threaded.missing(2));
  EXPECT_GT(at_once.drift().features[0], 0.1);
}

std::string exposition(const Monitor& monitor, TextFormat format) {
  Exposition out(format);
  monitor.write(out, "m", "v");
  RequestCounts requests;
  requests.record(200, std::chrono::microseconds(300));
  requests.record(400, std::chrono::seconds(20));
  out.family(Metric::requests);
  requests.write_codes(out, {{"protocol", "v2"}});
  out.family(Metric::duration);
  requests.write_durations(out, {{"protocol", "v2"}});
  out.family(Metric::model_info);
  out.sample({{"name", "with \"quotes\" \\ and\nlines"}}, std::uint64_t{1});
  write_process(out, 1.5);
  return out.finish();
}

TEST(Exposition, Prometheus) {
  const package::Package p = sample::binary();
  Monitor monitor(p.signature, p.model);
  std::vector<std::array<const char*, 4>> list(300, {"100", "One year", "5", "Yes"});
  Rows(p, list).show(monitor);
  const std::string text = exposition(monitor, TextFormat::prometheus);
  for (const char* line : {"# TYPE mlp_inference_requests_total counter\n", "mlp_inference_requests_total{protocol=\"v2\",code=\"400\"} 1\n", "mlp_inference_rows_total{model=\"m\",version=\"v\"} 300\n",
                           "mlp_feature_unseen_category_total{model=\"m\",version=\"v\",feature=\"Contract\"} 0\n", "mlp_drift_detected{model=\"m\",version=\"v\",feature=\"tenure\",level=\"alert\"} 1\n",
                           "mlp_inference_request_duration_seconds_bucket{protocol=\"v2\",le=\"0.00025\"} 0\n", "mlp_inference_request_duration_seconds_bucket{protocol=\"v2\",le=\"0.0005\"} 1\n",
                           "mlp_inference_request_duration_seconds_bucket{protocol=\"v2\",le=\"+Inf\"} 2\n", "mlp_inference_request_duration_seconds_count{protocol=\"v2\"} 2\n",
                           "mlp_model_info{name=\"with \\\"quotes\\\" \\\\ and\\nlines\"} 1\n", "process_start_time_seconds 1.5\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  EXPECT_EQ(text.find("# EOF"), std::string::npos);
  if (std::system("command -v promtool > /dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  std::FILE* const tool = ::popen("promtool check metrics", "w");
  std::fwrite(text.data(), 1, text.size(), tool);
  EXPECT_EQ(::pclose(tool), 0) << text;
}

TEST(Exposition, OpenMetrics) {
  const package::Package p = sample::binary();
  const std::string text = exposition(Monitor(p.signature, p.model), TextFormat::openmetrics);
  for (const char* line : {"# TYPE mlp_inference_requests counter\n", "mlp_inference_requests_total{", "# TYPE mlp_model info\n", "mlp_model_info{", "# UNIT mlp_inference_request_duration_seconds seconds\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line;
  EXPECT_EQ(text.substr(text.size() - 6), "# EOF\n");
  EXPECT_EQ(negotiate("application/openmetrics-text; version=1.0.0, text/plain"), TextFormat::openmetrics);
  EXPECT_EQ(negotiate("*/*"), TextFormat::prometheus);
}

TEST(Exposition, EveryMetricHasANameTypeAndHelp) {
  for (const MetricRow& row : metric_rows()) {
    const std::string name = row.name;
    EXPECT_TRUE(name.starts_with("mlp_") || name.starts_with("process_")) << name;
    EXPECT_FALSE(name.ends_with("_total") || name.ends_with("_info")) << name;
    EXPECT_TRUE(std::string(row.help).ends_with(".")) << name;
    if (*row.unit) EXPECT_TRUE(name.ends_with(row.unit)) << name;
  }
}

}  // namespace
}  // namespace mlp::monitor
