#include "runtime/monitor/monitor.h"

#include <algorithm>
#include <cmath>
#include <utility>

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
  // How many edges lie below it, without a branch that would be guessed wrong half of the time.
  const double* at = reference.edges.data();
  std::size_t size = reference.edges.size();
  if (size == 0) return 0;
  for (; size > 1; size -= size / 2) at += at[size / 2 - 1] < value ? size / 2 : 0;
  return static_cast<std::size_t>(at - reference.edges.data()) + (*at < value ? 1 : 0);
}

Monitor::Monitor(const package::Signature& signature, const model::Model& model) : signature_(signature), model_(model), kinds_(kinds_of(model)) {
  std::size_t end = 0;
  const auto take = [&](std::size_t count) { return std::exchange(end, end + count); };
  for (std::size_t f = 0; f < model.features.size(); ++f) {
    const package::DriftReference& reference = signature.feature_reference[f];
    Feature& feature = features_.emplace_back(Feature{&reference, model.features[f].width > 0, take(reference.counts.size()), {}});
    for (const std::int32_t c : signature.feature_columns[f])
      if (const auto column = static_cast<std::size_t>(c); signature.request[column].type.nullable) feature.nullable.push_back(static_cast<std::size_t>(signature.request_place[column]));
  }
  places_.bins = take(signature.prediction_reference.counts.size());
  places_.missing = take(model.features.size());
  places_.unseen = take(model.features.size());
  places_.null = take(signature.request.size());
  places_.breaches = take(signature.request.size());
  places_.rows = take(1);
  places_.size = end;
}

Tally& Monitor::add_tally() {
  const std::lock_guard lock(mutex_);
  return *tallies_.emplace_back(new Tally(*this));
}

std::uint64_t Monitor::sum(std::size_t place) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t out = 0;
  for (const auto& tally : tallies_) out += tally->counts_[place].get();
  return out;
}

std::vector<std::uint64_t> Monitor::bins(std::size_t place, std::size_t count) const {
  std::vector<std::uint64_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = sum(place + i);
  return out;
}

Tally::Tally(const Monitor& monitor) : monitor_(monitor), counts_(std::make_unique<Count[]>(monitor.places_.size)) {}

void Tally::observe(const mlp_column* columns, std::int64_t rows, const std::vector<std::vector<double>>& features, const double* out) {
  const package::Signature& signature = monitor_.signature_;
  const model::Model& model = monitor_.model_;
  const Monitor::Places& places = monitor_.places_;
  const auto n = static_cast<std::size_t>(rows);
  counts_[places.rows].add(n);
  for (std::size_t c = 0; c < signature.request.size(); ++c)
    if (const std::uint8_t* const present = columns[static_cast<std::size_t>(signature.request_place[c])].present)
      counts_[places.null + c].add(static_cast<std::uint64_t>(std::count(present, present + n, 0)));
  for (std::size_t f = 0; f < features.size(); ++f) {
    const Monitor::Feature& feature = monitor_.features_[f];
    const double* const values = features[f].data();
    if (!feature.reference->counts.empty())
      for (std::size_t r = 0; r < n; ++r) counts_[feature.bins + bin_of(*feature.reference, feature.category, values[r])].add(1);
    std::uint64_t missing = 0, unseen = 0;
    for (std::size_t r = 0; r < n; ++r) {
      bool null = false;
      for (const std::size_t place : feature.nullable) null = null || (columns[place].present && columns[place].present[r] == 0);
      const bool nan = std::isnan(values[r]);
      unseen += nan && feature.category && !null ? 1 : 0;
      missing += null || (nan && !feature.category) ? 1 : 0;
    }
    if (missing > 0) counts_[places.missing + f].add(missing);
    if (unseen > 0) counts_[places.unseen + f].add(unseen);
  }
  const auto width = static_cast<std::size_t>(model::width(model));
  const package::DriftReference& reference = signature.prediction_reference;
  if (reference.counts.empty()) return;
  for (std::size_t r = 0; r < n; ++r)
    counts_[places.bins + (monitor_.kinds_ > 0 ? kind_of(model, out + r * width) : bin_of(reference, false, out[(r + 1) * width - 1]))].add(1);
}

void Tally::count_breaches(std::size_t column, std::int64_t values) { counts_[monitor_.places_.breaches + column].add(static_cast<std::uint64_t>(values)); }

Monitor::Drift Monitor::drift() const {
  Drift out;
  out.rows = sum(places_.rows);
  for (std::size_t f = 0; f < signature_.feature_reference.size(); ++f) {
    const std::vector<double>& counts = signature_.feature_reference[f].counts;
    out.features.push_back(psi(counts, bins(features_[f].bins, counts.size())));
  }
  const std::vector<double>& counts = signature_.prediction_reference.counts;
  out.prediction = psi(counts, bins(places_.bins, counts.size()));
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
    if (signature_.request[c].type.nullable) out.sample(with("column", signature_.request[c].name), sum(places_.null + c));
  out.family(Metric::input_breach);
  for (std::size_t c = 0; c < signature_.request.size(); ++c)
    if (const Column& column = signature_.request[c]; column.bounds.low || column.bounds.high || !column.one_of.empty() || !column.pattern.empty())
      out.sample(with("column", column.name), sum(places_.breaches + c));
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
