// test blocks: gates on metrics, invariances, monotonicity, single rows.
#include <algorithm>

#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

const std::vector<std::string>& metrics_of(const ir::Model& model) {
  static const std::vector<std::string> clusters = {"inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "rows"};
  static const std::vector<std::string> known_clusters = {"inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "adjusted_rand", "rows"};
  static const std::vector<std::string> anomalies = {"anomaly_share", "rows"};
  static const std::vector<std::string> known_anomalies = {"anomaly_share", "auc", "average_precision", "precision", "recall", "f1", "rows"};
  static const std::vector<std::string> binary = {"auc", "accuracy", "logloss", "precision", "recall", "f1", "brier", "ece", "rows"};
  static const std::vector<std::string> classes = {"accuracy", "logloss", "macro_f1", "auc", "ece", "rows"};
  static const std::vector<std::string> regression = {"rmse", "mae", "r2", "mape", "rows"};
  static const std::vector<std::string> poisson = {"rmse", "mae", "r2", "mape", "poisson_deviance", "rows"};
  static const std::vector<std::string> quantile = {"rmse", "mae", "r2", "mape", "pinball", "rows"};
  const bool truth = model.target.known();
  switch (model.settings.loss) {
    case Loss::none: return model.settings.kind == ModelKind::kmeans ? (truth ? known_clusters : clusters) : truth ? known_anomalies : anomalies;
    case Loss::logistic:
    case Loss::custom_bool: return binary;
    case Loss::softmax: return classes;
    case Loss::poisson: return poisson;
    case Loss::quantile: return quantile;
    case Loss::squared:
    case Loss::custom: break;
  }
  return regression;
}

bool is_share(const std::string& metric) {
  static const std::set<std::string> shares = {"auc", "accuracy", "precision", "recall", "f1", "macro_f1", "brier", "ece", "average_precision", "anomaly_share"};
  return shares.count(metric) > 0;
}

}  // namespace

// test.auc → scope and metric; reports what is wrong with it.
bool Checker::check_metric(const ast::Expr& e, MetricScope& scope, std::string& metric) {
  if (e.kind != ast::ExprKind::member || node(e.args[0]).kind != ast::ExprKind::name) {
    report(code::bad_gate, "`" + text(e.span) + "` is no metric", e.span).suggest("name a part and a metric: `test.auc`");
    return false;
  }
  const ast::Expr& part = node(e.args[0]);
  static const std::map<std::string, MetricScope> scopes = {{"train", MetricScope::train}, {"valid", MetricScope::valid}, {"test", MetricScope::test},
                                                            {"production", MetricScope::production}, {"cv", MetricScope::cv}, {"oob", MetricScope::oob}};
  const auto found = scopes.find(part.text);
  if (found == scopes.end()) {
    Diagnostic& d = report(code::bad_gate, "`" + part.text + "` is no part of the data", part.span, "not known");
    suggest_name(d, part.span, part.text, {"train", "valid", "test", "production", "cv", "oob"});
    if (d.help.empty()) d.suggest("parts are: train valid test production cv oob");
    return false;
  }
  scope = found->second;
  metric = e.text;
  const Span metric_span{e.span.source, e.span.end - static_cast<std::uint32_t>(e.text.size()), e.span.end};
  if (scope == MetricScope::valid && !has_valid_) {
    report(code::missing_part, "`" + text(e.span) + "` needs valid rows, and the split has none", part.span).also(module_.split.span, "split here").suggest("give the part some rows");
    return false;
  }
  if ((scope == MetricScope::test || scope == MetricScope::production) && !has_test_ && !has_target(module_.model.settings.kind)) {  // else that is reported
    report(code::missing_part, "`" + text(e.span) + "` needs test rows, and the split has none", part.span).also(module_.split.span, "split here").suggest("give the part some rows");
    return false;
  }
  if (scope == MetricScope::cv && module_.split.folds == 0) {
    report(code::missing_part, "`" + text(e.span) + "` needs folds, and the split has none", part.span).also(module_.split.span, "split here").suggest("add `folds = 5` to the split");
    return false;
  }
  const ModelSettings& settings = module_.model.settings;
  if (scope == MetricScope::oob && (settings.kind != ModelKind::forest || (!settings.bootstrap && settings.subsample >= 1))) {
    const bool forest = settings.kind == ModelKind::forest;
    report(code::missing_part, "`" + text(e.span) + "` needs rows that trees leave out, and " + (forest ? "every tree of this forest sees all rows" : "only a `forest` does that"), part.span)
        .also(module_.model.span, "this model").suggest(forest ? "say `bootstrap = true`, or measure by `valid`" : "measure by `valid` or `cv`");
    return false;
  }
  if (!answer_known()) return false;
  const ir::Model& m = module_.model;
  const auto& known = metrics_of(m);
  if (std::find(known.begin(), known.end(), metric) != known.end()) return true;
  const bool target = has_target(m.settings.kind);
  const std::string what = target ? "a model with loss `" + std::string(ir::enum_words<Loss>::words[static_cast<int>(m.settings.loss)]) + "`"
                                  : std::string(m.settings.kind == ModelKind::isolation_forest ? "an `" : "a `") + std::string(ir::enum_words<ModelKind>::words[static_cast<int>(m.settings.kind)]) + "` model";
  ir::Model with_truth = m;
  with_truth.target = {0};
  const auto& possible = metrics_of(with_truth);
  if (!target && !m.target.known() && std::find(possible.begin(), possible.end(), metric) != possible.end()) {
    report(code::unknown_metric, "`" + metric + "` compares with the truth, and model `" + model_name_ + "` names none", metric_span, "measured against what?").also(m.span, "the model").suggest("say in the model what is true: `measure against COLUMN`");
    return false;
  }
  Diagnostic& d = report(code::unknown_metric, what + " has no metric `" + metric + "`", metric_span, "not known");
  suggest_name(d, metric_span, metric, known);
  if (d.help.empty()) {
    std::string list;
    for (const std::string& m : known) list += (list.empty() ? "" : " ") + m;
    d.suggest("metrics are: " + list);
  }
  return false;
}

void Checker::check_require(const ast::Gate& gate) {
  Gate g;
  g.span = gate.span;
  g.text = text(gate.span);
  const ast::Expr& e = node(gate.condition);
  const auto compare = e.kind == ast::ExprKind::binary ? comparison(e.text) : std::nullopt;
  if (!compare) {
    report(code::bad_gate, "a gate compares a metric", e.span, "no comparison").suggest("`require test.auc >= 0.8`");
    return;
  }
  g.compare = *compare;
  const ast::Expr& left = node(e.args[0]);
  if (left.kind == ast::ExprKind::name && left.text == "findings") {  // of training: engine/findings.h
    const auto limit = whole(e.args[1]);
    if (!limit || *limit < 0) {
      report(code::bad_gate, "`findings` are counted: compare them with a whole number from 0", node(e.args[1]).span, "found `" + text(node(e.args[1]).span) + "`").suggest("`require findings == 0`");
      return;
    }
    g.metric = "findings";
    g.scope = MetricScope::train;
    g.value = static_cast<double>(*limit);
    module_.gates.push_back(std::move(g));
    return;
  }
  const bool gap = left.kind == ast::ExprKind::call && left.text == "gap";
  if (gap) {
    ast::ExprId metric, by;
    for (std::size_t i = 0; i < left.args.size(); ++i) {
      if (left.arg_names[i].empty() && !metric.known()) metric = left.args[i];
      else if (left.arg_names[i] == "by" && !by.known()) by = left.args[i];
      else metric = by = {}, i = left.args.size();
    }
    if (!metric.known() || !by.known()) {
      report(code::bad_gate, "`gap` takes a metric and the column of the groups", left.span).suggest("`gap(test.recall, by = gender)`");
      return;
    }
    if (!check_metric(node(metric), g.scope, g.metric)) return;
    if (g.scope == MetricScope::cv || g.scope == MetricScope::oob) {
      report(code::bad_gate, g.scope == MetricScope::cv ? "`gap` compares the rows of one part, and `cv` is a mean over folds" : "`gap` needs predictions by row, and `oob` keeps none", node(metric).span).suggest("`gap(test." + g.metric + ", by = …)`");
      return;
    }
    g.by = column_named(node(by), "`by`");
    if (!g.by.known()) return;
    const Column& c = module_.columns[g.by.index];
    if (c.pii) {
      report(code::personal_data, "groups of `" + c.name + "` would stand in reports, and it is personal", node(by).span, "a `@pii` column").also(c.span, "declared `@pii` here")
          .suggest("form groups by a column that is not personal, such as one marked `@protected`");
      return;
    }
    if (!is_text(c.type.scalar) && c.type.scalar != Scalar::boolean && c.type.scalar != Scalar::integer) {
      report(code::bad_gate, "groups are formed by a `category`, a `bool` or an `int`, and `" + c.name + "` is a " + show(c.type), node(by).span).also(c.span, "declared here");
      return;
    }
  } else if (!check_metric(left, g.scope, g.metric)) {
    return;
  }
  // The right side: a number, or a metric with a number added to or taken from it.
  const ast::Expr& right = node(e.args[1]);
  const auto against = [&](const ast::Expr& member) {
    MetricScope scope{};
    if (!check_metric(member, scope, g.against_metric)) return false;
    g.against = scope;
    return true;
  };
  if (const auto value = number(e.args[1])) {
    g.value = *value;
    const bool low = g.compare == Compare::ge || g.compare == Compare::gt;
    if (!gap && is_share(g.metric) && ((low && g.value > 1) || (!low && g.value < 0)))
      report(code::out_of_range, "`" + g.metric + "` is between 0 and 1, so this gate can never hold", right.span, "found `" + text(right.span) + "`")
          .suggest(g.value > 1 && g.value <= 100 ? "write `" + ir::exact(g.value) + "%`" : "");
  } else if (right.kind == ast::ExprKind::member) {
    if (!against(right)) return;
  } else if (right.kind == ast::ExprKind::binary && (right.text == "+" || right.text == "-") && number(right.args[1]) &&
             node(right.args[0]).kind == ast::ExprKind::member) {
    if (!against(node(right.args[0]))) return;
    g.value = *number(right.args[1]) * (right.text == "-" ? -1 : 1);
  } else {
    report(code::bad_gate, "a metric is compared with a number, or with another metric and a number", right.span, "cannot be compared")
        .suggest("`require test.auc >= production.auc - 0.005`");
    return;
  }
  module_.gates.push_back(std::move(g));
}

void Checker::check_given(const ast::Gate& gate) {
  Gate g;
  g.kind = GateKind::given;
  g.span = gate.span;
  g.text = text(gate.span);
  const ast::Expr& record = node(gate.given);
  const std::size_t before = found_.all().size();
  for (std::size_t i = 0; i < record.args.size(); ++i) {
    const ColumnId id = column_named(record.arg_names[i], record.arg_name_spans[i]);
    if (!id.known()) continue;
    if (std::find(g.given.begin(), g.given.end(), id) != g.given.end()) {
      report(code::duplicate_name, "`" + record.arg_names[i] + "` is given twice", record.arg_name_spans[i], "again").suggest("keep one of the two");
      continue;
    }
    const auto& target = module_.model.target_columns;
    if (std::find(target.begin(), target.end(), id) != target.end())
      report(code::idle_gate, "`" + record.arg_names[i] + "` is what the model " + (has_target(module_.model.settings.kind) ? "predicts" : "is measured against") + ", so giving it changes nothing", record.arg_name_spans[i], "the target").also(module_.model.target_span, "said here")
          .suggest("say it behind `expect`: `expect prediction > 0.5`");
    const auto v = typed_value(node(record.args[i]), module_.columns[id.index]);
    if (!v) continue;
    g.given.push_back(id);
    g.given_values.push_back(*v);
  }
  const bool idle = found_.all().size() == before && std::none_of(g.given.begin(), g.given.end(), [&](ColumnId id) { return feeds_feature(id); });
  if (idle)
    report(code::idle_gate, record.args.empty() ? "nothing is given: every column is null or typical of the train rows" : "no feature is computed from what is given here", record.span, record.args.empty() ? "empty" : "used by no feature")
        .suggest("give columns that features use: `given { tenure = 1 }`");
  const ast::Expr& e = node(gate.condition);
  const auto compare = e.kind == ast::ExprKind::binary ? comparison(e.text) : std::nullopt;
  const ModelKind kind = module_.model.settings.kind;
  const std::string also = kind == ModelKind::kmeans ? "distance" : kind == ModelKind::isolation_forest ? "score" : "prediction";
  const std::string what = compare && node(e.args[0]).kind == ast::ExprKind::name ? node(e.args[0]).text : "";
  if (what != "prediction" && what != also) {
    report(code::bad_gate, "`expect` compares the prediction" + (also == "prediction" ? "" : ", or its `" + also + "`"), e.span).suggest(kind == ModelKind::kmeans ? "`expect prediction == 0`" : kind == ModelKind::isolation_forest ? "`expect prediction == true`" : "`expect prediction > 0.4`");
    return;
  }
  if (!answer_known()) return;
  g.compare = *compare;
  const ast::Expr& right = node(e.args[1]);
  if (!has_target(kind)) {
    if (!check_expected(g, what, e.args[1])) return;
    const auto& found = found_.all();
    if (std::none_of(found.begin() + static_cast<std::ptrdiff_t>(before), found.end(), [](const Diagnostic& d) { return info(d.code).severity == Severity::error; })) module_.gates.push_back(std::move(g));
    return;
  }
  const Loss loss = module_.model.settings.loss;
  const bool classes = is_binary(loss) || loss == Loss::softmax;
  if (right.kind == ast::ExprKind::string) {
    const auto& words = module_.model.classes;
    if (!classes || (g.compare != Compare::eq && g.compare != Compare::ne)) {
      report(code::bad_gate, classes ? "a label is compared with `==` or `!=`" : "the prediction is a number", right.span, "a label").suggest(classes ? "" : "compare it with a number");
      return;
    }
    if (!words.empty() && std::find(words.begin(), words.end(), right.text) == words.end()) {
      Diagnostic& d = report(code::bad_gate, "model `" + model_name_ + "` never predicts \"" + right.text + "\"", right.span, "not a label");
      d.suggest("labels are \"" + words[1] + "\" and \"" + words[0] + "\"");
      return;
    }
    g.expect_label = right.text;
  } else if (const auto value = number(e.args[1])) {
    g.value = *value;
    if (loss == Loss::softmax) {
      report(code::bad_gate, "the prediction of `" + model_name_ + "` is a label", right.span, "a number").suggest("`expect prediction == \"label\"`");
      return;
    }
    if (is_binary(loss) && (g.value < 0 || g.value > 1)) {
      report(code::out_of_range, "the prediction is a probability, from 0 to 1", right.span, "found `" + text(right.span) + "`");
      return;
    }
  } else {
    report(code::bad_gate, "the prediction is compared with a number or a label", right.span, "neither");
    return;
  }
  const auto& found = found_.all();
  if (std::none_of(found.begin() + static_cast<std::ptrdiff_t>(before), found.end(), [](const Diagnostic& d) { return info(d.code).severity == Severity::error; })) module_.gates.push_back(std::move(g));
}

// What is expected of a model without a target: the number of a cluster and its distance, an anomaly and its score.
bool Checker::check_expected(Gate& g, const std::string& what, ast::ExprId value_of) {
  const ast::Expr& right = node(value_of);
  const bool anomaly = module_.model.settings.kind == ModelKind::isolation_forest;
  const bool equal = g.compare == Compare::eq || g.compare == Compare::ne;
  const auto refuse = [&](Code code, const std::string& message, const std::string& help) {
    report(code, message, right.span, "found `" + text(right.span) + "`").suggest(help);
    return false;
  };
  if (what != "prediction") {
    g.metric = what;
    const auto value = number(value_of);
    if (!value) return refuse(code::bad_gate, "`" + what + "` is a number", anomaly ? "`expect score > 0.6`" : "`expect distance < 2`");
    if (*value < 0 || (anomaly && *value > 1)) return refuse(code::out_of_range, anomaly ? "`score` is between 0 and 1" : "`distance` is 0 or more", "");
    g.value = *value;
    return true;
  }
  if (anomaly) {
    if (right.kind != ast::ExprKind::boolean || !equal) return refuse(code::bad_gate, "the prediction of `" + model_name_ + "` is `true` for an anomaly, else `false`", "`expect prediction == true`, or compare the `score`: `expect score > 0.6`");
    g.value = right.text == "true" ? 1 : 0;
    return true;
  }
  const auto n = whole(value_of);
  const std::int64_t clusters = module_.model.settings.clusters;
  if (!n || !equal) return refuse(code::bad_gate, "the prediction of `" + model_name_ + "` is the number of a cluster, and numbers of clusters have no order", "`expect prediction == 0`, or compare the `distance`: `expect distance < 2`");
  if (*n < 0 || *n >= clusters) return refuse(code::out_of_range, "clusters are numbered from 0 to " + std::to_string(clusters - 1), "");
  g.value = static_cast<double>(*n);
  return true;
}

// Whether a feature is computed from the column; yes where a feature could not be read.
bool Checker::feeds_feature(ColumnId id) const {
  return !poisoned_features_.empty() || module_.features.empty() ||
         std::any_of(module_.features.begin(), module_.features.end(), [&](const ir::Feature& f) { return std::find(f.columns.begin(), f.columns.end(), id) != f.columns.end(); });
}

void Checker::check_test(const ast::Test& test) {
  if (meaning_) meaning_->metrics = metrics_of(module_.model);
  for (const ast::Gate& gate : test.gates) {
    if (gate.kind == GateKind::require) {
      check_require(gate);
      continue;
    }
    if (gate.kind == GateKind::given) {
      check_given(gate);
      continue;
    }
    Gate g;
    g.kind = gate.kind;
    g.span = gate.span;
    g.text = text(gate.span);
    g.increasing = gate.direction != "decreasing";
    bool bad = false;
    for (std::size_t i = 0; i < gate.names.size(); ++i) {
      const ColumnId id = column_named(gate.names[i], gate.name_spans[i]);
      bad = bad || !id.known();
      if (!id.known()) continue;
      const Column& c = module_.columns[id.index];
      const auto& target = module_.model.target_columns;
      if (gate.kind == GateKind::monotone && !is_number(c.type.scalar) && !c.ordered) {
        report(code::bad_gate, "`" + c.name + "` is a " + show(c.type) + " and has no order", gate.name_spans[i], "cannot be monotone").also(c.span, "declared here");
        bad = true;
      } else if (c.type.scalar == Scalar::image) {
        report(code::bad_gate, "`" + c.name + "` holds pictures, and rows are not tried with those of others", gate.name_spans[i], "pictures").also(c.span, "declared here");
        bad = true;
      } else if (std::find(target.begin(), target.end(), id) != target.end()) {
        report(code::bad_gate, "`" + c.name + "` is what the model " + (has_target(module_.model.settings.kind) ? "predicts" : "is measured against"), gate.name_spans[i], "the target").also(module_.model.target_span, "said here");
        bad = true;
      } else if (std::find(g.columns.begin(), g.columns.end(), id) != g.columns.end()) {
        report(code::duplicate_name, "`" + c.name + "` is there twice", gate.name_spans[i], "again").suggest("keep one of the two");
        bad = true;
      } else if (gate.kind == GateKind::monotone) {
        for (const Gate& other : module_.gates)
          if (other.kind == GateKind::monotone && other.increasing != g.increasing && std::find(other.columns.begin(), other.columns.end(), id) != other.columns.end()) {
            report(code::bad_gate, "the prediction cannot both rise and fall with `" + c.name + "`", gate.name_spans[i], "the other direction").also(other.span, "said here").suggest("keep one of the two; `invariant " + c.name + "` says that it does neither");
            bad = true;
          }
        if (!bad && !feeds_feature(id))
          report(code::idle_gate, "no feature is computed from `" + c.name + "`, so this always holds", gate.name_spans[i], "used by no feature").suggest("name a column that a feature uses");
      }
      g.columns.push_back(id);
    }
    if (gate.kind == GateKind::invariant) {
      g.value = 0.01;  // a score may move by 1%
      if (gate.condition.known() && module_.model.settings.kind == ModelKind::kmeans) {
        report(code::bad_gate, "a row moves to another cluster or it does not: there is no `within`", node(gate.condition).span).suggest("leave `within` out");
        bad = true;
      } else if (gate.condition.known()) {
        const auto within = number(gate.condition);
        if (within && *within >= 0 && *within <= 1) {
          g.value = *within;
          if (*within == 1 && module_.model.target.known() && target_type_.scalar == Scalar::boolean)
            report(code::idle_gate, "no probability can move by more than 100%, so this always holds", node(gate.condition).span, "everything is within").suggest("write how much it may move: `within 1%`");
        }
        else {
          report(within ? code::out_of_range : code::bad_gate, "`within` is a share, from 0% to 100%", node(gate.condition).span, "found `" + text(node(gate.condition).span) + "`");
          bad = true;
        }
      }
      g.compare = Compare::le;
    }
    const bool no_order = module_.model.settings.kind == ModelKind::kmeans || (module_.model.target.known() && module_.model.settings.loss == Loss::softmax);
    if (gate.kind == GateKind::monotone && no_order) {
      report(code::bad_gate, module_.model.settings.kind == ModelKind::kmeans ? "numbers of clusters have no order" : "a prediction among several classes has no order", gate.span, "cannot be monotone");
      bad = true;
    }
    if (!bad) module_.gates.push_back(std::move(g));
  }
}

}  // namespace mlp::checking
