#include <iostream>
#include <set>

#include "base/codes/command.h"
#include "cli/sides.h"
#include "runtime/monitor/monitor.h"

namespace mlp::cli {
namespace {

// Every difference of the spec once, with the stages that it reaches.
struct Difference {
  engine::Reason reason;
  std::vector<std::string> stages;
};

std::vector<Difference> differences(const engine::Comparison& comparison) {
  std::vector<Difference> out;
  for (const engine::StageChange& change : comparison.stages)
    for (const engine::Reason& reason : change.reasons) {
      if (reason.what == "data") continue;
      auto at = std::find_if(out.begin(), out.end(), [&](const Difference& d) { return d.reason.text() == reason.text(); });
      if (at == out.end()) at = out.insert(out.end(), {reason, {}});
      at->stages.emplace_back(driver::info(change.stage).name);
    }
  return out;
}

struct Names { std::vector<std::string> added, removed; };

Names feature_names(const driver::Unit& was, const driver::Unit& now) {
  std::set<std::string> before, after;
  for (const ir::Feature& f : was.program.features) before.insert(f.name);
  for (const ir::Feature& f : now.program.features) after.insert(f.name);
  Names out;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(out.added));
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(), std::back_inserter(out.removed));
  return out;
}

// How a feature lay in the train rows, from the reference that a package holds.
struct Shape { double missing = 0, median = 0; bool number = false; };

Shape shape_of(const package::Package& package, std::size_t f) {
  const package::DriftReference& reference = package.signature.feature_reference[f];
  Shape shape;
  double all = 0;
  for (const double count : reference.counts) all += count;
  if (all <= 0) return shape;
  shape.missing = reference.counts.back() / all;
  shape.number = package.model.features[f].width == 0 && !reference.edges.empty();
  double below = 0;
  const double present = all - reference.counts.back();
  for (std::size_t i = 0; shape.number && i < reference.edges.size(); ++i) {
    below += reference.counts[i];
    shape.median = reference.edges[i];  // the upper end of the bin that holds it
    if (below * 2 >= present) break;
  }
  return shape;
}

struct Moved { std::string feature; Shape was, is; };

std::vector<Moved> profile(const package::Package& was, const package::Package& now) {
  std::vector<Moved> out;
  for (std::size_t i = 0; i < now.model.features.size(); ++i)
    for (std::size_t k = 0; k < was.model.features.size(); ++k) {
      if (was.model.features[k].name != now.model.features[i].name) continue;
      const Shape before = shape_of(was, k), after = shape_of(now, i);
      if (before.missing != after.missing || before.median != after.median) out.push_back({now.model.features[i].name, before, after});
    }
  return out;
}

Json data_of(const engine::Side& side) {
  Json out = {{"sha256", side.data.empty() ? Json(nullptr) : Json(side.data)}};
  if (!side.package) return out;
  const Json manifest = Json::parse(side.package->manifest);
  for (const char* key : {"present", "read", "rejected"}) out[key] = manifest["data"][key];
  for (const auto& [part, rows] : manifest["rows"].items()) out[part] = rows;
  return out;
}

// part.metric → value
std::vector<std::pair<std::string, double>> metrics_of(const engine::Side& side) {
  std::vector<std::pair<std::string, double>> out;
  if (!side.package) return out;
  const Json manifest = Json::parse(side.package->manifest);
  for (const auto& [part, metrics] : manifest["metrics"].items())
    for (const auto& [name, value] : metrics.items())
      if (value.is_number()) out.emplace_back(part + "." + name, value.get<double>());
  return out;
}

struct Metric { std::string name; double was, is; };
std::vector<Metric> changed_metrics(const engine::Side& was, const engine::Side& now) {
  std::vector<Metric> out;
  for (const auto& [name, is] : metrics_of(now))
    for (const auto& [other, before] : metrics_of(was))
      if (name == other && before != is) out.push_back({name, before, is});
  return out;
}

std::string list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

