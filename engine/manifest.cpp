#include "engine/manifest.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/version.h"
#include "stdlib/zones/zones.h"

namespace mlp::engine {
namespace {

nlohmann::ordered_json findings_json(const std::vector<Finding>& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& f : findings)
    list.push_back({{"code", info(f.code).code}, {"kind", f.kind}, {"subject", f.subject}, {"message", f.message}, {"measure", f.measure}, {"count", f.count}, {"rows", f.rows}});
  return list;
}

}  // namespace

void set_deployment(package::Signature& signature, const flow::Program& program) {
  signature.name = program.name;
  signature.deployment = program.deploy.declared ? program.deploy.name : program.name;
  signature.port = program.deploy.port;
  signature.drift = program.deploy.drift;
}

package::Signature signature_of(const flow::Program& program) {
  package::Signature signature;
  for (const ColumnId id : program.request) {
    Column column = program.columns[id.index];
    column.span = {};
    signature.request.push_back(std::move(column));
    signature.request_place.push_back(id.index);
  }
  signature.schema_size = static_cast<std::int32_t>(program.columns.size());
  for (const ir::Feature& feature : program.features) {
    std::vector<std::int32_t> places;
    for (std::size_t i = 0; i < program.request.size(); ++i)
      if (std::find(feature.columns.begin(), feature.columns.end(), program.request[i]) != feature.columns.end()) places.push_back(static_cast<std::int32_t>(i));
    signature.feature_columns.push_back(std::move(places));
  }
  signature.source = program.source;
  signature.source.span = {};
  signature.source.paths.clear();
  signature.target = program.model.target_name;
  set_deployment(signature, program);
  return signature;
}

namespace {

// The release of the time zone database whose rules a program holds; "" where it names no zone.
std::string time_zones_of(const flow::Program& program) {
  std::string rules;
  const auto column = [&](const Column& c) { if (!c.zone.empty()) rules = c.zone; };
  const auto constant = [&](const std::string& callee, const Value& last) { if (callee == "in_zone" || callee == "from_zone" || callee == "utc_offset") rules = last.text; };
  for (const Column& c : program.columns) column(c);
  for (const ir::Expr& e : program.exprs)
    if (e.op == ir::ExprOp::call && !e.args.empty()) constant(e.callee, program[e.args.back()].value);
  for (const QuerySource& source : program.query.sources)
    for (const Column& c : source.columns) column(c);
  for (const QueryStep& step : program.query.steps)
    for (const QueryExpr& e : step.exprs)
      if (e.kind == QueryExprKind::call && !e.args.empty()) constant(e.callee, step.exprs[static_cast<std::size_t>(e.args.back().index)].value);
  return std::string(zones::version_of(rules));
}

}  // namespace

std::string manifest_of(const Pipeline& pipeline, const std::string& identity, const Data& data, const Trained& trained, const std::vector<std::string>& golden) {
  const flow::Program& program = pipeline.program();
  nlohmann::ordered_json manifest;
  manifest["format"] = 1;
  manifest["toolchain"] = {{"mlp", version}, {"abi", MLP_ABI_VERSION}};
  manifest["pipeline"] = program.name;
  manifest["description"] = program.description;
  manifest["identity"] = identity;
  manifest["spec_sha256"] = sha256(pipeline.unit.sources.text(0));
  for (const driver::Imported& file : pipeline.unit.imports) manifest["imports"][file.path] = sha256(pipeline.unit.sources.text(file.source));
  if (const std::string release = time_zones_of(program); !release.empty()) manifest["time_zones"] = release;
  for (const Param& param : program.params) manifest["params"][param.name] = param.value;
  manifest["data"] = {{"sha256", data.report.digest}, {"present", data.report.present}, {"read", data.report.read}, {"rejected", data.report.rejected}};
  for (const data::SourceReport& source : data.report.sources)
    manifest["data"]["sources"][source.name] = {{"sha256", source.digest}, {"present", source.present}, {"read", source.read}, {"rejected", source.rejected}};
  manifest["rows"] = {{"train", data.train.row.size()}, {"valid", data.valid.row.size()}, {"test", data.test.row.size()}};
  manifest["seed"] = program.model.settings.seed;
  const ModelSettings& settings = program.model.settings;
  manifest["model"] = {{"kind", ir::enum_words<ModelKind>::words[static_cast<int>(settings.kind)]},
                       {"loss", is_custom(settings.loss) ? std::string_view(settings.loss_name) : ir::enum_words<Loss>::words[static_cast<int>(settings.loss)]},
                       {"rounds", trained.best_round}};
  if (settings.loss == Loss::none) manifest["model"].erase("loss");
  if (settings.precision != Precision::float32) manifest["model"]["precision"] = ir::enum_words<Precision>::words[static_cast<int>(settings.precision)];
  if (!trained.device.empty()) manifest["model"]["device"] = trained.device;
  if (settings.calibrate != Calibrate::none)
    manifest["model"]["calibration"] = {{"method", ir::enum_words<Calibrate>::words[static_cast<int>(settings.calibrate)]}, {"on", data.valid.row.empty() ? "folds" : "valid"}, {"rows", trained.calibrated}};
  if (settings.kind == ModelKind::network)  // the learning curve, epoch by epoch
    for (const learn::Progress& epoch : trained.history) {
      manifest["curve"]["metric"] = epoch.metric;
      manifest["curve"]["train"].push_back(epoch.train);
      if (epoch.valid == epoch.valid) manifest["curve"]["valid"].push_back(epoch.valid);
    }
  manifest["metrics"] = trained.metrics;
  if (data.outside > 0) manifest["rows"]["not_served"] = data.outside;
  if (!trained.findings.empty()) manifest["findings"] = findings_json(trained.findings);
  if (!trained.trials.empty()) {
    for (const Assignment& chosen : pipeline.tuned) manifest["tuned"][chosen.name] = chosen.value;
    manifest["tune"]["best"] = trained.best_trial + 1;
    for (const Trial& trial : trained.trials) {
      nlohmann::ordered_json values = nlohmann::ordered_json::object();
      for (const Assignment& a : trial.values) values[a.name] = a.value;
      manifest["tune"]["trials"].push_back({{"values", values}, {"score", trial.score}, {"rounds", trial.rounds}, {"resource", trial.resource}});
    }
  }
  for (const FoldScore& fold : trained.folds)
    manifest["folds"].push_back({{"rows", {{"train", fold.train}, {"valid", fold.valid}, {"test", fold.test}}}, {"rounds", fold.rounds}, {"metrics", fold.metrics}});
  manifest["golden"] = golden;  // what an artifact's selftest must give again
  return manifest.dump(1);
}

}  // namespace mlp::engine
