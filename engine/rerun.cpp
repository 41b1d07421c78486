#include "engine/rerun.h"

#include <algorithm>
#include <cstring>

#include <nlohmann/json.hpp>

namespace mlp::engine {
namespace {

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

bool same_tree(const model::Tree& a, const model::Tree& b) {
  return a.feature == b.feature && same_bits(a.threshold, b.threshold) && a.left == b.left && a.right == b.right && a.default_left == b.default_left && a.category_set == b.category_set && same_bits(a.value, b.value);
}

}  // namespace

Rerun rerun(const package::Package& package, const std::string& bytes, const std::filesystem::path& directory, const TrainOptions& options) {
  const Pipeline pipeline = prepare("spec of the run", package.spec, options_of(package, false));
  Rerun result;
  result.trained = train(pipeline, directory, options);
  result.same = result.trained.bytes == bytes;
  if (result.same) return result;

  using Json = nlohmann::ordered_json;
  const package::Package& now = result.trained.package;
  const Json was = Json::parse(package.manifest), is = Json::parse(now.manifest);
  const auto compare = [&](const char* pointer, const char* what) {
    const Json::json_pointer at(pointer);
    const std::string a = was.contains(at) ? was.at(at).dump() : "nothing", b = is.contains(at) ? is.at(at).dump() : "nothing";
    if (a != b) result.differences.push_back(std::string(what) + ": " + a + " then, " + b + " now");
  };
  compare("/toolchain", "toolchain");
  compare("/data/sha256", "data");
  compare("/data/read", "rows read");
  compare("/rows", "rows by part");
  compare("/model/device", "device");
  compare("/identity", "what the spec means to this compiler");
  for (std::size_t i = 0; i < std::max(package.fitted.numbers.size(), now.fitted.numbers.size()); ++i)
    if (i >= package.fitted.numbers.size() || i >= now.fitted.numbers.size() || !same_bits({package.fitted.numbers[i]}, {now.fitted.numbers[i]})) {
      result.differences.push_back("fitted number " + std::to_string(i));
      break;
    }
  if (package.fitted.texts != now.fitted.texts) result.differences.push_back("fitted texts");
  for (std::size_t i = 0; i < std::min(package.fitted.tables.size(), now.fitted.tables.size()); ++i)
    if (package.fitted.tables[i].keys != now.fitted.tables[i].keys || !same_bits(package.fitted.tables[i].values, now.fitted.tables[i].values)) {
      result.differences.push_back("fitted table " + std::to_string(i));
      break;
    }
  const std::vector<model::Tree>&a = package.model.forest.trees, &b = now.model.forest.trees;
  if (a.size() != b.size()) result.differences.push_back("number of trees: " + std::to_string(a.size()) + " then, " + std::to_string(b.size()) + " now");
  for (std::size_t t = 0; t < std::min(a.size(), b.size()); ++t)
    if (!same_tree(a[t], b[t])) {
      result.differences.push_back("tree " + std::to_string(t + 1));
      break;
    }
  if (!same_bits(package.model.linear.weights, now.model.linear.weights) || !same_bits(package.model.linear.intercept, now.model.linear.intercept)) result.differences.push_back("linear weights");
  const auto same_curve = [](const model::Curve& x, const model::Curve& y) { return same_bits(x.x, y.x) && same_bits(x.y, y.y) && same_bits({x.a, x.b}, {y.a, y.b}); };
  const std::vector<model::Curve>&curves = package.model.calibration.curves, &curves_now = now.model.calibration.curves;
  if (!std::equal(curves.begin(), curves.end(), curves_now.begin(), curves_now.end(), same_curve)) result.differences.push_back("calibration");
  if (result.differences.empty()) compare("/metrics", "metrics");
  if (result.differences.empty()) result.differences.push_back("the package's other bytes");
  return result;
}

}  // namespace mlp::engine