void add_diff(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string a, b; bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("A", args->a, "a run (id, latest, production), a spec file, a package file, or a spec at a git revision: `REV:` or `REV:PATH`")->required();
  app.add_option("B", args->b, "the same")->required();
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("What changed from A to B: in the spec by meaning, in the data, the features, the metrics. What has the same meaning is no difference.\n\nExamples:\n  mlp diff production latest\n  mlp diff main: telco-churn.mlp --json\n  mlp diff 3fa9 telco-churn.mlp");
  run = [&globals, args] {
    const auto spec = [](const std::string& what) { return std::filesystem::path(what).extension() == ".mlp" && what.find(':') == std::string::npos ? what : ""; };
    const engine::Side a = side_of(args->a, spec(args->b), globals), b = side_of(args->b, spec(args->a), globals);
    const engine::Comparison comparison = engine::compare(a, b);
    const std::vector<Difference> changes = differences(comparison);
    const Names names = feature_names(*a.unit, *b.unit);
    const std::vector<Metric> metrics = changed_metrics(a, b);
    std::vector<Moved> moved;
    if (a.package && b.package) moved = profile(*a.package, *b.package);
    const Json was = data_of(a), is = data_of(b);

    if (args->json) {
      Json out;
      out["format_version"] = 1;
      const auto about = [](const engine::Side& side) { return Json{{"label", side.label}, {"run", side.run ? Json(side.run->id) : Json(nullptr)}, {"pipeline", side.unit->program.name}}; };
      out["a"] = about(a);
      out["b"] = about(b);
      out["class"] = driver::spell(comparison.cls());
      out["spec"] = Json::array();
      for (const Difference& d : changes) out["spec"].push_back({{"what", d.reason.what}, {"was", d.reason.was}, {"is", d.reason.is}, {"place", d.reason.place}, {"stages", d.stages}});
      out["data"] = {{"same", a.data.empty() || b.data.empty() ? Json(nullptr) : Json(a.data == b.data)}, {"was", was}, {"is", is}};
      out["features"] = {{"added", names.added}, {"removed", names.removed}};
      out["profile"] = Json::array();
      for (const Moved& m : moved) {
        Json row = {{"feature", m.feature}, {"missing", {{"was", m.was.missing}, {"is", m.is.missing}}}};
        if (m.was.number && m.is.number) row["median"] = {{"was", m.was.median}, {"is", m.is.median}};
        out["profile"].push_back(std::move(row));
      }
      out["metrics"] = Json::object();
      for (const Metric& m : metrics) out["metrics"][m.name] = {{"was", m.was}, {"is", m.is}};
      print_json(out);
      return 0;
    }

    std::cout << a.label << " → " << b.label << ": " << driver::spell(comparison.cls()) << '\n';
    std::cout << "spec\n";
    for (const Difference& d : changes) std::cout << "  " << d.reason.text() << "   " << list(d.stages) << '\n';
    if (changes.empty()) std::cout << "  the same meaning\n";
    std::cout << "data\n";
    bool same = true;
    for (const auto& [key, value] : is.items()) {
      if (!was.contains(key) || was[key] == value || value.is_null() || was[key].is_null()) continue;
      const auto spell = [](const Json& v) { return v.is_number() ? thousands(v.get<std::int64_t>()) : v.get<std::string>().substr(0, 12); };
      std::cout << "  " << key << ' ' << spell(was[key]) << " → " << spell(value) << '\n';
      same = false;
    }
    for (const engine::Side* side : {&a, &b})
      if (side->data.empty()) std::cout << "  of " << side->label << " not known: " << side->data_fault << '\n', same = false;
    if (same) std::cout << "  the same\n";
    if (!names.added.empty() || !names.removed.empty()) {
      std::cout << "features\n";
      if (!names.added.empty()) std::cout << "  added " << list(names.added) << '\n';
      if (!names.removed.empty()) std::cout << "  removed " << list(names.removed) << '\n';
    }
    if (!moved.empty()) std::cout << "profile of the train rows\n";
    for (const Moved& m : moved) {
      std::cout << "  " << m.feature;
      if (m.was.missing != m.is.missing) std::cout << "  missing " << significant(m.was.missing) << " → " << significant(m.is.missing);
      if (m.was.median != m.is.median) std::cout << "  median " << significant(m.was.median) << " → " << significant(m.is.median);
      std::cout << '\n';
    }
    if (!metrics.empty()) std::cout << "metrics\n";
    for (const Metric& m : metrics) std::cout << "  " << m.name << ' ' << significant(m.was) << " → " << significant(m.is) << '\n';
    return 0;
  };
}

}  // namespace mlp::cli
