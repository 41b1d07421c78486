#include "runtime/monitor/exposition.h"

#include <charconv>
#include <cmath>

namespace mlp::monitor {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  // 0.0005 rather than 5e-04, as other exporters write it.
  char buffer[64];
  const double size = std::fabs(value);
  const auto style = size == 0 || (size >= 1e-6 && size < 1e15) ? std::chars_format::fixed : std::chars_format::general;
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value, style).ptr};
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') out += "\\n";
    else out += c;
  }
}

}  // namespace

const std::vector<MetricRow>& metric_rows() {
  static const std::vector<MetricRow> rows = {
#define MLP_METRIC(id, name, type, unit, help) {name, MetricType::type, unit, help},
#include "runtime/monitor/metrics.def"
#undef MLP_METRIC
  };
  return rows;
}

const char* content_type(TextFormat format) {
  return format == TextFormat::prometheus ? "text/plain; version=0.0.4; charset=utf-8" : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

TextFormat negotiate(std::string_view accept) {
  return accept.find("application/openmetrics-text") != std::string_view::npos ? TextFormat::openmetrics : TextFormat::prometheus;
}

void Exposition::family(Metric metric) {
  row_ = &metric_rows()[static_cast<std::size_t>(metric)];
  const bool open = format_ == TextFormat::openmetrics;
  // 0.0.4 names the family as its samples are named and knows no info type; OpenMetrics names it without the suffix.
  std::string name = row_->name;
  const char* type = "gauge";
  if (row_->type == MetricType::counter) { type = "counter"; if (!open) name += "_total"; }
  if (row_->type == MetricType::histogram) type = "histogram";
  if (row_->type == MetricType::info) { if (open) type = "info"; else name += "_info"; }
  out_ += "# HELP " + name + " " + row_->help + "\n# TYPE " + name + " " + type + "\n";
  if (open && *row_->unit) out_ += "# UNIT " + name + " " + row_->unit + "\n";
}

void Exposition::line(std::string_view suffix, const Labels& labels, std::string_view value) {
  out_ += row_->name;
  out_ += suffix;
  if (!labels.empty()) {
    char separator = '{';
    for (const auto& [name, text] : labels) {
      out_ += separator;
      out_ += name;
      out_ += "=\"";
      append_escaped(out_, text);
      out_ += '"';
      separator = ',';
    }
    out_ += '}';
  }
  out_ += ' ';
  out_ += value;
  out_ += '\n';
}

void Exposition::sample(const Labels& labels, double value) {
  line(row_->type == MetricType::counter ? "_total" : row_->type == MetricType::info ? "_info" : "", labels, number(value));
}
void Exposition::sample(const Labels& labels, std::uint64_t value) {
  line(row_->type == MetricType::counter ? "_total" : row_->type == MetricType::info ? "_info" : "", labels, std::to_string(value));
}

void Exposition::histogram(const Labels& labels, const std::vector<double>& bounds, const std::vector<std::uint64_t>& counts, double sum) {
  Labels with = labels;
  with.emplace_back("le", "");
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const std::string bound = i < bounds.size() ? number(bounds[i]) : "+Inf";
    with.back().second = bound;
    line("_bucket", with, std::to_string(total));
  }
  line("_sum", labels, number(sum));
  line("_count", labels, std::to_string(total));
}

std::string Exposition::finish() {
  if (format_ == TextFormat::openmetrics) out_ += "# EOF\n";
  return std::move(out_);
}

}  // namespace mlp::monitor
