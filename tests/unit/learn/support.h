// Data sets and requests for the tests of the trainers.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "runtime/learn/learn.h"
#include "runtime/learn/metrics.h"

namespace mlp::learn {

// Owns the columns that a Dataset points into.
struct Rows {
  std::vector<std::vector<double>> columns;
  std::vector<double> target, weight;
  Dataset dataset() const {
    Dataset d;
    d.rows = static_cast<std::int64_t>(target.size());
    for (const auto& c : columns) d.columns.push_back(c.data());
    d.target = target;
    d.weight = weight;
    return d;
  }
};

inline model::FeatureInfo number(std::string name) { return {.name = std::move(name), .category = false, .width = 0, .one_hot = false}; }
inline model::FeatureInfo category(std::string name, std::int32_t width) { return {.name = std::move(name), .category = true, .width = width, .one_hot = false}; }
inline model::FeatureInfo one_hot(std::string name, std::int32_t width) { return {.name = std::move(name), .category = false, .width = width, .one_hot = true}; }

inline double draw(std::mt19937_64& rng) { return static_cast<double>(rng() >> 11) * 0x1p-53; }
inline double normal(std::mt19937_64& rng) { return std::sqrt(-2 * std::log(draw(rng) + 1e-300)) * std::cos(6.283185307179586 * draw(rng)); }

inline std::vector<double> predict(const model::Model& model, const Rows& rows) {
  const Dataset d = rows.dataset();
  std::vector<double> scores(d.rows * model.outputs()), out(d.rows * model::width(model));
  model::Scorer(model).score(d.columns, d.rows, scores.data());
  model::link(model, scores.data(), d.rows, out.data());
  return out;
}
inline std::map<std::string, double> measure(const model::Model& model, const Rows& rows) {
  return metrics(model, predict(model, rows), rows.target, rows.weight);
}

// Everything that training decides, as one text: equal texts are equal bytes.
inline std::string bytes_of(const model::Model& model) {
  std::string out;
  const auto put = [&](const auto& v) { out.append(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(v[0])); };
  put(model.forest.base);
  for (const model::Tree& t : model.forest.trees) {
    put(t.feature), put(t.threshold), put(t.left), put(t.right), put(t.default_left), put(t.category_set);
    put(t.value), put(t.cover), put(t.gain);
  }
  for (const auto& set : model.forest.category_sets) put(set);
  put(model.linear.intercept), put(model.linear.offset), put(model.linear.width), put(model.linear.weights);
  return out;
}

inline void expect_failure(Code code, const std::function<void()>& run) {
  try {
    run();
    ADD_FAILURE() << "no failure, " << info(code).code << " was expected";
  } catch (const Failure& failure) {
    EXPECT_STREQ(info(failure.diagnostic.code).code, info(code).code) << failure.what();
  }
}

// A CSV file (or .csv.gz) as texts; quotes are removed. Enough for the data of the examples.
struct Csv {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;
};
inline Csv read_csv(const std::string& path) {
  const bool packed = path.size() > 3 && path.substr(path.size() - 3) == ".gz";
  std::FILE* file = packed ? popen(("gzip -dc '" + path + "'").c_str(), "r") : std::fopen(path.c_str(), "r");
  Csv out;
  if (file == nullptr) return out;
  std::vector<std::string> row(1);
  bool quoted = false;
  for (int c; (c = std::fgetc(file)) != EOF;) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      row.emplace_back();
    else if (c == '\n' && !quoted) {
      (out.names.empty() ? out.names : out.rows.emplace_back()) = row;
      row.assign(1, "");
    } else if (c != '\r')
      row.back() += static_cast<char>(c);
  }
  packed ? pclose(file) : std::fclose(file);
  return out;
}

struct Task {
  Request request;
  Rows train, test;
};
struct Source {
  std::string file, target, positive;     // positive "" = regression
  std::set<std::string> categories, dropped;
  std::string missing;
  bool log_target = false;
};
enum class Shape { native, linear };
// Row i is a test row when i % 5 == 0. Category codes in alphabetical order of the training values. For linear models
// numbers are imputed with the median and standardised, categories one-hot with missing as a category of its own.
inline std::unique_ptr<Task> load(const Source& source, Shape shape) {
  const Csv csv = read_csv(std::string(MLP_SOURCE_DIR) + "/examples/" + source.file);
  if (csv.rows.empty()) return nullptr;
  auto task = std::make_unique<Task>();
  for (std::size_t j = 0; j < csv.names.size(); ++j) {
    const std::string& name = csv.names[j];
    if (source.dropped.contains(name)) continue;
    const bool is_target = name == source.target, is_category = source.categories.contains(name);
    std::map<std::string, int> codes;
    const auto is_missing = [&](const std::string& v) { return v.empty() || v == source.missing; };
    for (std::size_t i = 0; i < csv.rows.size(); ++i)
      if (is_category && i % 5 != 0 && (shape == Shape::linear || !is_missing(csv.rows[i][j]))) codes[csv.rows[i][j]];
    int next = 0;
    for (auto& [text, code] : codes) code = next++;
    std::vector<double> train, test;
    for (std::size_t i = 0; i < csv.rows.size(); ++i) {
      const std::string& text = csv.rows[i][j];
      double v = std::nan("");
      if (is_target && !source.positive.empty()) {
        v = text == source.positive;
      } else if (is_category) {
        if (const auto it = codes.find(text); it != codes.end()) v = it->second;
      } else if (!is_missing(text)) {
        v = std::strtod(text.c_str(), nullptr);
      }
      if (is_target && source.log_target) v = std::log(v);
      (i % 5 == 0 ? test : train).push_back(v);
    }
    if (is_target) {
      task->train.target = train;
      task->test.target = test;
      continue;
    }
    if (shape == Shape::linear && !is_category) {
      std::vector<double> present;
      for (const double v : train)
        if (!std::isnan(v)) present.push_back(v);
      std::sort(present.begin(), present.end());
      const double median = (present[(present.size() - 1) / 2] + present[present.size() / 2]) / 2;
      for (auto* part : {&train, &test})
        for (double& v : *part) v = std::isnan(v) ? median : v;
      double mean = 0, squares = 0;
      for (const double v : train) mean += v / static_cast<double>(train.size());
      for (const double v : train) squares += (v - mean) * (v - mean);
      const double deviation = std::sqrt(squares / static_cast<double>(train.size()));
      for (auto* part : {&train, &test})
        for (double& v : *part) v = (v - mean) / deviation;
    }
    task->request.features.push_back(!is_category ? number(name) : shape == Shape::linear ? one_hot(name, next) : category(name, next));
    task->train.columns.push_back(train);
    task->test.columns.push_back(test);
  }
  Request& request = task->request;
  request.train = task->train.dataset();
  request.settings.loss = source.positive.empty() ? Loss::squared : Loss::logistic;
  if (!source.positive.empty()) request.classes = {"no", "yes"};
  request.threads = 2;
  return task;
}

}  // namespace mlp::learn
