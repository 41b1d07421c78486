#include "runtime/score/output.h"

#include <cmath>

#include "runtime/score/json.h"

namespace mlp::score {

void append_csv(std::string& out, std::string_view text, char delimiter) {
  if (text.find(delimiter) == std::string_view::npos && text.find_first_of("\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_json_number(std::string& out, double value) {
  if (std::isfinite(value)) append_number(out, value);
  else out += "null";
}

OutputWriter::OutputWriter(const model::Model& model, Format format, const fit::Fitted* features)
    : kind_(output_kind(model, 0)), width_(static_cast<std::size_t>(model::width(model))), number_(kind_ == OutputKind::label ? 0 : 1), format_(format) {
  const auto ready = [&](const std::string& text) {
    std::string out;
    format == Format::csv ? append_csv(out, text) : append_json_string(out, text);
    return out;
  };
  for (const std::string& name : output_names(model)) names_.push_back(ready(name) + (format == Format::csv ? "" : ":"));
  for (const std::string& label : model.classes) labels_.push_back(ready(label));
  if (!features) return;
  for (const model::FeatureInfo& feature : model.features) {
    features_.push_back(format == Format::csv ? ready("features." + feature.name) : ready(feature.name) + ":");
    bags_.push_back(feature.bag);
    terms_.push_back(feature.table >= 0 ? &features->tables[static_cast<std::size_t>(feature.table)].keys : nullptr);
  }
}

void OutputWriter::header(std::string& out) const {
  if (format_ != Format::csv) return;
  for (std::size_t i = 0; i < names_.size(); ++i) (out += i ? "," : "") += names_[i];
  for (const std::string& name : features_) (out += ',') += name;
  out += '\n';
}

void OutputWriter::value(std::string& out, const double* p, std::size_t i) const {
  const auto number = [&](double v) { format_ == Format::csv ? append_number(out, v) : append_json_number(out, v); };
  if (i > 0) return number(p[number_ + i - 1]);
  switch (kind_) {
    case OutputKind::number: return number(*p);
    case OutputKind::label: out += labels_[predicted_class(p, width_)]; return;
    case OutputKind::whole: out += std::to_string(static_cast<std::int64_t>(*p)); return;
    case OutputKind::truth: out += *p != 0 ? "true" : "false"; return;
  }
}

void OutputWriter::values(std::string& out, const double* p) const {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i) out += ',';
    out += names_[i];
    value(out, p, i);
  }
}

void OutputWriter::object(std::string& out, const double* p) const {
  out += '{';
  values(out, p);
  out += '}';
}

void OutputWriter::bag(std::string& out, std::size_t feature, const std::vector<mlp_term>& terms) const {
  char lead = '{';
  for (const mlp_term& t : terms) {
    out += lead;
    lead = ',';
    append_json_string(out, terms_[feature] ? (*terms_[feature])[static_cast<std::size_t>(t.term)] : std::to_string(t.term));
    out += ':';
    append_json_number(out, t.value);
  }
  out += lead == '{' ? "{}" : "}";
}

void OutputWriter::rows(std::string& out, const double* predictions, std::int64_t rows, const std::vector<std::vector<double>>& features, const Bags& bags) const {
  for (std::int64_t r = 0; r < rows; ++r) {
    const double* const p = predictions + static_cast<std::size_t>(r) * width_;
    if (format_ == Format::jsonl) {
      out += '{';
      values(out, p);
      if (!features_.empty()) out += ",\"features\":{";
      for (std::size_t f = 0; f < features_.size(); ++f) {
        (out += f ? "," : "") += features_[f];
        if (bags_[f]) bag(out, f, bags[f][static_cast<std::size_t>(r)]);
        else append_json_number(out, features[f][r]);
      }
      out += features_.empty() ? "}" : "}}";
    } else {
      for (std::size_t i = 0; i < names_.size(); ++i) {
        if (i) out += ',';
        value(out, p, i);
      }
      for (std::size_t f = 0; f < features_.size(); ++f) {
        out += ',';
        if (!bags_[f]) {
          append_number(out, features[f][r]);
          continue;
        }
        std::string cell;
        bag(cell, f, bags[f][static_cast<std::size_t>(r)]);
        append_csv(out, cell);
      }
    }
    out += '\n';
  }
}

}  // namespace mlp::score
