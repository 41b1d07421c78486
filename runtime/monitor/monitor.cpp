#include "runtime/monitor/monitor.h"

#include <algorithm>
#include <cmath>

namespace mlp::monitor {
namespace {

constexpr std::uint64_t detection_rows = 200;  // below this, PSI is mostly noise

// Puts at place(low), …, place(high) the values that stand there when begin..end is sorted, without sorting the others.
template <class Place>
void put_in_place(std::vector<double>& values, const Place& place, int low, int high, std::size_t begin, std::size_t end) {
  if (low > high || begin == end) return;
  const int middle = (low + high) / 2;
  const std::size_t at = place(middle);
  if (at >= begin && at < end) std::nth_element(values.begin() + static_cast<std::ptrdiff_t>(begin), values.begin() + static_cast<std::ptrdiff_t>(at), values.begin() + static_cast<std::ptrdiff_t>(end));
  put_in_place(values, place, low, middle - 1, begin, std::min(std::max(at, begin), end));
  put_in_place(values, place, middle + 1, high, std::min(std::max(at + 1, begin), end), end);
}

package::DriftReference number_reference(std::vector<double> values, int bins) {
  package::DriftReference out;
  const std::size_t all = values.size();
  std::erase_if(values, [](double v) { return std::isnan(v); });
  // The last value of the b-th of `bins` equal parts.
  const auto place = [&](int b) { return std::max<std::size_t>(values.size() * static_cast<std::size_t>(b) / static_cast<std::size_t>(bins), 1) - 1; };
  if (!values.empty()) put_in_place(values, place, 1, bins, 0, values.size());
  if (!values.empty())
    for (int b = 1; b <= bins; ++b) {
      const double edge = values[place(b)];
      if (std::isfinite(edge) && (out.edges.empty() || edge > out.edges.back())) out.edges.push_back(edge == 0 ? 0.0 : edge);
    }
  out.counts.assign(out.edges.size() + 2, 0);
  for (const double v : values) ++out.counts[bin_of(out, false, v)];
  out.counts.back() = static_cast<double>(all - values.size());
  return out;
}

// Predictions that are one of several kinds are counted by it: how many there are, 0 for a number; and which one a row is of.
std::size_t kinds_of(const model::Model& model) {
  if (model::answer(model) == model::Answer::cluster) return static_cast<std::size_t>(model.centres.clusters);
  return model.classes.size() > 2 ? model.classes.size() : 0;
}
std::size_t kind_of(const model::Model& model, const double* prediction) {
  return model::answer(model) == model::Answer::cluster ? static_cast<std::size_t>(prediction[0]) : score::predicted_class(prediction, model.classes.size());
}

}  // namespace

package::DriftReference make_reference(const std::vector<double>& values, const model::FeatureInfo& info, int bins) {
  if (info.width == 0) return number_reference(values, bins);
  package::DriftReference out;
  out.counts.assign(static_cast<std::size_t>(info.width) + 1, 0);
  for (const double v : values) ++out.counts[bin_of(out, true, v)];
  return out;
}

package::DriftReference make_prediction_reference(const model::Model& model, const std::vector<double>& predictions, int bins) {
  const std::size_t width = static_cast<std::size_t>(model::width(model));
  const std::size_t rows = predictions.size() / width;
  const std::size_t kinds = kinds_of(model);
  if (kinds == 0) {
    std::vector<double> values(rows);
    for (std::size_t r = 0; r < rows; ++r) values[r] = predictions[r * width + width - 1];
    return number_reference(std::move(values), bins);
  }
  package::DriftReference out;
  out.counts.assign(kinds + 1, 0);
  for (std::size_t r = 0; r < rows; ++r) ++out.counts[kind_of(model, predictions.data() + r * width)];
  return out;
}

double psi(const std::vector<double>& reference, const std::vector<std::uint64_t>& current) {
  double reference_rows = 0, current_rows = 0;
  for (const double count : reference) reference_rows += count;
  for (const std::uint64_t count : current) current_rows += static_cast<double>(count);
  if (reference_rows == 0 || current_rows == 0) return 0;
  double out = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double p = reference[i] > 0 ? reference[i] / reference_rows : 1e-4;
    const double q = current[i] > 0 ? static_cast<double>(current[i]) / current_rows : 1e-4;
    out += (q - p) * std::log(q / p);
  }
  return out;
}

std::size_t bin_of(const package::DriftReference& reference, bool category, double value) {
  if (category) {
    const std::size_t last = reference.counts.size() - 1;
    return value >= 0 && value < static_cast<double>(last) ? static_cast<std::size_t>(value) : last;
  }
  if (std::isnan(value)) return reference.edges.size() + 1;
  return static_cast<std::size_t>(std::lower_bound(reference.edges.begin(), reference.edges.end(), value) - reference.edges.begin());
}

Monitor::Counters Monitor::counters(std::size_t count) { return std::make_unique<std::atomic<std::uint64_t>[]>(count); }

Monitor::Monitor(const package::Signature& signature, const model::Model& model) : signature_(signature), model_(model) {
  std::size_t total = 0;
  for (const package::DriftReference& r : signature.feature_reference) {
    offset_.push_back(total);
    total += r.counts.size();
  }
  offset_.push_back(total);
  bins_ = counters(total + signature.prediction_reference.counts.size());
  missing_ = counters(model.features.size());
  unseen_ = counters(model.features.size());
  null_ = counters(signature.request.size());
  breaches_ = counters(signature.request.size());
}

