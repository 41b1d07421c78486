// Metrics as text: Prometheus 0.0.4 or OpenMetrics 1.0.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlp::monitor {

enum class Metric : int {
#define MLP_METRIC(id, name, type, unit, help) id,
#include "runtime/monitor/metrics.def"
#undef MLP_METRIC
};
enum class MetricType { counter, gauge, histogram, info };
struct MetricRow {
  const char* name;
  MetricType type;
  const char* unit;
  const char* help;
};
const std::vector<MetricRow>& metric_rows();

enum class TextFormat { prometheus, openmetrics };
const char* content_type(TextFormat format);
TextFormat negotiate(std::string_view accept);  // OpenMetrics only when the Accept header names it

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

class Exposition {
 public:
  explicit Exposition(TextFormat format) : format_(format) {}
  void family(Metric metric);                              // starts the next metric
  void sample(const Labels& labels, double value);
  void sample(const Labels& labels, std::uint64_t value);
  void histogram(const Labels& labels, const std::vector<double>& bounds, const std::vector<std::uint64_t>& counts, double sum);  // counts: per bucket, one more than bounds
  std::string finish();

 private:
  void line(std::string_view suffix, const Labels& labels, std::string_view value);
  TextFormat format_;
  const MetricRow* row_ = nullptr;
  std::string out_;
};

}  // namespace mlp::monitor