void Monitor::count_bins(const package::DriftReference& reference, bool category, std::size_t offset, const double* values, std::size_t stride, std::int64_t rows) {
  if (reference.counts.empty()) return;
  if (rows < 32) {
    for (std::int64_t r = 0; r < rows; ++r) add(bins_, offset + bin_of(reference, category, values[static_cast<std::size_t>(r) * stride]), 1);
    return;
  }
  static thread_local std::vector<std::uint64_t> local;
  local.assign(reference.counts.size(), 0);
  for (std::int64_t r = 0; r < rows; ++r) ++local[bin_of(reference, category, values[static_cast<std::size_t>(r) * stride])];
  for (std::size_t b = 0; b < local.size(); ++b)
    if (local[b] > 0) add(bins_, offset + b, local[b]);
}

void Monitor::observe(const mlp_column* columns, std::int64_t rows, const std::vector<std::vector<double>>& features, const double* out) {
  const auto n = static_cast<std::size_t>(rows);
  rows_.fetch_add(n, std::memory_order_relaxed);
  const auto present = [&](std::size_t request) { return columns[static_cast<std::size_t>(signature_.request_place[request])].present; };
  for (std::size_t c = 0; c < signature_.request.size(); ++c) {
    const std::uint8_t* const p = present(c);
    if (!p) continue;
    const auto nulls = static_cast<std::uint64_t>(std::count(p, p + n, 0));
    if (nulls > 0) add(null_, c, nulls);
  }
  for (std::size_t f = 0; f < features.size(); ++f) {
    const bool category = model_.features[f].width > 0;
    const double* const values = features[f].data();
    count_bins(signature_.feature_reference[f], category, offset_[f], values, 1, rows);
    std::uint64_t missing = 0, unseen = 0;
    for (std::size_t r = 0; r < n; ++r) {
      bool null = false;
      for (const std::int32_t c : signature_.feature_columns[f]) {
        const std::uint8_t* const p = present(static_cast<std::size_t>(c));
        null = null || (p && p[r] == 0);
      }
      const bool nan = std::isnan(values[r]);
      unseen += nan && category && !null ? 1 : 0;
      missing += null || (nan && !category) ? 1 : 0;
    }
    if (missing > 0) add(missing_, f, missing);
    if (unseen > 0) add(unseen_, f, unseen);
  }
  const auto width = static_cast<std::size_t>(model::width(model_));
  if (kinds_of(model_) == 0) {
    count_bins(signature_.prediction_reference, false, offset_.back(), out + width - 1, width, rows);
  } else {
    for (std::size_t r = 0; r < n; ++r) add(bins_, offset_.back() + kind_of(model_, out + r * width), 1);
  }
}

void Monitor::count_breaches(std::size_t column, std::int64_t values) { add(breaches_, column, static_cast<std::uint64_t>(values)); }

std::vector<std::uint64_t> Monitor::bins(std::size_t offset, std::size_t count) const {
  std::vector<std::uint64_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = load(bins_, offset + i);
  return out;
}

Monitor::Drift Monitor::drift() const {
  Drift out;
  out.rows = rows_.load(std::memory_order_relaxed);
  for (std::size_t f = 0; f < signature_.feature_reference.size(); ++f) {
    const std::vector<double>& counts = signature_.feature_reference[f].counts;
    out.features.push_back(psi(counts, bins(offset_[f], counts.size())));
  }
  const std::vector<double>& counts = signature_.prediction_reference.counts;
  out.prediction = psi(counts, bins(offset_.back(), counts.size()));
  return out;
}

void Monitor::write(Exposition& out, std::string_view model, std::string_view version) const {
  const Labels base{{"model", model}, {"version", version}};
  const auto with = [&](std::string_view name, std::string_view value) {
    Labels labels = base;
    labels.emplace_back(name, value);
    return labels;
  };
  const Drift now = drift();
  out.family(Metric::rows);
  out.sample(base, now.rows);
  out.family(Metric::input_missing);
  for (std::size_t c = 0; c < signature_.request.size(); ++c)
    if (signature_.request[c].type.nullable) out.sample(with("column", signature_.request[c].name), load(null_, c));
  out.family(Metric::input_breach);
  for (std::size_t c = 0; c < signature_.request.size(); ++c)
    if (const Column& column = signature_.request[c]; column.bounds.low || column.bounds.high || !column.one_of.empty() || !column.pattern.empty())
      out.sample(with("column", column.name), load(breaches_, c));
  out.family(Metric::feature_missing);
  for (std::size_t f = 0; f < model_.features.size(); ++f) out.sample(with("feature", model_.features[f].name), missing(f));
  out.family(Metric::feature_unseen);
  for (std::size_t f = 0; f < model_.features.size(); ++f)
    if (model_.features[f].width > 0) out.sample(with("feature", model_.features[f].name), unseen(f));
  out.family(Metric::drift_rows);
  out.sample(base, now.rows);
  const auto each = [&](auto&& sample) {
    for (std::size_t f = 0; f < model_.features.size(); ++f) sample(std::string_view(model_.features[f].name), now.features[f], false);
    sample("prediction", now.prediction, true);
  };
  out.family(Metric::drift_score);
  each([&](std::string_view subject, double score, bool prediction) {
    Labels labels = base;
    labels.emplace_back(prediction ? "subject" : "feature", subject);
    labels.emplace_back("method", "psi");
    out.sample(labels, score);
  });
  out.family(Metric::drift_detected);
  each([&](std::string_view subject, double score, bool prediction) {
    for (const DriftRule& rule : signature_.drift) {
      if ((rule.subject == "prediction") != prediction) continue;
      for (const auto& [level, limit] : {std::pair<std::string_view, double>{"warn", rule.warn}, {"alert", rule.alert}}) {
        if (limit <= 0) continue;
        Labels labels = base;
        labels.emplace_back(prediction ? "subject" : "feature", subject);
        labels.emplace_back("level", level);
        out.sample(labels, std::uint64_t{now.rows >= detection_rows && score > limit});
      }
    }
  });
}

}  // namespace mlp::monitor
